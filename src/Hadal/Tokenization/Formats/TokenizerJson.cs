using System.Text.Json;
using Hadal.Tokenization.Bpe;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization.Formats;

/// <summary>
/// Reads tokenizer.json of Hugging Face: the model and the added tokens here, the steps before and after it in
/// <see cref="TokenizerJsonSteps"/>. What a file asks for and nothing here can do is refused by name.
/// </summary>
internal static class TokenizerJson
{
    /// <summary>Reads a file.</summary>
    public static TokenizerParts Read(string path) => JsonPlace.Read(path, root => Read(path, root));

    private static TokenizerParts Read(string path, JsonPlace root)
    {
        JsonPlace model = root["model"];
        string kind = model.Kind == JsonValueKind.Object ? model["type"].TextOrNull() ?? "BPE" : throw model.Wrong("an object");
        model["type"].Refuse(kind != "BPE", $"the model {TokenizerException.Quote(kind)} is not supported, expected 'BPE'");
        model["dropout"].Refuse(!model["dropout"].IsNull && model["dropout"].Kind != JsonValueKind.Number, "found something else than a number");
        foreach (string affix in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            model[affix].Refuse(!string.IsNullOrEmpty(model[affix].TextOrNull()), "parts of words with an affix are not supported, expected null");
        }

        TokenizerJsonSteps steps = new(path, root);
        JsonPlace vocab = model["vocab"];
        Vocabulary vocabulary = new(4096);
        foreach ((string name, JsonPlace id) in vocab.Properties())
        {
            if (vocabulary.Add(name, id.Number()) is { } problem) throw vocab.Problem(problem);
        }

        string? unknownName = model["unk_token"].TextOrNull();
        int unknown = unknownName is null ? -1 : vocabulary.Find(unknownName);
        MergeTable merges = Merges(model["merges"], vocabulary);
        bool ignoreMerges = model["ignore_merges"].Flag(false), byteFallback = model["byte_fallback"].Flag(false);
        bool fuse = model["fuse_unk"].Flag(false);
        // Symbols are looked up in the vocabulary as the model knows it, so added tokens come later.
        BpeModel bpe = steps.IsByteLevel
            ? new ByteLevelBpe(vocabulary, merges, ignoreMerges, unknown)
            : new CharacterBpe(vocabulary, merges, ignoreMerges, CharacterSymbols.Of(vocabulary), byteFallback, unknown, fuse);
        PreTokenizer[] wordByWord = steps.IsByteLevel || ignoreMerges ? [] : MarkedWords.For(vocabulary);
        List<AddedToken> added = [.. root["added_tokens"].Items().Select(item => Added(item, vocabulary))];
        TokenizerParts parts = new()
        {
            Path = path,
            Vocabulary = vocabulary,
            Model = bpe,
            Normalizers = steps.Normalizers,
            PreTokenizers = [.. steps.PreTokenizers, .. wordByWord],
            CutPatterns = steps.CutPatterns,
            Text = steps.Decoder(),
            AddedTokens = added,
            UnknownId = unknown >= 0 ? unknown : unknownName is not null && vocabulary.TryGet(unknownName, out int late) ? late : null,
        };
        steps.PostProcess(parts);
        return parts;
    }

    // "a b" or, in newer files, ["a", "b"]; the rank is the place in the list.
    private static MergeTable Merges(JsonPlace merges, Vocabulary vocabulary)
    {
        MergeTable table = new(merges.Count);
        int rank = 0;
        foreach (JsonPlace item in merges.Items())
        {
            string left, right;
            if (item.Kind == JsonValueKind.Array)
            {
                string[] pair = [.. item.Items().Select(part => part.Text())];
                item.Refuse(pair.Length != 2, $"found {pair.Length} parts, expected 2");
                (left, right) = (pair[0], pair[1]);
            }
            else
            {
                string pair = item.Text();
                int space = pair.IndexOf(' ');
                item.Refuse(space < 0 || pair.IndexOf(' ', space + 1) >= 0, $"found {TokenizerException.Quote(pair)}, expected two tokens and a space");
                (left, right) = (pair[..space], pair[(space + 1)..]);
            }

            int leftId = Part(item, vocabulary, left), rightId = Part(item, vocabulary, right);
            table.Add(leftId, rightId, rank++, Part(item, vocabulary, left + right));
        }

        return table;
    }

    private static int Part(JsonPlace item, Vocabulary vocabulary, string name) =>
        vocabulary.TryGet(name, out int id) ? id : throw item.Problem($"the vocabulary has no {TokenizerException.Quote(name)}");

    private static AddedToken Added(JsonPlace item, Vocabulary vocabulary)
    {
        string content = item["content"].Text();
        long id = item["id"].Number();
        if (vocabulary.Add(content, id) is { } problem) throw item.Problem(problem);
        bool special = item["special"].Flag(false);
        return new AddedToken(
            (int)id, content, special, item["normalized"].Flag(!special), item["lstrip"].Flag(false), item["rstrip"].Flag(false),
            item["single_word"].Flag(false));
    }
}
