namespace Hadal.Data.Packing;

/// <summary>
/// Chunks of several sources in one order. The next chunk is from the source that is furthest behind its share of the tokens drawn so far,
/// so after any number of tokens each source is within a chunk or so of its share: nothing is left to chance, and the position is a count.
/// </summary>
internal sealed class Mixture
{
    private const long WeightOne = 1L << 32;

    private readonly IReadOnlyList<DocumentRange> _ranges;
    private readonly int? _chunkLength;
    private readonly long[] _shares;
    private readonly Int128 _sum;

    /// <param name="ranges">The sources.</param>
    /// <param name="weights">Their shares; null to mix them by their sizes, which uses all of them up at the same time.</param>
    /// <param name="chunkLength">The length that documents are cut to; null for the length asked for when an epoch begins.</param>
    public Mixture(IReadOnlyList<DocumentRange> ranges, IReadOnlyList<double>? weights, int? chunkLength)
    {
        _ranges = ranges;
        _chunkLength = chunkLength;
        double all = weights?.Sum() ?? 0;
        _shares = [.. ranges.Select((range, s) => weights is null ? range.Tokens : (long)Math.Max(1, Math.Round(weights[s] / all * WeightOne)))];
        foreach (long share in _shares) _sum += share;
        EpochTokens = weights is null || ranges.Count == 1 ? ranges.Sum(range => range.Tokens) : null;
    }

    /// <summary>Tokens after which every source has been drawn equally often; null if the weights have it otherwise.</summary>
    public long? EpochTokens { get; }

    /// <summary>Whether every source was drawn whole, some number of times.</summary>
    public bool IsBetweenEpochs(IReadOnlyList<SourceState> states) => EpochTokens is { } tokens && Drawn(states) % tokens == 0;

    /// <summary>Takes the next chunk.</summary>
    /// <param name="states">How much of each source was drawn; the one that the chunk is from moves on.</param>
    /// <param name="sequenceLength">The length of sequences, which a new epoch is cut to unless a length was given.</param>
    public PendingPiece Draw(SourceState[] states, int sequenceLength)
    {
        int source = FurthestBehind(states);
        DocumentRange range = _ranges[source];
        SourceState state = states[source];
        while (true)
        {
            if (state.NextSlot > 0 && state.NextSlot == range.Slots(state.ChunkLength)) state = state with { Epoch = state.Epoch + 1, NextSlot = 0 };
            if (state.NextSlot == 0) state = state with { ChunkLength = _chunkLength ?? sequenceLength };
            (long start, int length) = range.Chunk(state.Epoch, state.NextSlot, state.ChunkLength);
            state = state with { NextSlot = state.NextSlot + 1, Drawn = state.Drawn + length };
            if (length == 0) continue;
            states[source] = state;
            return new PendingPiece(source, state.Epoch, start, length);
        }
    }

    private int FurthestBehind(SourceState[] states)
    {
        Int128 total = Drawn(states);
        int furthest = -1;
        Int128 most = 0;
        for (int s = 0; s < states.Length; s++)
        {
            Int128 behind = total * _shares[s] - states[s].Drawn * _sum;
            if (furthest < 0 || behind > most) (furthest, most) = (s, behind);
        }

        return furthest;
    }

    private static Int128 Drawn(IReadOnlyList<SourceState> states)
    {
        Int128 total = 0;
        for (int s = 0; s < states.Count; s++) total += states[s].Drawn;
        return total;
    }
}
