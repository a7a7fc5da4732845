namespace Hadal.Numerics;

/// <summary>The sizes that all sequences of an attention call share.</summary>
/// <param name="Heads">Query heads; a multiple of <paramref name="KeyHeads"/>.</param>
/// <param name="KeyHeads">
/// Heads of keys and values. Each serves Heads / KeyHeads neighbouring query heads: fewer than Heads is grouped-query attention
/// (Ainslie et al. 2023, arXiv 2305.13245), one is multi-query attention (Shazeer 2019, arXiv 1911.02150).
/// </param>
/// <param name="KeyDim">Length of a query or key of one head.</param>
/// <param name="ValueDim">Length of a value of one head.</param>
/// <param name="Scale">Factor on every score q·k before the softmax.</param>
public readonly record struct AttentionShape(int Heads, int KeyHeads, int KeyDim, int ValueDim, float Scale)
{
    /// <summary>Query heads that one key head serves.</summary>
    internal int Group => Heads / KeyHeads;
}

/// <summary>
/// One sequence's share of an attention call. Causal: query i of the sequence (from 0) sees the keys 0 to S - QueryCount + i, so the
/// last query sees all S keys, and S &gt; QueryCount means that a cache precedes the queries.
/// </summary>
/// <param name="QueryStart">Row of the sequence's first query in the call's matrices of T rows.</param>
/// <param name="QueryCount">Number of its queries; at most S.</param>
/// <param name="Keys">[S, KeyHeads * KeyDim], rows any stride apart.</param>
/// <param name="Values">[S, KeyHeads * ValueDim]; may be a view of columns of <paramref name="Keys"/>.</param>
public readonly record struct AttentionSequence(int QueryStart, int QueryCount, Matrix Keys, Matrix Values)
{
    /// <summary>A sequence whose keys and values lie in the pages of a cache. Forward only.</summary>
    /// <param name="queryStart">Row of the sequence's first query in the call's matrices of T rows.</param>
    /// <param name="queryCount">Number of its queries; at most the length of <paramref name="cached"/>.</param>
    /// <param name="cached">Its rows in the cache, those of the queries' own tokens included.</param>
    public AttentionSequence(int queryStart, int queryCount, CacheRows cached)
        : this(queryStart, queryCount, default, default) => Cached = cached;

    /// <summary>Where keys and values lie in a cache; null if they are matrices.</summary>
    public CacheRows? Cached { get; }

    /// <summary>S, the number of keys.</summary>
    internal int KeyCount => Cached?.Length ?? Keys.Rows;
}
