using Hadal.Tokenization.Bpe;
using Hadal.Tokenization.Normalization;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization.Formats;

/// <summary>Makes the keys by which a GGUF file holds a vocabulary: the inverse of <see cref="GgufVocabulary"/>.</summary>
internal static class GgufVocabularyWriter
{
    /// <summary>The keys of a vocabulary.</summary>
    /// <param name="parts">The vocabulary.</param>
    /// <param name="rows">Rows of the model's embedding; ids that no token has are filled up with unused ones.</param>
    /// <exception cref="TokenizerException">GGUF can't say what the vocabulary does with a text.</exception>
    public static List<KeyValuePair<string, object>> Keys(TokenizerParts parts, int rows)
    {
        Vocabulary vocabulary = parts.Vocabulary;
        if (vocabulary.Size > rows)
        {
            throw new TokenizerException(parts.Path, $"the vocabulary has ids up to {vocabulary.Size - 1}, expected ids below the model's vocab_size, {rows}");
        }

        bool isByteLevel = parts.Model is ByteLevelBpe;
        List<KeyValuePair<string, object>> keys =
        [
            new("tokenizer.ggml.model", isByteLevel ? "gpt2" : "llama"),
            new("tokenizer.ggml.pre", isByteLevel ? Pre(parts) : "default"),
            new("tokenizer.ggml.tokens", Enumerable.Range(0, rows).Select(id => vocabulary[id] ?? GgufVocabulary.Filler(id)).ToArray()),
            new("tokenizer.ggml.token_type", Types(parts, rows, isByteLevel)),
        ];
        if (isByteLevel) keys.Add(new("tokenizer.ggml.merges", MergeTexts(parts)));
        else
        {
            keys.Add(new("tokenizer.ggml.scores", Scores(parts, rows)));
            keys.Add(new("tokenizer.ggml.add_space_prefix", HasSpacePrefix(parts)));
        }

        AddIds(parts, keys);
        return keys;
    }

    private static void AddIds(TokenizerParts parts, List<KeyValuePair<string, object>> keys)
    {
        string[] ends = ["eos", "eot", "eom"];
        Add("bos", parts.BosId);
        for (int i = 0; i < Math.Min(ends.Length, parts.EosIds.Count); i++) Add(ends[i], parts.EosIds[i]);
        Add("unknown", parts.UnknownId);
        Add("padding", parts.PadId);
        bool bos = parts.BosId is { } first && parts.Before.SequenceEqual([first]), eos = parts.EosIds.Count > 0 && parts.Behind.SequenceEqual([parts.EosIds[0]]);
        if ((parts.Before.Length > 0 && !bos) || (parts.Behind.Length > 0 && !eos))
        {
            throw new TokenizerException(
                parts.Path, "it puts other tokens around a text than BOS before and EOS behind, expected no others: GGUF has no key for them");
        }

        keys.Add(new("tokenizer.ggml.add_bos_token", bos));
        keys.Add(new("tokenizer.ggml.add_eos_token", eos));
        if (parts.ChatTemplate is { } template) keys.Add(new("tokenizer.chat_template", template));

        void Add(string name, int? id)
        {
            if (id is { } value) keys.Add(new($"tokenizer.ggml.{name}_token_id", (uint)value));
        }
    }

    private static string Pre(TokenizerParts parts)
    {
        // llama.cpp normalizes nothing either, so Qwen's NFC is lost in every GGUF of it.
        if (parts.Normalizers.Any(step => step is not UnicodeForm))
        {
            throw new TokenizerException(parts.Path, "it rewrites text before it cuts it, expected a vocabulary that doesn't: GGUF has no key for that");
        }

        return parts.CutPatterns is { } patterns && Patterns.NameOf(patterns) is { } name
            ? name
            : throw new TokenizerException(
                parts.Path, "it cuts text in a way that has no name in GGUF, expected that of GPT-2, Llama 3, Qwen2, DeepSeek or another known one");
    }

