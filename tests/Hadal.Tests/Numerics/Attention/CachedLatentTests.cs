using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

/// <summary>
/// Attention of precision BF16 to latents that a cache holds in BF16. Queries and latents are BF16 already, so only weights are rounded,
/// each by at most 2^-8, which is what the oracle allows beyond the errors of binary32.
/// </summary>
[Trait("Category", "Kernels")]
public sealed class CachedLatentTests
{
    // Heads, latent and rotated key: with half-filled and ragged tiles of rows, of components and of values.
    private static readonly (int Heads, int Rank, int Rotary)[] s_shapes =
        [(8, 128, 32), (16, 64, 16), (1, 32, 2), (4, 48, 20), (5, 34, 8), (20, 16, 16), (3, 96, 64), (128, 32, 16)];

    [SkippableFact]
    public void Every_shape_and_length_is_within_the_error_bound()
    {
        RequireTiles();
        foreach ((int heads, int rank, int rotary) in s_shapes)
        {
            AttentionShape shape = new(heads, 1, rank + rotary, rank, 0.2f);
            using AttentionCase attention = new(shape, [(1, 1, 1), (1, 63, 2), (3, 64, 3), (9, 130, 4), (33, 33, 5), (1, 700, 6), (2, 513, 7)], shared: true, magnitude: 3);
            attention.Round();
            using PagedCase paged = new(attention, ElementType.BF16);
            Forward(attention, paged.Sequences, attention.Output, attention.LogSumExp);
            AttentionOracle oracle = new(attention, rounding: 1 / 256.0);
            AttentionForwardTests.AssertWithin(oracle.Output, AttentionCase.Read(attention.Output), $"output of {shape}");
            AttentionForwardTests.AssertWithin(oracle.LogSumExp, AttentionCase.Read(attention.LogSumExp), $"log-sum-exp of {shape}");
        }
    }

    [SkippableFact]
    public void A_sequence_is_computed_alike_whole_in_chunks_and_query_by_query()
    {
        RequireTiles();
        const int Queries = 70, Keys = 590;
        foreach ((int heads, int rank, int rotary) in s_shapes)
        {
            AttentionShape shape = new(heads, 1, rank + rotary, rank, 0.1f);
            using AttentionCase attention = new(shape, [(Queries, Keys, 1)], magnitude: 3, shared: true);
            using PagedCase paged = new(attention, ElementType.BF16);
            Forward(attention, paged.Sequences, attention.Output, null, workers: 1);
            foreach (int chunk in new[] { 1, 7, 64 })
            {
                Matrix output = attention.Allocate(Queries, shape.Heads * shape.ValueDim);
                for (int start = 0; start < Queries; start += chunk)
                {
                    int count = Math.Min(chunk, Queries - start);
                    AttentionSequence part = new(start, count, paged.Rows(0, Keys - Queries + start + count));
                    Forward(attention, [part], output, null, workers: 1 + start % 3);
                }

                Assert.Equal(AttentionCase.Bits(attention.Output), AttentionCase.Bits(output));
            }
        }
    }

    [SkippableFact]
    public void Weights_are_rounded_to_BF16_before_they_meet_the_values()
    {
        RequireTiles();
        using AttentionCase attention = new(new AttentionShape(1, 1, 48, 32, 1), [(2, 2, 1)], shared: true);
        Matrix keys = attention.Sequences[0].Keys;
        for (int row = 0; row < 2; row++)
        {
            attention.Q.Row(row).Clear();
            keys.Row(row).Clear();
            keys.Row(row)[..32].Fill(row);
        }

        // The latents are values; what makes the scores 0 and -1 is the rotated key.
        attention.Q.Row(1)[32] = 1;
        keys.Row(1)[32] = -1;
        using PagedCase paged = new(attention, ElementType.BF16);
        Forward(attention, paged.Sequences, attention.Output, null);

        // exp(-1) = 0.36787944 lies between 188 and 189 times 2^-9.
        Assert.All(attention.Output.Row(1).ToArray(), x => Assert.Equal(188f / 512 / 1.36787944f, x, 1e-6f));
    }

    [SkippableFact]
    public void Rows_read_where_they_lie_and_rows_that_are_packed_have_the_same_bits()
    {
        RequireTiles();
        Skip.If(!GeneratedKernels.Tiles!.ReadsCachedRows, "the tile unit takes packed rows only");
        using TileKernelSet packing = new(TileInstructions.Avx512) { ReadsCachedRows = false };
        foreach ((int heads, int rank, int rotary) in s_shapes)
        {
            int keyDim = rank + rotary;
            foreach (int keys in new[] { 1, 2, 15, 16, 17, 31, 32, 33, 63, 64 })
            {
                (float[] inPlace, float[] packed) = (Compute(GeneratedKernels.Tiles, heads, keys, rank, keyDim, keys), Compute(packing, heads, keys, rank, keyDim, keys));
                Assert.Equal(Array.ConvertAll(packed, BitConverter.SingleToInt32Bits), Array.ConvertAll(inPlace, BitConverter.SingleToInt32Bits));
            }
        }
    }

