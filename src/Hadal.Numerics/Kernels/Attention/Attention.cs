namespace Hadal.Numerics;

/// <summary>
/// Causal softmax attention over sequences of unequal lengths, with or without a cache before the queries: Vaswani et al. 2017
/// (arXiv 1706.03762), eq. 1, per head, with keys and values shared by groups of heads.
/// </summary>
/// <remarks>
/// The bits of a query row's result do not depend on the other sequences of the call, on the number of workers, on row strides, nor
/// on whether its sequence is computed whole, in chunks, or one query at a time through a cache. All elements are F32.
/// </remarks>
public static unsafe class Attention
{
    /// <summary>
    /// output[i] = sum over the keys j that i sees of softmax(Scale * q[i]·k[j]) v[j], per head. A row whose scores are all minus
    /// infinity gives zeros and a log-sum-exp of minus infinity.
    /// </summary>
    /// <param name="pool">Threads that compute.</param>
    /// <param name="shape">Sizes of heads.</param>
    /// <param name="q">[T, Heads * KeyDim].</param>
    /// <param name="sequences">
    /// Which rows are whose, and their keys and values. Query ranges must not overlap; rows in none are left alone.
    /// </param>
    /// <param name="output">[T, Heads * ValueDim], overwritten. Must not overlap the inputs.</param>
    /// <param name="logSumExp">[T, Heads], overwritten with ln(sum of e^score), which <see cref="Backward"/> needs; or null.</param>
    /// <param name="precision">
    /// With BF16 products may round their factors, the weights too, to BF16; they do so on AMX tiles, and with cached latents in BF16 wherever BF16 is
    /// multiplied in generated code. Then keys and values that a row does not see must be finite: they are multiplied by zero.
    /// </param>
    /// <exception cref="ArgumentException">A matrix has another shape than the call needs, or its elements are not F32.</exception>
    public static void Forward(
        WorkerPool pool,
        AttentionShape shape,
        Matrix q,
        ReadOnlySpan<AttentionSequence> sequences,
        Matrix output,
        Matrix? logSumExp,
        ProductPrecision precision = ProductPrecision.F32) =>
        ForwardWith(KernelSelection.Current, pool, shape, q, sequences, output, logSumExp, precision);

    /// <summary>
    /// The gradients of <see cref="Forward"/>, added to what the gradient matrices hold. Scores are computed anew from q, the keys and
    /// the log-sum-exp (FlashAttention, arXiv 2205.14135, algorithm 4). Each key's gradient sums its queries in ascending order, in a
    /// query the heads of its group; each query's gradient sums its keys in ascending order.
    /// </summary>
    /// <param name="pool">Threads that compute.</param>
    /// <param name="shape">Sizes of heads.</param>
    /// <param name="q">[T, Heads * KeyDim], as given to Forward.</param>
    /// <param name="sequences">As given to Forward.</param>
    /// <param name="output">[T, Heads * ValueDim], as Forward left it.</param>
    /// <param name="logSumExp">[T, Heads], as Forward left it.</param>
    /// <param name="dOutput">[T, Heads * ValueDim]: gradient of the loss by the output.</param>
    /// <param name="dq">[T, Heads * KeyDim]: the gradient by q is added.</param>
    /// <param name="gradients">
    /// For each sequence the same query range, in Keys [S, KeyHeads * KeyDim] and Values [S, KeyHeads * ValueDim] the matrices to which
    /// the gradients are added. With one key head Values may be a view of columns of Keys, which then receive both.
    /// Sequences must not share rows.
    /// </param>
    /// <param name="precision">As given to Forward.</param>
    /// <exception cref="ArgumentException">A matrix has another shape than the call needs, or its elements are not F32.</exception>
    public static void Backward(
        WorkerPool pool,
        AttentionShape shape,
        Matrix q,
        ReadOnlySpan<AttentionSequence> sequences,
        Matrix output,
        Matrix logSumExp,
        Matrix dOutput,
        Matrix dq,
        ReadOnlySpan<AttentionSequence> gradients,
        ProductPrecision precision = ProductPrecision.F32) =>
        BackwardWith(KernelSelection.Current, pool, shape, q, sequences, output, logSumExp, dOutput, dq, gradients, precision);

    internal static void ForwardWith(
        KernelKind kind,
        WorkerPool pool,
        AttentionShape shape,
        Matrix q,
        ReadOnlySpan<AttentionSequence> sequences,
        Matrix output,
        Matrix? logSumExp,
        ProductPrecision precision = ProductPrecision.F32)
    {
        ArgumentNullException.ThrowIfNull(pool);
        AttentionChecks.Forward(shape, q, sequences, output, logSumExp);
        int* nextTask = Plan(sequences, out AttentionSlice* slices);
        AttentionCall call = new()
        {
            Shape = shape,
            HeadsPerTask = 1,
            Slices = slices,
            SliceCount = sequences.Length,
            Q = new HeadRows(q),
            Output = new HeadRows(output),
            LogSumExp = logSumExp is { } rows ? new HeadRows(rows) : default,
        };
        if (kind == KernelKind.Reference) AttentionReference.Forward(call);
        else if (LatentTiles(kind, precision, sequences) is { } latentKernels) AttentionManaged.Forward(pool, call, nextTask, latentKernels);
        else if (Tiles(kind, precision) is { } kernels && !HasLatents(sequences)) TiledHeads<TiledAttentionForward>.Run(pool, kernels, call, nextTask);
        else AttentionManaged.Forward(pool, call, nextTask);
        KeepAlive(sequences);
        GC.KeepAlive(q.Buffer);
        GC.KeepAlive(output.Buffer);
        GC.KeepAlive(logSumExp?.Buffer);
    }

