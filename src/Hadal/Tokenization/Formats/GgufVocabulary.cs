using Hadal.Checkpoints;
using Hadal.Checkpoints.Gguf;
using Hadal.Tokenization.Bpe;
using Hadal.Tokenization.Normalization;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization.Formats;

/// <summary>
/// The vocabulary in a GGUF file: tokenizer.ggml.model "gpt2" is byte-level BPE with merges and a named way to cut, "llama" is
/// SentencePiece's BPE, in which the best-scored token that two neighbours spell is merged first.
/// </summary>
internal static class GgufVocabulary
{
    internal const int Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6;
    internal const char Mark = '\u2581';

    /// <summary>The name of an id that no token has.</summary>
    public static string Filler(int id) => $"[PAD{id}]";

    /// <summary>Reads a file.</summary>
    public static TokenizerParts Read(string path) => Read(GgufMetadata.Read(path));

    /// <summary>Reads the vocabulary of a file whose head was read.</summary>
    public static TokenizerParts Read(GgufMetadata gguf)
    {
        string model = gguf.Text("tokenizer.ggml.model") ?? throw Problem(gguf, "tokenizer.ggml.model is missing");
        if (model is "no_vocab" or "none") throw Problem(gguf, "the file has no vocabulary, expected one in tokenizer.ggml.tokens");
        IReadOnlyList<string> names = gguf.Texts("tokenizer.ggml.tokens") ?? throw Problem(gguf, "tokenizer.ggml.tokens is missing");
        if (names.Count == 0) throw Problem(gguf, "tokenizer.ggml.tokens is empty");
        IReadOnlyList<int>? types = gguf.Numbers("tokenizer.ggml.token_type");
        if (types is not null && types.Count != names.Count)
        {
            throw Problem(gguf, $"tokenizer.ggml.token_type has {types.Count} items, expected one for each of {names.Count} tokens");
        }

        Vocabulary vocabulary = new(names.Count);
        List<AddedToken> added = [];
        for (int id = 0; id < names.Count; id++)
        {
            // A row of the embedding that no token has: writers fill the list up with such names.
            if (types is not null && types[id] == Unused && names[id] == Filler(id)) continue;
            if (vocabulary.Add(names[id], id) is { } problem) throw Problem(gguf, $"tokenizer.ggml.tokens: {problem}");
            if (types is not null && types[id] is Control or UserDefined or Unknown)
            {
                added.Add(new AddedToken(id, names[id], types[id] != UserDefined));
            }
        }

        TokenizerParts parts = model switch
        {
            "gpt2" => ByteLevel(gguf, vocabulary, added),
            "llama" => SentencePiece(gguf, vocabulary, types, added),
            _ => throw Problem(gguf, $"tokenizer.ggml.model is {TokenizerException.Quote(model)}, expected gpt2 or llama"),
        };
        Ends(gguf, parts, model == "llama");
        return parts;
    }

    private static TokenizerParts ByteLevel(GgufMetadata gguf, Vocabulary vocabulary, List<AddedToken> added)
    {
        string name = gguf.Text("tokenizer.ggml.pre") ?? "default";
        string[] patterns = Patterns.Named(name)
            ?? throw Problem(gguf, $"tokenizer.ggml.pre is {TokenizerException.Quote(name)}, whose way to cut text is not known here");
        IReadOnlyList<string> pairs = gguf.Texts("tokenizer.ggml.merges") ?? throw Problem(gguf, "tokenizer.ggml.merges is missing");
        MergeTable merges = new(pairs.Count);
        for (int rank = 0; rank < pairs.Count; rank++)
        {
            string pair = pairs[rank];
            // The first letter may itself be a space in files of other tools; it can't be the separator.
            int space = pair.Length > 1 ? pair.IndexOf(' ', 1) : -1;
            int left = space > 0 ? vocabulary.Find(pair.AsSpan(0, space)) : -1, right = space > 0 ? vocabulary.Find(pair.AsSpan(space + 1)) : -1;
            int merged = space > 0 ? vocabulary.Find(pair.Remove(space, 1)) : -1;
            if (left < 0 || right < 0 || merged < 0)
            {
                throw Problem(gguf, $"tokenizer.ggml.merges[{rank}] is {TokenizerException.Quote(pair)}, expected two tokens that make a third");
            }

            merges.Add(left, right, rank, merged);
        }

        bool llama3 = Array.IndexOf(patterns, Patterns.Llama3) >= 0 && name is "llama-bpe" or "llama3" or "llama-v3" or "falcon3";
        return new TokenizerParts
        {
            Path = gguf.Path,
            Vocabulary = vocabulary,
            Model = new ByteLevelBpe(vocabulary, merges, ignoreMerges: llama3),
            PreTokenizers = Patterns.Isolating(gguf.Path, patterns),
            CutPatterns = patterns,
            Text = new TokenText { IsByteLevel = true },
            AddedTokens = added,
        };
    }

