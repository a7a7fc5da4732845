namespace Hadal.Tokenization.PreTokenization;

/// <summary>One step on the way from text to the pieces that BPE works in. It hands its pieces, in order, to the rest of the way.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Cuts or rewrites a piece.</summary>
    /// <param name="piece">What the step before made.</param>
    /// <param name="isFirst">Whether the piece starts where the whole text does.</param>
    /// <param name="next">Where the pieces go.</param>
    public abstract void Apply(ReadOnlySpan<char> piece, bool isFirst, PieceSink next);
}

/// <summary>What pieces are for: encoding or counting.</summary>
internal interface IPieceReceiver
{
    /// <summary>Takes a finished piece, which is never empty.</summary>
    void Take(ReadOnlySpan<char> piece);
}

/// <summary>
/// The steps that are left for a piece, and who gets it at the end. A piece runs through all of them before the next one is cut, so a
/// long text needs no lists of pieces.
/// </summary>
internal readonly ref struct PieceSink(PreTokenizer[] steps, int at, IPieceReceiver receiver)
{
    /// <summary>Sends a piece through what is left of the way; empty ones end here.</summary>
    public void Take(ReadOnlySpan<char> piece, bool isFirst)
    {
        if (piece.IsEmpty) return;
        if (at == steps.Length) receiver.Take(piece);
        else steps[at].Apply(piece, isFirst, new PieceSink(steps, at + 1, receiver));
    }
}