    internal static void BackwardWith(
        KernelKind kind,
        WorkerPool pool,
        AttentionShape shape,
        Matrix q,
        ReadOnlySpan<AttentionSequence> sequences,
        Matrix output,
        Matrix logSumExp,
        Matrix dOutput,
        Matrix dq,
        ReadOnlySpan<AttentionSequence> gradients,
        ProductPrecision precision = ProductPrecision.F32)
    {
        ArgumentNullException.ThrowIfNull(pool);
        AttentionChecks.Forward(shape, q, sequences, output, logSumExp);
        AttentionChecks.Backward(shape, q, sequences, dOutput, dq, gradients);
        int* nextTask = Plan(sequences, out AttentionSlice* slices);
        for (int i = 0; i < sequences.Length; i++)
        {
            slices[i].KeyGradients = new HeadRows(gradients[i].Keys);
            slices[i].ValueGradients = new HeadRows(gradients[i].Values);
        }

        AttentionCall call = new()
        {
            Shape = shape,
            HeadsPerTask = 1,
            Slices = slices,
            SliceCount = sequences.Length,
            Q = new HeadRows(q),
            Output = new HeadRows(output),
            LogSumExp = new HeadRows(logSumExp),
            OutputGradient = new HeadRows(dOutput),
            QueryGradient = new HeadRows(dq),
        };
        if (kind == KernelKind.Reference) AttentionReference.Backward(call);
        else if (Tiles(kind, precision) is { } kernels) TiledHeads<TiledAttentionBackward>.Run(pool, kernels, call, nextTask);
        else AttentionManaged.Backward(pool, call, nextTask);
        KeepAlive(sequences);
        KeepAlive(gradients);
        GC.KeepAlive(q.Buffer);
        GC.KeepAlive(output.Buffer);
        GC.KeepAlive(logSumExp.Buffer);
        GC.KeepAlive(dOutput.Buffer);
        GC.KeepAlive(dq.Buffer);
    }

    // Only the tile unit. Vector registers multiply pairs of BF16 at twice the rate of F32, which pays for packing keys where many rows pass over them, but
    // not in decoding, where one row does; and both must have the same bits.
    private static TileKernelSet? Tiles(KernelKind kind, ProductPrecision precision) =>
        kind == KernelKind.Generated && precision == ProductPrecision.BF16 && GeneratedKernels.Tiles is { Instructions: TileInstructions.Amx } tiles ? tiles : null;

    // Cached latents are a factor of tiles as they lie, so here vector registers multiply them, too.
    private static TileKernelSet? LatentTiles(KernelKind kind, ProductPrecision precision, ReadOnlySpan<AttentionSequence> sequences)
    {
        if (kind != KernelKind.Generated || precision != ProductPrecision.BF16 || !HasLatents(sequences)) return null;
        foreach (ref readonly AttentionSequence sequence in sequences)
        {
            if (sequence.Cached is not { } rows || !CachedTiles.CanRead(rows.Format)) return null;
        }

        return GeneratedKernels.Tiles;
    }

    private static bool HasLatents(ReadOnlySpan<AttentionSequence> sequences)
    {
        foreach (ref readonly AttentionSequence sequence in sequences)
        {
            if (sequence.Cached is { Format.IsLatent: true }) return true;
        }

        return false;
    }

    // The counter of tasks has a cache line to itself: all workers write it. Behind it the slices, then their page tables.
    private static int* Plan(ReadOnlySpan<AttentionSequence> sequences, out AttentionSlice* slices)
    {
        long pages = 0;
        foreach (ref readonly AttentionSequence sequence in sequences) pages += sequence.Cached is { } rows ? CacheRows.PagesFor(rows.Length) : 0;
        byte* plan = AttentionScratch.Plan(NativeBuffer.Alignment + (long)sequences.Length * sizeof(AttentionSlice) + pages * sizeof(int));
        slices = (AttentionSlice*)(plan + NativeBuffer.Alignment);
        int* table = (int*)(slices + sequences.Length);
        for (int i = 0; i < sequences.Length; i++)
        {
            AttentionSequence sequence = sequences[i];
            AttentionSlice slice = new() { QueryStart = sequence.QueryStart, QueryCount = sequence.QueryCount, KeyCount = sequence.KeyCount, Splits = 1 };
            if (sequence.Cached is { } rows)
            {
                int count = CacheRows.PagesFor(rows.Length);
                rows.PageTable.Span[..count].CopyTo(new Span<int>(table, count));
                slice.Cached = new CachedSlice(rows, table);
                table += count;
            }
            else
            {
                slice.Keys = new HeadRows(sequence.Keys);
                slice.Values = new HeadRows(sequence.Values);
            }

            slices[i] = slice;
        }

        return (int*)plan;
    }

    // Kernels see only addresses; the buffers must not be collected before they are done.
    private static void KeepAlive(ReadOnlySpan<AttentionSequence> sequences)
    {
        foreach (ref readonly AttentionSequence sequence in sequences)
        {
            GC.KeepAlive(sequence.Keys.Buffer);
            GC.KeepAlive(sequence.Values.Buffer);
            GC.KeepAlive(sequence.Cached?.Pool);
        }
    }
}
