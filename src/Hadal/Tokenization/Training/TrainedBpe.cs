using System.Text.Encodings.Web;
using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Tokenization.Bpe;

namespace Hadal.Tokenization.Training;

/// <summary>
/// A trained vocabulary: special tokens have the first ids, then come the 256 bytes in the order of GPT-2 (the printable ones first),
/// then what was merged. It is written as a folder that Hugging Face's tokenizers opens.
/// </summary>
public sealed class TrainedBpe
{
    private static readonly JsonWriterOptions s_layout = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly BpeTrainerOptions _options;
    private readonly string[] _patterns;
    private readonly List<string> _tokens;

    internal TrainedBpe(BpeTrainerOptions options, string[] patterns, string[] names, List<(int Left, int Right)> merges)
    {
        _options = options;
        _patterns = patterns;
        _tokens = [.. options.AddedTokens, .. names[..256].OrderBy(name => name[0]), .. names[256..]];
        Merges = [.. merges.Select(merge => (names[merge.Left], names[merge.Right]))];
    }

    /// <summary>Names of the tokens by id; all but the special ones are bytes in GPT-2's alphabet.</summary>
    public IReadOnlyList<string> Tokens => _tokens;

    /// <summary>What merges, the first learned first.</summary>
    public IReadOnlyList<(string Left, string Right)> Merges { get; }

    /// <summary>Writes tokenizer.json and tokenizer_config.json, each whole or not at all. The folder is made if need be.</summary>
    /// <exception cref="CheckpointException">A file can't be written.</exception>
    public void Write(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw TokenizerException.FromSystem(folder, "created", e);
        }

        AtomicFile.Write(Path.Combine(folder, "tokenizer.json"), Json(WriteTokenizer));
        AtomicFile.Write(Path.Combine(folder, "tokenizer_config.json"), Json(WriteSettings));
    }

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, s_layout)) write(writer);
        return stream.ToArray();
    }

    private void WriteTokenizer(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        for (int id = 0; id < _options.AddedTokens.Count; id++)
        {
            json.WriteStartObject();
            json.WriteNumber("id", id);
            json.WriteString("content", _tokens[id]);
            foreach (string flag in (ReadOnlySpan<string>)["single_word", "lstrip", "rstrip", "normalized"]) json.WriteBoolean(flag, false);
            json.WriteBoolean("special", id < _options.SpecialTokens.Count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNull("normalizer");
        WritePreTokenizer(json);
        WritePostProcessor(json);
        json.WritePropertyName("decoder");
        WriteByteLevel(json, prefixSpace: true, useRegex: true);
        WriteModel(json);
        json.WriteEndObject();
    }

    private void WritePreTokenizer(Utf8JsonWriter json)
    {
        json.WritePropertyName("pre_tokenizer");
        if (_options.Pattern == "gpt-2")
        {
            WriteByteLevel(json, prefixSpace: false, useRegex: true);
            return;
        }

        json.WriteStartObject();
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        foreach (string pattern in _patterns)
        {
            json.WriteStartObject();
            json.WriteString("type", "Split");
            json.WriteStartObject("pattern");
            json.WriteString("Regex", pattern);
            json.WriteEndObject();
            json.WriteString("behavior", "Isolated");
            json.WriteBoolean("invert", false);
            json.WriteEndObject();
        }

        WriteByteLevel(json, prefixSpace: false, useRegex: false);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void WritePostProcessor(Utf8JsonWriter json)
    {
        if (_options.BosToken is not { } bos)
        {
            json.WriteNull("post_processor");
            return;
        }

        json.WriteStartObject("post_processor");
        json.WriteString("type", "TemplateProcessing");
        WriteTemplate(json, "single", bos, "A");
        WriteTemplate(json, "pair", bos, "A", "B");
        json.WriteStartObject("special_tokens");
        json.WriteStartObject(bos);
        json.WriteString("id", bos);
        json.WriteStartArray("ids");
        json.WriteNumberValue(_tokens.IndexOf(bos));
        json.WriteEndArray();
        json.WriteStartArray("tokens");
        json.WriteStringValue(bos);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteTemplate(Utf8JsonWriter json, string name, string bos, params ReadOnlySpan<string> sequences)
    {
        json.WriteStartArray(name);
        for (int i = -1; i < sequences.Length; i++)
        {
            json.WriteStartObject();
            json.WriteStartObject(i < 0 ? "SpecialToken" : "Sequence");
            json.WriteString("id", i < 0 ? bos : sequences[i]);
            json.WriteNumber("type_id", Math.Max(i, 0));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteByteLevel(Utf8JsonWriter json, bool prefixSpace, bool useRegex)
    {
        json.WriteStartObject();
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", prefixSpace);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", useRegex);
        json.WriteEndObject();
    }

    private void WriteModel(Utf8JsonWriter json)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        foreach (string key in (ReadOnlySpan<string>)["dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"])
        {
            json.WriteNull(key);
        }
        foreach (string key in (ReadOnlySpan<string>)["fuse_unk", "byte_fallback", "ignore_merges"]) json.WriteBoolean(key, false);
        json.WriteStartObject("vocab");
        for (int id = 0; id < _tokens.Count; id++) json.WriteNumber(_tokens[id], id);
        json.WriteEndObject();
        // "a b" is what readers of any age understand; a space is no character of the byte alphabet.
        json.WriteStartArray("merges");
        foreach ((string left, string right) in Merges) json.WriteStringValue($"{left} {right}");
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void WriteSettings(Utf8JsonWriter json)
    {
        string? eos = _options.EosToken ?? (_options.SpecialTokens.Count > 0 ? _options.SpecialTokens[0] : null);
        json.WriteStartObject();
        json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        if (_options.BosToken is { } bos) json.WriteString("bos_token", bos);
        if (eos is not null) json.WriteString("eos_token", eos);
        json.WriteBoolean("add_bos_token", _options.BosToken is not null);
        json.WriteBoolean("add_eos_token", false);
        json.WriteBoolean("clean_up_tokenization_spaces", false);
        json.WriteEndObject();
    }
}