    private static int[] Types(TokenizerParts parts, int rows, bool isByteLevel)
    {
        int[] types = new int[rows];
        for (int id = 0; id < rows; id++)
        {
            types[id] = parts.Vocabulary[id] is not { } name ? GgufVocabulary.Unused
                : !isByteLevel && TokenText.TryByteName(name, out _) ? GgufVocabulary.Byte
                : GgufVocabulary.Normal;
        }

        foreach (AddedToken token in parts.AddedTokens) types[token.Id] = token.IsSpecial ? GgufVocabulary.Control : GgufVocabulary.UserDefined;
        if (!isByteLevel && parts.UnknownId is { } unknown) types[unknown] = GgufVocabulary.Unknown;
        return types;
    }

    private static string[] MergeTexts(TokenizerParts parts)
    {
        IReadOnlyList<(int Left, int Right, int Rank, int Merged)> merges = parts.Model.Merges.InOrder();
        for (int i = 1; i < merges.Count; i++)
        {
            // Pairs of one rank compete by their place in the text, which a list of merges can't say.
            if (merges[i].Rank != merges[i - 1].Rank) continue;
            throw new TokenizerException(parts.Path, "its merges are implied by the ranks of tokens, expected a list of merges as in tokenizer.json");
        }

        return [.. merges.Select(merge => $"{parts.Vocabulary[merge.Left]} {parts.Vocabulary[merge.Right]}")];
    }

    // A token's score says how late it is made; a reader merges any two neighbours that spell a token, the best score first. That is what
    // a list of merges does if it has all such pairs and none of another token lies between two of the same.
    private static float[] Scores(TokenizerParts parts, int rows)
    {
        float[] scores = new float[rows];
        int groups = 0, last = -1;
        HashSet<int> made = [];
        HashSet<(int, int)> pairs = [];
        foreach ((int left, int right, _, int merged) in parts.Model.Merges.InOrder())
        {
            if (left >= parts.Vocabulary.Size || right >= parts.Vocabulary.Size) continue;
            pairs.Add((left, right));
            if (merged == last) continue;
            if (!made.Add(merged)) throw Inexpressible(merged);
            last = merged;
            scores[merged] = -++groups;
        }

        for (int id = 0; id < parts.Vocabulary.Size; id++)
        {
            if (scores[id] == 0 && parts.Vocabulary[id] is { } name && !TokenText.TryByteName(name, out _)) scores[id] = -(groups + 1);
        }

        int[] types = Types(parts, rows, isByteLevel: false);
        int[] pieces = [.. Enumerable.Range(0, parts.Vocabulary.Size).Where(id => types[id] is GgufVocabulary.Normal or GgufVocabulary.UserDefined)];
        foreach ((int left, int right, _, int merged) in new ScoredMerges(parts.Vocabulary, pieces, scores).Table.InOrder())
        {
            bool named = left < parts.Vocabulary.Size && right < parts.Vocabulary.Size;
            if (named && !pairs.Contains((left, right))) throw Inexpressible(merged);
        }

        return scores;

        TokenizerException Inexpressible(int id) => new(
            parts.Path, $"the merges that make token {TokenizerException.Quote(parts.Vocabulary[id]!)} can't be told by a score, expected merges of SentencePiece");
    }

    private static bool HasSpacePrefix(TokenizerParts parts)
    {
        PreTokenizer[] cuts = [.. parts.PreTokenizers.Where(step => step is not MarkedWords)];
        return (parts.Normalizers, cuts) switch
        {
            ([Prepend, Replace], []) or ([], [Metaspace]) when parts.Text.LeadingSpaces == 1 => true,
            ([Replace], []) or ([], [Metaspace]) when parts.Text.LeadingSpaces == 0 => false,
            _ => throw new TokenizerException(parts.Path, "it rewrites text in a way that GGUF has no key for, expected spaces as in SentencePiece"),
        };
    }
}
