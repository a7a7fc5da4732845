namespace Hadal.Numerics;

/// <summary>
/// The rows that one sequence has in one layer's cache: token t's row is row <c>PageTable[t / PageTokens] * PageTokens + t % PageTokens</c>
/// of the pool. Sequences may share pages.
/// </summary>
/// <param name="Pool">Rows of <see cref="CacheRowFormat.RowBytes"/> bytes, page after page.</param>
/// <param name="Format">How a row lies in memory.</param>
/// <param name="PageTable">The sequence's pages in order; more than it needs do no harm.</param>
/// <param name="Length">Tokens of the sequence, those being added included.</param>
public readonly record struct CacheRows(NativeBuffer Pool, CacheRowFormat Format, ReadOnlyMemory<int> PageTable, int Length)
{
    /// <summary>Tokens of a page: as many as attention takes keys at a time, so that no block of keys spans two pages.</summary>
    public const int PageTokens = AttentionPacking.BlockKeys;

    /// <summary>Pages that hold <paramref name="tokens"/> tokens.</summary>
    public static int PagesFor(int tokens) => (int)(((long)tokens + PageTokens - 1) / PageTokens);

    /// <summary>
    /// Stores the newest rows of sequences: rows QueryStart to QueryStart + QueryCount - 1 of the matrices become the last QueryCount rows of
    /// the sequence's cache.
    /// </summary>
    /// <param name="pool">Threads that compute.</param>
    /// <param name="sequences">Sequences with <see cref="AttentionSequence.Cached"/> set; no two may store to the same page.</param>
    /// <param name="first">[T, FirstElements] F32: latents, or keys.</param>
    /// <param name="second">[T, SecondElements] F32: rotated keys, or values.</param>
    /// <exception cref="ArgumentException">A matrix or a sequence does not fit the format, or a sequence is not cached.</exception>
    public static void Store(WorkerPool pool, ReadOnlySpan<AttentionSequence> sequences, Matrix first, Matrix second)
    {
        ArgumentNullException.ThrowIfNull(pool);
        for (int i = 0; i < sequences.Length; i++)
        {
            AttentionSequence sequence = sequences[i];
            if (sequence.Cached is not { } rows) throw new ArgumentException($"sequence {i} has no cached rows to store to", nameof(sequences));
            if (sequence.QueryCount < 0 || sequence.QueryCount > rows.Length)
            {
                throw new ArgumentException($"sequence {i}: expected up to {rows.Length} new rows, found {sequence.QueryCount}", nameof(sequences));
            }

            if (sequence.QueryStart < 0 || sequence.QueryStart > first.Rows - sequence.QueryCount)
            {
                throw new ArgumentException(
                    $"sequence {i}: rows {sequence.QueryStart} to {(long)sequence.QueryStart + sequence.QueryCount} leave matrices of {first.Rows} rows",
                    nameof(sequences));
            }

            rows.Store(pool, rows.Length - sequence.QueryCount, first, second, sequence.QueryStart, sequence.QueryCount);
        }
    }

    /// <summary>Reads rows as F32: what attention computes with.</summary>
    /// <param name="pool">Threads that compute.</param>
    /// <param name="start">The first token to read.</param>
    /// <param name="first">[n, FirstElements] F32, overwritten with the first parts of the tokens from <paramref name="start"/> on.</param>
    /// <param name="second">[n, SecondElements] F32, overwritten with the second parts.</param>
    /// <exception cref="ArgumentException">A matrix does not fit the format, or the tokens are not there.</exception>
    public void Load(WorkerPool pool, int start, Matrix first, Matrix second)
    {
        ArgumentNullException.ThrowIfNull(pool);
        AttentionChecks.ExpectParts(Format, first, second);
        if (start < 0 || start > Length - first.Rows)
        {
            throw new ArgumentException($"tokens {start} to {(long)start + first.Rows} are not among {Length} cached", nameof(start));
        }

        Transfer(pool, start, first, second, 0, first.Rows, toCache: false);
    }

    private void Store(WorkerPool pool, int start, Matrix first, Matrix second, int sourceRow, int count)
    {
        AttentionChecks.ExpectParts(Format, first, second);
        Transfer(pool, start, first, second, sourceRow, count, toCache: true);
    }

    private unsafe void Transfer(WorkerPool pool, int start, Matrix first, Matrix second, int matrixRow, int count, bool toCache)
    {
        AttentionChecks.ExpectPages(this);
        int pages = PagesFor(Length);
        int* table = (int*)AttentionScratch.Plan((long)pages * sizeof(int));
        PageTable.Span[..pages].CopyTo(new Span<int>(table, pages));
        TransferTile kernel = new(new CachedSlice(this, table), start, first, second, matrixRow, toCache);
        TileKernels.Run(pool, TileGrid.WholeRows(count, Format.FirstElements + Format.SecondElements), kernel);
        GC.KeepAlive(Pool);
        GC.KeepAlive(first.Buffer);
        GC.KeepAlive(second.Buffer);
    }

    private readonly unsafe struct TransferTile(CachedSlice cached, int start, RowsOf first, RowsOf second, int matrixRow, bool toCache) : ITileKernel
    {
        public void Reference(int row, int start, int end) => Vector<SimdScalar, float>(row, start, end);

        // Always whole rows.
        public void Vector<TSimd, TVector>(int row, int from, int to)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            byte* bytes = cached.Row(start + row);
            float* firstPart = first[matrixRow + row], secondPart = second[matrixRow + row];
            if (toCache)
            {
                cached.First.Write<TSimd, TVector>(firstPart, bytes);
                cached.Second.Write<TSimd, TVector>(secondPart, bytes);
                return;
            }

            for (int g = 0; g < cached.First.Groups; g++) cached.First.Read<TSimd, TVector>(bytes, g, firstPart + (long)g * cached.First.Length);
            for (int g = 0; g < cached.Second.Groups; g++) cached.Second.Read<TSimd, TVector>(bytes, g, secondPart + (long)g * cached.Second.Length);
        }
    }
}
