using System.Text;
using System.Text.Json;

namespace Hadal.Tokenization.Formats;

/// <summary>
/// What the files beside a vocabulary say about it: tokenizer_config.json names BOS, EOS and the template, which chat_template.jinja may
/// have instead; generation_config.json (or else config.json) has the ids that end a text.
/// </summary>
internal static class ModelSettings
{
    /// <summary>Reads what there is in a folder.</summary>
    public static void Apply(string folder, TokenizerParts parts)
    {
        int? bos = null, eos = null;
        string settings = Path.Combine(folder, "tokenizer_config.json");
        if (File.Exists(settings))
        {
            JsonPlace.Read(settings, root =>
            {
                bos = Id(root["bos_token"], parts);
                eos = Id(root["eos_token"], parts);
                parts.UnknownId ??= Id(root["unk_token"], parts);
                parts.PadId = Id(root["pad_token"], parts);
                parts.BosId = bos ?? parts.BosId;
                if (eos is { } end) parts.EosIds.Add(end);
                parts.ChatTemplate = Template(root["chat_template"]) ?? parts.ChatTemplate;
                // Said in so many words, it overrules the post-processor, as the Llama class of transformers does.
                if (!root["add_bos_token"].IsNull) parts.Before = root["add_bos_token"].Flag(false) && parts.BosId is { } b ? [b] : [];
                if (!root["add_eos_token"].IsNull) parts.Behind = root["add_eos_token"].Flag(false) && eos is { } e ? [e] : [];
                return 0;
            });
        }

        // Newer checkpoints have it in a file of its own, which comes before the settings' as with transformers.
        string template = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(template)) parts.ChatTemplate = Encoding.UTF8.GetString(TokenizerException.ReadFile(template)).TrimStart('\uFEFF');

        foreach (string name in (ReadOnlySpan<string>)["generation_config.json", "config.json"])
        {
            string file = Path.Combine(folder, name);
            if (!File.Exists(file)) continue;
            bool found = JsonPlace.Read(file, root =>
            {
                parts.BosId ??= Ids(root["bos_token_id"], parts).Cast<int?>().FirstOrDefault();
                int[] ends = [.. Ids(root["eos_token_id"], parts)];
                parts.EosIds.AddRange(ends.Except(parts.EosIds));
                return ends.Length > 0;
            });
            if (found) break;
        }
    }

    // One template, or several with names, of which the one for plain conversations is called default.
    private static string? Template(JsonPlace template) => template.Kind == JsonValueKind.Array
        ? template.Items().Where(named => named["name"].TextOrNull() == "default").Select(named => named["template"].Text()).FirstOrDefault()
        : template.TextOrNull();

    // A string, or an object with the token's properties; a name that the vocabulary lacks names nothing.
    private static int? Id(JsonPlace token, TokenizerParts parts)
    {
        if (token.IsNull) return null;
        string name = token.Kind == JsonValueKind.Object ? token["content"].Text() : token.Text();
        return parts.Vocabulary.TryGet(name, out int id) ? id : null;
    }

    // Ids beyond the vocabulary are left out: configurations are written by hand, and no text can have them.
    private static IEnumerable<int> Ids(JsonPlace ids, TokenizerParts parts)
    {
        if (ids.IsNull) return [];
        IEnumerable<long> numbers = ids.Kind == JsonValueKind.Array ? ids.Items().Select(id => id.Number()) : [ids.Number()];
        return [.. numbers.Where(id => id >= 0 && id < parts.Vocabulary.Size).Select(id => (int)id)];
    }
}
