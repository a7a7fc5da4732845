using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

/// <summary>
/// Attention of precision BF16 on AMX tiles. Where inputs are BF16 already, only weights and gradients of scores are rounded, each by at
/// most 2^-8, which is what the oracle allows beyond the errors of binary32.
/// </summary>
[Trait("Category", "Kernels")]
public sealed class TiledAttentionTests
{
    [SkippableFact]
    public void Every_head_dimension_and_length_is_within_the_error_bound()
    {
        RequireTiles();
        int[] dims = [1, 3, 12, 16, 24, 32, 40, 64, 128, 192];
        int[] lengths = [1, 2, 15, 16, 31, 32, 33, 63, 64, 65, 130];
        for (int i = 0; i < dims.Length; i++)
        {
            AttentionShape shape = new(2, 1, dims[i], dims[(i + 4) % dims.Length], 1 / MathF.Sqrt(dims[i]));
            Check(() => Rounded(shape, Array.ConvertAll(lengths, length => (length, length, length)), magnitude: 4));
        }
    }

    [SkippableFact]
    public void Every_ratio_of_query_heads_to_key_heads_is_within_the_error_bound()
    {
        RequireTiles();
        foreach ((int heads, int keyHeads) in new[] { (1, 1), (4, 4), (4, 2), (4, 1), (6, 2), (5, 1) })
        {
            AttentionShape shape = new(heads, keyHeads, 24, 40, 0.3f);
            Check(() => Rounded(shape, [(33, 33, 1), (5, 70, 2), (1, 129, 3), (0, 4, 4), (66, 67, 5)], gap: 5));
        }
    }

    [SkippableFact]
    public void Chunks_of_keys_are_within_the_error_bound()
    {
        RequireTiles();
        AttentionShape shape = new(2, 1, 20, 12, 0.4f);
        foreach ((int queries, int keys) in new[] { (70, 1100), (1, 513), (40, 512), (600, 600) }) Check(() => Rounded(shape, [(queries, keys, 1)], magnitude: 3));
    }

    [SkippableFact]
    public void Values_may_be_columns_of_the_keys()
    {
        RequireTiles();
        AttentionShape shape = new(5, 1, 72, 64, 0.1f);
        Check(() => Rounded(shape, [(20, 20, 1), (1, 90, 2), (3, 65, 3)], gap: 8, shared: true));
    }

    [SkippableFact]
    public void Weights_are_rounded_to_BF16_before_they_meet_the_values_and_their_sum_is_not()
    {
        RequireTiles();
        using AttentionCase attention = new(new AttentionShape(1, 1, 32, 4, 1), [(2, 2, 1)]);
        AttentionSequence sequence = attention.Sequences[0];
        for (int row = 0; row < 2; row++)
        {
            attention.Q.Row(row).Clear();
            sequence.Keys.Row(row).Clear();
            sequence.Values.Row(row).Fill(row);
        }

        attention.Q.Row(1)[0] = 1;
        sequence.Keys.Row(1)[0] = -1;
        attention.Forward(KernelKind.Generated, precision: ProductPrecision.BF16);

        // Scores 0 and -1; exp(-1) = 0.36787944 lies between 188 and 189 times 2^-9.
        Assert.All(attention.Output.Row(1).ToArray(), x => Assert.Equal(188f / 512 / 1.36787944f, x, 1e-6f));
        attention.Forward(KernelKind.Generated);
        Assert.All(attention.Output.Row(1).ToArray(), x => Assert.Equal(0.36787944f / 1.36787944f, x, 1e-6f));
    }

    [SkippableFact]
    public void A_row_whose_scores_are_all_minus_infinity_gives_zeros()
    {
        RequireTiles();
        AttentionShape shape = new(1, 1, 32, 4, 1);
        using AttentionCase attention = Rounded(shape, [(3, 70, 1)]);
        for (int key = 0; key < 70; key++) attention.Sequences[0].Keys.Row(key).Fill(1);
        attention.Q.Row(1).Fill(float.NegativeInfinity);
        attention.Forward(KernelKind.Generated, precision: ProductPrecision.BF16);
        Assert.All(attention.Output.Row(1).ToArray(), x => Assert.Equal(0, x));
        Assert.Equal(float.NegativeInfinity, attention.LogSumExp.Row(1)[0]);
    }

