using Hadal.Tokenization.Bpe;
using Hadal.Tokenization.Normalization;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization;

/// <summary>What the reader of any format makes of its files; <see cref="Tokenizer"/> is built of it and knows no format.</summary>
internal sealed class TokenizerParts
{
    /// <summary>The file, for messages.</summary>
    public required string Path { get; init; }

    /// <summary>Names and ids, added tokens included.</summary>
    public required Vocabulary Vocabulary { get; init; }

    /// <summary>Pieces to ids.</summary>
    public required BpeModel Model { get; init; }

    /// <summary>What happens to text first, in order.</summary>
    public Normalizer[] Normalizers { get; init; } = [];

    /// <summary>How text is cut into pieces.</summary>
    public PreTokenizer[] PreTokenizers { get; init; } = [];

    /// <summary>The patterns that isolate pieces of a byte-level vocabulary, in order; null if text is cut in another way too.</summary>
    public IReadOnlyList<string>? CutPatterns { get; init; }

    /// <summary>Ids to text.</summary>
    public required TokenText Text { get; init; }

    /// <summary>Tokens found as a whole.</summary>
    public List<AddedToken> AddedTokens { get; init; } = [];

    /// <summary>Ids before a text when special tokens are asked for.</summary>
    public int[] Before { get; set; } = [];

    /// <summary>Ids behind it.</summary>
    public int[] Behind { get; set; } = [];

    /// <summary>Beginning of text.</summary>
    public int? BosId { get; set; }

    /// <summary>Any of these ends a text.</summary>
    public List<int> EosIds { get; } = [];

    /// <summary>What stands for the unknown.</summary>
    public int? UnknownId { get; set; }

    /// <summary>What fills batches.</summary>
    public int? PadId { get; set; }

    /// <summary>The template of tokenizer_config.json or of a GGUF file.</summary>
    public string? ChatTemplate { get; set; }
}