    [SkippableFact]
    public void Queries_with_gaps_between_their_rows_give_the_same_bits()
    {
        RequireTiles();
        AttentionShape shape = new(6, 1, 40, 32, 0.2f);
        using AttentionCase attention = new(shape, [(5, 80, 1), (3, 70, 2)], shared: true);
        using PagedCase paged = new(attention, ElementType.BF16);
        Forward(attention, paged.Sequences, attention.Output, null);
        float[] together = attention.Output.Buffer.AsSpan<float>(0, attention.Output.Rows * attention.Output.Columns).ToArray();

        using NativeBuffer wide = new((long)attention.Q.Rows * (attention.Q.Columns + 3) * sizeof(float));
        Matrix apart = new Matrix(wide, ElementType.F32, 0, attention.Q.Rows, attention.Q.Columns + 3).ColumnRange(2, attention.Q.Columns);
        for (int row = 0; row < apart.Rows; row++) attention.Q.Row(row).CopyTo(apart.Row(row));
        using WorkerPool pool = new(2);
        Attention.ForwardWith(KernelKind.Generated, pool, shape, apart, paged.Sequences, attention.Output, null, ProductPrecision.BF16);
        Assert.Equal(
            Array.ConvertAll(together, BitConverter.SingleToInt32Bits),
            Array.ConvertAll(attention.Output.Buffer.AsSpan<float>(0, together.Length).ToArray(), BitConverter.SingleToInt32Bits));
    }

    [SkippableFact]
    public void A_warm_call_allocates_nothing()
    {
        RequireTiles();
        AttentionShape shape = new(8, 1, 40, 32, 0.2f);
        using AttentionCase attention = new(shape, [(1, 80, 1), (1, 733, 2)], shared: true);
        using PagedCase paged = new(attention, ElementType.BF16);
        using WorkerPool pool = new(1);
        for (int i = 0; i < 3; i++) Call();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Call();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Call() => Attention.ForwardWith(
            KernelKind.Generated, pool, shape, attention.Q, paged.Sequences, attention.Output, null, ProductPrecision.BF16);
    }

    // Scores of rows with cached keys, then these scores as weights of the same keys' first components: [keys, rows], then [rows, rank].
    private static unsafe float[] Compute(TileKernelSet kernels, int rows, int keys, int rank, int keyDim, int seed)
    {
        const int Page = CacheRows.PageTokens;
        int padded = TileShape.OuterTiles(rows) * TileShape.Rows;
        Random random = new(seed);
        using NativeBuffer cached = new((long)Page * keyDim * sizeof(ushort)), q = new((long)keyDim * padded * sizeof(float));
        using NativeBuffer scores = new((long)Page * padded * sizeof(float)), output = new((long)rows * rank * sizeof(float));
        cached.AsSpan<ushort>(0, Page * keyDim).Fill(ushort.MaxValue);
        for (int i = 0; i < keys * keyDim; i++) ((ushort*)cached.Data)[i] = (ushort)(BitConverter.SingleToUInt32Bits(random.NextSingle() - 0.5f) >> 16);
        for (int i = 0; i < keyDim * padded; i++) ((float*)q.Data)[i] = random.NextSingle() - 0.5f;
        TileCarver count = new(null);
        _ = new CachedTiles(ref count, kernels, padded, keyDim, rank);
        using NativeBuffer memory = new(count.Taken * sizeof(float));
        TileCarver carver = new((float*)memory.Data);
        CachedTiles tiles = new(ref carver, kernels, padded, keyDim, rank);
        kernels.Configure();
        tiles.PackQueries(kernels, Factor.Of((float*)q.Data, padded, isInnerAdjacent: false), padded);
        tiles.Score(kernels, cached.Data, keyDim * sizeof(ushort), keys, cached.Data, rows, (float*)scores.Data);
        tiles.AddValues(kernels, cached.Data, keyDim * sizeof(ushort), keys, rows, (float*)scores.Data, (float*)output.Data, rank);
        kernels.Release();
        float[] results = new float[keys * rows + rows * rank];
        for (int key = 0; key < keys; key++) scores.AsSpan<float>(key * padded, rows).CopyTo(results.AsSpan(key * rows));
        output.AsSpan<float>(0, rows * rank).CopyTo(results.AsSpan(keys * rows));
        return results;
    }

    private static void Forward(AttentionCase attention, AttentionSequence[] sequences, Matrix output, Matrix? logSumExp, int workers = 2)
    {
        using WorkerPool pool = new(workers);
        Attention.ForwardWith(KernelKind.Generated, pool, attention.Shape, attention.Q, sequences, output, logSumExp, ProductPrecision.BF16);
    }

    private static void RequireTiles() => Skip.If(
        GeneratedKernels.Tiles is null, KernelSelection.Current == KernelKind.Generated ? GeneratedKernels.Families[2].Obstacle : $"kernels are {KernelSelection.Current}");
}