    [SkippableFact]
    public void Neither_workers_nor_other_sequences_nor_later_tokens_show()
    {
        RequireTiles();
        foreach (AttentionShape shape in AttentionInvarianceTests.Shapes)
        {
            (int, int, int)[] sequences = [(150, 170, 1), (1, 1, 2), (64, 64, 3), (600, 600, 4), (31, 90, 5)];
            using AttentionCase together = new(shape, sequences, magnitude: 3), apart = new(shape, sequences, magnitude: 3);
            Run(together, workers: 1);
            Run(apart, workers: 5);
            AttentionInvarianceTests.AssertSame(together, apart);
            int start = 0;
            for (int i = 0; i < sequences.Length; i++)
            {
                using AttentionCase alone = new(shape, [sequences[i]], magnitude: 3);
                Run(alone, workers: 2);
                Assert.Equal(AttentionCase.Bits(together.Output.RowRange(start, sequences[i].Item1)), AttentionCase.Bits(alone.Output));
                Assert.Equal(AttentionCase.Bits(together.QueryGradient.RowRange(start, sequences[i].Item1)), AttentionCase.Bits(alone.QueryGradient));
                Assert.Equal(AttentionCase.Bits(together.Gradients[i].Keys), AttentionCase.Bits(alone.Gradients[0].Keys));
                Assert.Equal(AttentionCase.Bits(together.Gradients[i].Values), AttentionCase.Bits(alone.Gradients[0].Values));
                start += sequences[i].Item1;
            }

            // The first queries alone, without the keys of those behind them.
            foreach (int count in new[] { 1, 30, 64, 149 })
            {
                Matrix output = together.Allocate(count, shape.Heads * shape.ValueDim);
                AttentionSequence whole = together.Sequences[0];
                AttentionSequence first = new(0, count, whole.Keys.RowRange(0, 20 + count), whole.Values.RowRange(0, 20 + count));
                using WorkerPool pool = new(2);
                Attention.ForwardWith(KernelKind.Generated, pool, shape, together.Q.RowRange(0, count), [first], output, null, ProductPrecision.BF16);
                Assert.Equal(AttentionCase.Bits(together.Output.RowRange(0, count)), AttentionCase.Bits(output));
            }
        }
    }

    [SkippableFact]
    public void Memory_between_rows_is_left_alone_and_a_warm_call_allocates_nothing()
    {
        RequireTiles();
        AttentionShape shape = new(3, 1, 10, 9, 1);
        using AttentionCase attention = new(shape, [(30, 30, 1), (4, 80, 2)], gap: 7);
        Run(attention, workers: 2);
        AttentionInvarianceTests.AssertNothingBetweenRows(attention, gap: 7);

        using WorkerPool pool = new(1);
        for (int i = 0; i < 3; i++) Call();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Call();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Call()
        {
            Attention.ForwardWith(
                KernelKind.Generated, pool, shape, attention.Q, attention.Sequences, attention.Output, attention.LogSumExp, ProductPrecision.BF16);
            Attention.BackwardWith(
                KernelKind.Generated, pool, shape, attention.Q, attention.Sequences, attention.Output, attention.LogSumExp, attention.OutputGradient,
                attention.QueryGradient, attention.Gradients, ProductPrecision.BF16);
        }
    }

    private static AttentionCase Rounded(
        AttentionShape shape, (int Queries, int Keys, int Seed)[] sequences, int gap = 0, bool shared = false, float magnitude = 1)
    {
        AttentionCase attention = new(shape, sequences, gap, shared, magnitude);
        attention.Round();
        return attention;
    }

    private static void Check(Func<AttentionCase> create)
    {
        AttentionForwardTests.Check(KernelKind.Generated, create(), ProductPrecision.BF16);
        AttentionBackwardTests.Check(KernelKind.Generated, create(), ProductPrecision.BF16);
    }

    private static void Run(AttentionCase attention, int workers)
    {
        attention.Forward(KernelKind.Generated, workers, ProductPrecision.BF16);
        attention.Backward(KernelKind.Generated, workers, ProductPrecision.BF16);
    }

    private static void RequireTiles() => Skip.If(
        GeneratedKernels.Tiles is not { Instructions: TileInstructions.Amx },
        KernelSelection.Current == KernelKind.Generated ? GeneratedKernels.Families[0].Obstacle : $"kernels are {KernelSelection.Current}");
}
