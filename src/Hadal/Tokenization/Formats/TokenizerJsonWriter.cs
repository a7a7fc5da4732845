using System.Text.Encodings.Web;
using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Tokenization.Bpe;

namespace Hadal.Tokenization.Formats;

/// <summary>
/// Writes a vocabulary of a GGUF file as tokenizer.json and tokenizer_config.json, which Hugging Face's tokenizers opens: byte-level BPE
/// with its patterns, or SentencePiece's BPE as merges on characters with bytes for the rest.
/// </summary>
internal sealed class TokenizerJsonWriter
{
    private static readonly JsonWriterOptions s_layout = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly TokenizerParts _parts;
    private readonly Utf8JsonWriter _json;

    private TokenizerJsonWriter(TokenizerParts parts, Utf8JsonWriter json) => (_parts, _json) = (parts, json);

    private bool IsByteLevel => _parts.Model is ByteLevelBpe;

    /// <summary>Writes both files into a folder that exists.</summary>
    /// <exception cref="CheckpointException">A file can't be written.</exception>
    public static void Write(TokenizerParts parts, string folder)
    {
        AtomicFile.Write(Path.Combine(folder, "tokenizer.json"), Json(parts, writer => writer.WriteTokenizer()));
        AtomicFile.Write(Path.Combine(folder, "tokenizer_config.json"), Json(parts, writer => writer.WriteSettings()));
    }

