using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization.Bpe;

/// <summary>What one encoding call at a time works with; a tokenizer keeps some for its callers' threads.</summary>
internal sealed class EncodingScratch(BpeModel model) : IPieceReceiver
{
    /// <summary>The result.</summary>
    public IdBuffer Ids { get; } = new();

    /// <summary>Words met before.</summary>
    public WordCache Cache { get; } = new();

    /// <inheritdoc/>
    public void Take(ReadOnlySpan<char> piece) => model.Encode(piece, this);
}
