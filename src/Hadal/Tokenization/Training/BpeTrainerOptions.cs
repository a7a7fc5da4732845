namespace Hadal.Tokenization.Training;

/// <summary>What a byte-level vocabulary is made to be.</summary>
public sealed record BpeTrainerOptions
{
    /// <summary>Number of tokens in the end: special ones, 256 bytes, merges.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Special tokens in the order of their ids, from 0 on. Text is cut at them, and they are never learned from.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = [];

    /// <summary>
    /// Tokens behind the special ones that are found as a whole like them and are text all the same, as <c>&lt;think&gt;</c> is: they stay when decoding leaves
    /// special tokens out, and are read from whatever text holds them.
    /// </summary>
    public IReadOnlyList<string> MarkupTokens { get; init; } = [];

    /// <summary>Special tokens and markup, in the order of their ids.</summary>
    internal IReadOnlyList<string> AddedTokens => [.. SpecialTokens, .. MarkupTokens];

    /// <summary>Name of the pattern that cuts text into words, as in tokenizer.ggml.pre of GGUF.</summary>
    public string Pattern { get; init; } = "gpt-2";

    /// <summary>Which special token begins a text, if any.</summary>
    public string? BosToken { get; init; }

    /// <summary>Which special token ends a text; the first one if nothing is said.</summary>
    public string? EosToken { get; init; }

    /// <summary>How many threads count words; 0 takes one for each processor. The result is the same.</summary>
    public int Threads { get; init; }
}

/// <summary>What a training has done so far.</summary>
/// <param name="BytesRead">Bytes of the input counted.</param>
/// <param name="BytesTotal">Bytes of the input.</param>
/// <param name="Tokens">Tokens there are.</param>
/// <param name="TokensTotal">Tokens there will be.</param>
public readonly record struct BpeTrainerProgress(long BytesRead, long BytesTotal, int Tokens, int TokensTotal);