    private static byte[] Json(TokenizerParts parts, Action<TokenizerJsonWriter> write)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, s_layout))
        {
            json.WriteStartObject();
            write(new TokenizerJsonWriter(parts, json));
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private void WriteTokenizer()
    {
        _json.WriteString("version", "1.0");
        _json.WriteNull("truncation");
        _json.WriteNull("padding");
        WriteAddedTokens();
        if (IsByteLevel)
        {
            _json.WriteNull("normalizer");
            WritePatterns();
        }
        else
        {
            WriteMarkedSpaces();
            _json.WriteNull("pre_tokenizer");
        }

        WritePostProcessor();
        WriteDecoder();
        WriteModel();
    }

    private void WriteAddedTokens()
    {
        _json.WriteStartArray("added_tokens");
        foreach (AddedToken token in _parts.AddedTokens.OrderBy(token => token.Id))
        {
            _json.WriteStartObject();
            _json.WriteNumber("id", token.Id);
            _json.WriteString("content", token.Content);
            _json.WriteBoolean("single_word", token.IsSingleWord);
            _json.WriteBoolean("lstrip", token.StripsLeft);
            _json.WriteBoolean("rstrip", token.StripsRight);
            _json.WriteBoolean("normalized", token.IsNormalized);
            _json.WriteBoolean("special", token.IsSpecial);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
    }

    private void WritePatterns()
    {
        _json.WriteStartObject("pre_tokenizer");
        _json.WriteString("type", "Sequence");
        _json.WriteStartArray("pretokenizers");
        foreach (string pattern in _parts.CutPatterns!)
        {
            _json.WriteStartObject();
            _json.WriteString("type", "Split");
            _json.WriteStartObject("pattern");
            _json.WriteString("Regex", pattern);
            _json.WriteEndObject();
            _json.WriteString("behavior", "Isolated");
            _json.WriteBoolean("invert", false);
            _json.WriteEndObject();
        }

        WriteByteLevel();
        _json.WriteEndArray();
        _json.WriteEndObject();
    }

    private void WriteByteLevel()
    {
        _json.WriteStartObject();
        _json.WriteString("type", "ByteLevel");
        _json.WriteBoolean("add_prefix_space", false);
        _json.WriteBoolean("trim_offsets", true);
        _json.WriteBoolean("use_regex", false);
        _json.WriteEndObject();
    }

    private void WriteMarkedSpaces()
    {
        _json.WriteStartObject("normalizer");
        _json.WriteString("type", "Sequence");
        _json.WriteStartArray("normalizers");
        if (_parts.Text.LeadingSpaces > 0)
        {
            _json.WriteStartObject();
            _json.WriteString("type", "Prepend");
            _json.WriteString("prepend", $"{GgufVocabulary.Mark}");
            _json.WriteEndObject();
        }

        WriteReplace(" ", $"{GgufVocabulary.Mark}");
        _json.WriteEndArray();
        _json.WriteEndObject();
    }

    private void WriteReplace(string pattern, string content)
    {
        _json.WriteStartObject();
        _json.WriteString("type", "Replace");
        _json.WriteStartObject("pattern");
        _json.WriteString("String", pattern);
        _json.WriteEndObject();
        _json.WriteString("content", content);
        _json.WriteEndObject();
    }

    private void WritePostProcessor()
    {
        if (_parts.Before.Length + _parts.Behind.Length == 0)
        {
            _json.WriteNull("post_processor");
            return;
        }

        _json.WriteStartObject("post_processor");
        _json.WriteString("type", "TemplateProcessing");
        WriteTemplate("single", "A");
        WriteTemplate("pair", "A", "B");
        _json.WriteStartObject("special_tokens");
        foreach (int id in _parts.Before.Concat(_parts.Behind).Distinct())
        {
            string name = _parts.Vocabulary[id]!;
            _json.WriteStartObject(name);
            _json.WriteString("id", name);
            _json.WriteStartArray("ids");
            _json.WriteNumberValue(id);
            _json.WriteEndArray();
            _json.WriteStartArray("tokens");
            _json.WriteStringValue(name);
            _json.WriteEndArray();
            _json.WriteEndObject();
        }

        _json.WriteEndObject();
        _json.WriteEndObject();
    }

    private void WriteTemplate(string name, params ReadOnlySpan<string> sequences)
    {
        _json.WriteStartArray(name);
        for (int i = 0; i < sequences.Length; i++)
        {
            foreach (int id in i == 0 ? _parts.Before : []) WriteStep("SpecialToken", _parts.Vocabulary[id]!, 0);
            WriteStep("Sequence", sequences[i], i);
            foreach (int id in i == sequences.Length - 1 ? _parts.Behind : []) WriteStep("SpecialToken", _parts.Vocabulary[id]!, i);
        }

        _json.WriteEndArray();
    }

    private void WriteStep(string kind, string id, int type)
    {
        _json.WriteStartObject();
        _json.WriteStartObject(kind);
        _json.WriteString("id", id);
        _json.WriteNumber("type_id", type);
        _json.WriteEndObject();
        _json.WriteEndObject();
    }

    private void WriteDecoder()
    {
        _json.WritePropertyName("decoder");
        if (IsByteLevel)
        {
            WriteByteLevel();
            return;
        }

        _json.WriteStartObject();
        _json.WriteString("type", "Sequence");
        _json.WriteStartArray("decoders");
        WriteReplace($"{GgufVocabulary.Mark}", " ");
        foreach (string type in (ReadOnlySpan<string>)["ByteFallback", "Fuse"])
        {
            _json.WriteStartObject();
            _json.WriteString("type", type);
            _json.WriteEndObject();
        }

        if (_parts.Text.LeadingSpaces > 0)
        {
            _json.WriteStartObject();
            _json.WriteString("type", "Strip");
            _json.WriteString("content", " ");
            _json.WriteNumber("start", _parts.Text.LeadingSpaces);
            _json.WriteNumber("stop", 0);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
        _json.WriteEndObject();
    }

    private void WriteModel()
    {
        Vocabulary vocabulary = _parts.Vocabulary;
        _json.WriteStartObject("model");
        _json.WriteString("type", "BPE");
        foreach (string key in (ReadOnlySpan<string>)["dropout", "continuing_subword_prefix", "end_of_word_suffix"]) _json.WriteNull(key);
        if (_parts.UnknownId is { } unknown && !IsByteLevel) _json.WriteString("unk_token", vocabulary[unknown]);
        else _json.WriteNull("unk_token");
        _json.WriteBoolean("fuse_unk", !IsByteLevel);
        _json.WriteBoolean("byte_fallback", !IsByteLevel);
        _json.WriteBoolean("ignore_merges", _parts.Model.IgnoreMerges);
        HashSet<int> added = [.. _parts.AddedTokens.Select(token => token.Id)];
        _json.WriteStartObject("vocab");
        for (int id = 0; id < vocabulary.Size; id++)
        {
            // Control tokens of a byte-level vocabulary are no pieces; SentencePiece counts them among its own.
            if (vocabulary[id] is { } name && (!IsByteLevel || !added.Contains(id))) _json.WriteNumber(name, id);
        }

        _json.WriteEndObject();
        _json.WriteStartArray("merges");
        foreach ((int left, int right, _, int _) in _parts.Model.Merges.InOrder())
        {
            // Characters that are only parts of tokens have ids beyond the vocabulary and no names that a merge could use.
            if (left >= vocabulary.Size || right >= vocabulary.Size) continue;
            _json.WriteStartArray();
            _json.WriteStringValue(vocabulary[left]);
            _json.WriteStringValue(vocabulary[right]);
            _json.WriteEndArray();
        }

        _json.WriteEndArray();
        _json.WriteEndObject();
    }

    private void WriteSettings()
    {
        _json.WriteString("tokenizer_class", IsByteLevel ? "PreTrainedTokenizerFast" : "LlamaTokenizerFast");
        Name("bos_token", _parts.BosId);
        Name("eos_token", _parts.EosIds.Count > 0 ? _parts.EosIds[0] : null);
        Name("unk_token", _parts.UnknownId);
        Name("pad_token", _parts.PadId);
        _json.WriteBoolean("add_bos_token", _parts.Before.Length > 0);
        _json.WriteBoolean("add_eos_token", _parts.Behind.Length > 0);
        _json.WriteBoolean("clean_up_tokenization_spaces", false);
        if (_parts.ChatTemplate is { } template) _json.WriteString("chat_template", template);

        void Name(string key, int? id)
        {
            if (id is { } value) _json.WriteString(key, _parts.Vocabulary[value]);
        }
    }
}
