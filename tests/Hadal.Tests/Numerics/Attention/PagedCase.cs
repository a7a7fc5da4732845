using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

/// <summary>
/// The sequences of an <see cref="AttentionCase"/> laid out in pages of one pool, in an order without pattern; what no row holds is NaN.
/// </summary>
internal sealed class PagedCase : IDisposable
{
    private readonly int[][] _tables;
    private readonly CacheRowFormat _format;

    /// <param name="attention">Sequences with matrices; latent if they are shared.</param>
    /// <param name="type">Element type of the cache.</param>
    /// <param name="seed">Decides where pages lie.</param>
    public PagedCase(AttentionCase attention, ElementType type, int seed = 1)
    {
        AttentionShape shape = attention.Shape;
        _format = attention.Shared
            ? CacheRowFormat.Latent(type, shape.ValueDim, shape.KeyDim - shape.ValueDim)
            : CacheRowFormat.KeysAndValues(type, shape.KeyHeads, shape.KeyDim, shape.ValueDim);
        int[] counts = Array.ConvertAll(attention.Sequences, s => CacheRows.PagesFor(s.Keys.Rows));
        int[] pages = [.. Enumerable.Range(0, counts.Sum() + 3)];
        new Random(seed).Shuffle(pages);
        Pool = new NativeBuffer((long)pages.Length * CacheRows.PageTokens * _format.RowBytes);
        Pool.AsSpan<byte>(0, (int)Pool.ByteLength).Fill(0xff);
        _tables = [.. counts.Select((count, i) => pages[counts[..i].Sum()..(counts[..i].Sum() + count)])];
        Sequences = [.. attention.Sequences.Select((s, i) => new AttentionSequence(s.QueryStart, s.QueryCount, Rows(i, s.Keys.Rows)))];

        using WorkerPool workers = new(2);
        for (int i = 0; i < counts.Length; i++)
        {
            AttentionSequence from = attention.Sequences[i];
            Matrix first = attention.Shared ? from.Values : from.Keys;
            Matrix second = attention.Shared ? from.Keys.ColumnRange(shape.ValueDim, shape.KeyDim - shape.ValueDim) : from.Values;
            CacheRows.Store(workers, [new AttentionSequence(0, from.Keys.Rows, Rows(i, from.Keys.Rows))], first, second);
        }
    }

    public NativeBuffer Pool { get; }

    public AttentionSequence[] Sequences { get; }

    /// <summary>The first <paramref name="length"/> tokens of sequence <paramref name="index"/>.</summary>
    public CacheRows Rows(int index, int length) => new(Pool, _format, _tables[index], length);

    /// <summary>The keys and values of a sequence as matrices again, rounded as the cache rounds.</summary>
    public (Matrix Keys, Matrix Values) Loaded(AttentionCase attention, int index)
    {
        AttentionShape shape = attention.Shape;
        CacheRows rows = Sequences[index].Cached!.Value;
        using WorkerPool workers = new(2);
        if (!attention.Shared)
        {
            Matrix keys = attention.Allocate(rows.Length, shape.KeyHeads * shape.KeyDim), values = attention.Allocate(rows.Length, shape.KeyHeads * shape.ValueDim);
            rows.Load(workers, 0, keys, values);
            return (keys, values);
        }

        Matrix whole = attention.Allocate(rows.Length, shape.KeyDim);
        rows.Load(workers, 0, whole.ColumnRange(0, shape.ValueDim), whole.ColumnRange(shape.ValueDim, shape.KeyDim - shape.ValueDim));
        return (whole, whole.ColumnRange(0, shape.ValueDim));
    }

    public void Dispose() => Pool.Dispose();
}