    private static TokenizerParts SentencePiece(GgufMetadata gguf, Vocabulary vocabulary, IReadOnlyList<int>? types, List<AddedToken> added)
    {
        IReadOnlyList<float> scores = gguf.Reals("tokenizer.ggml.scores") ?? throw Problem(gguf, "tokenizer.ggml.scores is missing");
        if (scores.Count < vocabulary.Size || scores.Count != gguf.Texts("tokenizer.ggml.tokens")!.Count)
        {
            throw Problem(gguf, $"tokenizer.ggml.scores has {scores.Count} items, expected one for each token");
        }

        // Control, unknown and byte tokens are never spelled by text.
        int[] pieces =
        [
            .. Enumerable.Range(0, vocabulary.Size).Where(id => vocabulary[id] is not null && (types is null || types[id] is not (Control or Unknown or Byte))),
        ];
        ScoredMerges merges = new(vocabulary, pieces, scores);
        PreTokenizer[] wordByWord = MarkedWords.For(vocabulary);
        bool prefix = gguf.Flag("tokenizer.ggml.add_space_prefix") ?? true;
        int unknown = Id(gguf, "tokenizer.ggml.unknown_token_id", vocabulary) ?? -1;
        return new TokenizerParts
        {
            Path = gguf.Path,
            Vocabulary = vocabulary,
            Model = new CharacterBpe(
                vocabulary, merges.Table, ignoreMerges: false, merges.Symbols, byteFallback: true, unknown, fusesUnknown: false, merges.Unnamed),
            Normalizers = prefix ? [new Prepend(" "), new Replace(" ", $"{Mark}")] : [new Replace(" ", $"{Mark}")],
            PreTokenizers = wordByWord,
            Text = MarkedText(prefix),
            AddedTokens = added,
            UnknownId = unknown >= 0 ? unknown : null,
        };
    }

    private static TokenText MarkedText(bool prefix)
    {
        TokenText text = new() { HasByteFallback = true, LeadingSpaces = prefix ? 1 : 0 };
        text.Rewrite(name => name.Replace(Mark, ' '));
        return text;
    }

    // SentencePiece vocabularies begin texts with BOS unless told otherwise, and so does Llama 3; others only when told.
    private static void Ends(GgufMetadata gguf, TokenizerParts parts, bool isSentencePiece)
    {
        parts.BosId = Id(gguf, "tokenizer.ggml.bos_token_id", parts.Vocabulary);
        parts.PadId = Id(gguf, "tokenizer.ggml.padding_token_id", parts.Vocabulary);
        parts.UnknownId ??= Id(gguf, "tokenizer.ggml.unknown_token_id", parts.Vocabulary);
        parts.ChatTemplate = gguf.Text("tokenizer.chat_template");
        foreach (string key in (ReadOnlySpan<string>)["eos", "eot", "eom"])
        {
            if (Id(gguf, $"tokenizer.ggml.{key}_token_id", parts.Vocabulary) is { } id && !parts.EosIds.Contains(id)) parts.EosIds.Add(id);
        }

        bool startsWithBos = isSentencePiece || gguf.Text("tokenizer.ggml.pre") is "llama-bpe" or "llama3" or "llama-v3";
        if ((gguf.Flag("tokenizer.ggml.add_bos_token") ?? startsWithBos) && parts.BosId is { } bos) parts.Before = [bos];
        if (gguf.Flag("tokenizer.ggml.add_eos_token") == true && parts.EosIds.Count > 0) parts.Behind = [parts.EosIds[0]];
    }

    private static int? Id(GgufMetadata gguf, string key, Vocabulary vocabulary)
    {
        if (gguf.Number(key) is not { } id) return null;
        return id >= 0 && id < vocabulary.Size ? (int)id : throw Problem(gguf, $"{key} is {id}, expected an id below {vocabulary.Size}");
    }

    private static TokenizerException Problem(GgufMetadata gguf, string problem) => new(gguf.Path, problem);
}
