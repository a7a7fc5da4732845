namespace Hadal.Numerics;

/// <summary>Refuses calls whose matrices do not fit each other, before any address is taken.</summary>
internal static class AttentionChecks
{
    public static void Forward(
        AttentionShape shape, Matrix q, ReadOnlySpan<AttentionSequence> sequences, Matrix output, Matrix? logSumExp)
    {
        if (shape.Heads <= 0 || shape.KeyHeads <= 0 || shape.Heads % shape.KeyHeads != 0 || shape.KeyDim <= 0 || shape.ValueDim <= 0)
        {
            throw new ArgumentException($"expected positive sizes and heads a multiple of key heads, found {shape}", nameof(shape));
        }

        Expect(q, q.Rows, (long)shape.Heads * shape.KeyDim, nameof(q));
        Expect(output, q.Rows, (long)shape.Heads * shape.ValueDim, nameof(output));
        if (logSumExp is { } rows) Expect(rows, q.Rows, shape.Heads, nameof(logSumExp));
        for (int i = 0; i < sequences.Length; i++)
        {
            AttentionSequence sequence = sequences[i];
            if (sequence.Cached is { } cached) ExpectCached(shape, cached, nameof(sequences), i);
            else ExpectKeys(shape, sequence, sequence.Keys.Rows, nameof(sequences), i);
            if (sequence.QueryStart < 0 || sequence.QueryCount < 0 || sequence.QueryStart > q.Rows - sequence.QueryCount)
            {
                throw new ArgumentException(
                    $"sequence {i}: query rows {sequence.QueryStart} to {(long)sequence.QueryStart + sequence.QueryCount} leave a q of " +
                    Shape(q),
                    nameof(sequences));
            }

            if (sequence.KeyCount < sequence.QueryCount)
            {
                string found = sequence.Cached is null ? Shape(sequence.Keys) : $"of {sequence.KeyCount} cached tokens";
                throw new ArgumentException(
                    $"sequence {i}: expected keys for each of {sequence.QueryCount} queries, found keys {found}",
                    nameof(sequences));
            }
        }
    }

    public static void Backward(
        AttentionShape shape,
        Matrix q,
        ReadOnlySpan<AttentionSequence> sequences,
        Matrix dOutput,
        Matrix dq,
        ReadOnlySpan<AttentionSequence> gradients)
    {
        Expect(dOutput, q.Rows, (long)shape.Heads * shape.ValueDim, nameof(dOutput));
        Expect(dq, q.Rows, q.Columns, nameof(dq));
        if (gradients.Length != sequences.Length)
        {
            throw new ArgumentException(
                $"expected gradients for {sequences.Length} sequences, found {gradients.Length}", nameof(gradients));
        }

        for (int i = 0; i < gradients.Length; i++)
        {
            if (sequences[i].Cached is not null || gradients[i].Cached is not null)
            {
                throw new ArgumentException($"sequence {i}: attention to a cache has no backward", nameof(sequences));
            }

            ExpectKeys(shape, gradients[i], sequences[i].Keys.Rows, nameof(gradients), i);
            if (gradients[i].QueryStart != sequences[i].QueryStart || gradients[i].QueryCount != sequences[i].QueryCount)
            {
                throw new ArgumentException(
                    $"sequence {i}: expected the gradients of {sequences[i].QueryCount} queries from row " +
                    $"{sequences[i].QueryStart}, found {gradients[i].QueryCount} from row {gradients[i].QueryStart}",
                    nameof(gradients));
            }
        }
    }

    /// <summary>Refuses matrices that are not the two parts of cached rows.</summary>
    public static void ExpectParts(CacheRowFormat format, Matrix first, Matrix second)
    {
        Expect(first, first.Rows, format.FirstElements, nameof(first));
        Expect(second, first.Rows, format.SecondElements, nameof(second));
    }

    /// <summary>Refuses a page table that is too short or leaves the pool.</summary>
    public static void ExpectPages(CacheRows rows)
    {
        long pages = rows.Pool.ByteLength / ((long)rows.Format.RowBytes * CacheRows.PageTokens);
        ReadOnlySpan<int> table = rows.PageTable.Span;
        if (rows.Length < 0 || table.Length < CacheRows.PagesFor(rows.Length))
        {
            throw new ArgumentException($"expected pages for {rows.Length} tokens, found {table.Length} of {CacheRows.PageTokens}", nameof(rows));
        }

        foreach (int page in table[..CacheRows.PagesFor(rows.Length)])
        {
            if ((uint)page >= pages) throw new ArgumentException($"page {page} is none of the pool's {pages}", nameof(rows));
        }
    }

    private static void ExpectCached(AttentionShape shape, CacheRows cached, string name, int index)
    {
        if (cached.Pool == null || cached.Format == null) throw new ArgumentException($"sequence {index}: cached rows without a pool or format", name);
        CacheRowFormat format = cached.Format;
        if (format.KeyHeads != shape.KeyHeads || format.KeyDim != shape.KeyDim || format.ValueDim != shape.ValueDim)
        {
            throw new ArgumentException(
                $"sequence {index}: expected cached rows of {shape.KeyHeads} heads of {shape.KeyDim} and {shape.ValueDim}, found " +
                $"{format.KeyHeads} of {format.KeyDim} and {format.ValueDim}",
                name);
        }

        ExpectPages(cached);
    }

    private static void ExpectKeys(AttentionShape shape, AttentionSequence sequence, int rows, string name, int index)
    {
        Expect(sequence.Keys, rows, (long)shape.KeyHeads * shape.KeyDim, name, index, "keys");
        Expect(sequence.Values, rows, (long)shape.KeyHeads * shape.ValueDim, name, index, "values");
    }

    private static void Expect(Matrix matrix, int rows, long columns, string name, int sequence = -1, string part = "")
    {
        if (matrix.Buffer == null || matrix.ElementType != ElementType.F32 || matrix.Rows != rows || matrix.Columns != columns)
        {
            string prefix = sequence < 0 ? "" : $"sequence {sequence}: {part} ";
            throw new ArgumentException($"{prefix}expected [{rows}, {columns}] F32, found {Shape(matrix)}", name);
        }
    }

    private static string Shape(Matrix matrix) =>
        matrix.Buffer == null ? "no matrix" : $"[{matrix.Rows}, {matrix.Columns}] {matrix.ElementType}";
}
