using Hadal.Models;

namespace Hadal.Data;

/// <summary>A piece of a document in a batch: one sequence, which attends to nothing but itself.</summary>
/// <param name="Pack">The pack that it is in.</param>
/// <param name="Source">The source's index.</param>
/// <param name="Start">Where it starts among the source's tokens.</param>
/// <param name="Length">How many tokens it has.</param>
public readonly record struct PackedPiece(int Pack, int Source, long Start, int Length);

/// <summary>
/// Packs of a fixed number of tokens, each filled with pieces of documents, and what the model is to say after each token. Attention never
/// crosses from one piece to another.
/// </summary>
public sealed class PackedBatch
{
    private readonly PackedPiece[] _pieces;
    private readonly int[][] _sequences;
    private readonly int[] _targets;

    internal PackedBatch(PackedPiece[] pieces, int[][] sequences, int[] targets)
    {
        _pieces = pieces;
        _sequences = sequences;
        _targets = targets;
        Tokens = TokenBatch.Of(sequences);
        foreach (int target in targets) CountedTargets += target >= 0 ? 1 : 0;
    }

    /// <summary>The tokens; its sequences are the pieces.</summary>
    public TokenBatch Tokens { get; }

    /// <summary>
    /// For each row of <see cref="Tokens"/> the next token of its document, which may lie in a piece of another pack; -1 at a document's
    /// end, and where the next token is not to be learned.
    /// </summary>
    public ReadOnlySpan<int> Targets => _targets;

    /// <summary>How many targets there are. A batch of conversations can have none, if all that the assistant says was cut off.</summary>
    public int CountedTargets { get; }

    /// <summary>How many packs there are: as many as were asked for, or fewer at the end of an epoch.</summary>
    public int Packs => _pieces[^1].Pack + 1;

    /// <summary>How many tokens there are; fewer than packs times length where an epoch ends or conversations leave a gap.</summary>
    public int TokenCount => _targets.Length;

    /// <summary>What the sequences of <see cref="Tokens"/> are pieces of.</summary>
    public IReadOnlyList<PackedPiece> Pieces => _pieces;

    /// <summary>Some of the packs, for a micro-batch.</summary>
    /// <param name="first">The first pack.</param>
    /// <param name="count">How many packs, one or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not as many packs.</exception>
    public PackedBatch Range(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (first < 0 || first > Packs - count) throw new ArgumentOutOfRangeException(nameof(first), first, $"{count} of {Packs} packs don't start there");
        int from = Array.FindIndex(_pieces, piece => piece.Pack == first), to = Array.FindIndex(_pieces, piece => piece.Pack == first + count);
        if (to < 0) to = _pieces.Length;
        int start = Tokens.Sequences[from].Start, end = to < _pieces.Length ? Tokens.Sequences[to].Start : _targets.Length;
        PackedPiece[] pieces = [.. _pieces[from..to].Select(piece => piece with { Pack = piece.Pack - first })];
        return new PackedBatch(pieces, _sequences[from..to], _targets[start..end]);
    }
}
