using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

[Trait("Category", "Kernels")]
public sealed class AttentionForwardTests
{
    public static TheoryData<KernelKind> Kinds => [KernelKind.Reference, KernelKind.Managed];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_head_dimension_and_length_is_within_the_error_bound(KernelKind kind)
    {
        int[] dims = [1, 3, 8, 12, 16, 24, 40, 64, 80, 128, 192];
        int[] lengths = [1, 2, 15, 16, 17, 63, 64, 65, 130];
        for (int i = 0; i < dims.Length; i++)
        {
            // The value dimension is another than the key dimension, and over all dims each occurs.
            AttentionShape shape = new(2, 1, dims[i], dims[(i + 4) % dims.Length], 1 / MathF.Sqrt(dims[i]));
            (int, int, int)[] sequences = Array.ConvertAll(lengths, length => (length, length, length));
            Check(kind, new AttentionCase(shape, sequences, magnitude: 4));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_ratio_of_query_heads_to_key_heads_is_within_the_error_bound(KernelKind kind)
    {
        foreach ((int heads, int keyHeads) in new[] { (1, 1), (4, 4), (4, 2), (4, 1), (6, 2), (5, 1) })
        {
            AttentionShape shape = new(heads, keyHeads, 24, 40, 0.3f);
            Check(kind, new AttentionCase(shape, [(33, 33, 1), (5, 70, 2), (1, 129, 3), (0, 4, 4), (66, 67, 5)], gap: 5));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Values_may_be_columns_of_the_keys(KernelKind kind)
    {
        AttentionShape shape = new(5, 1, 72, 64, 0.1f);
        Check(kind, new AttentionCase(shape, [(20, 20, 1), (1, 90, 2), (3, 65, 3)], gap: 8, shared: true));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Scores_of_ten_thousand_do_not_overflow(KernelKind kind)
    {
        AttentionShape shape = new(2, 2, 16, 16, 1);
        Check(kind, new AttentionCase(shape, [(70, 140, 1)], magnitude: 10_000));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_row_whose_scores_are_all_minus_infinity_gives_zeros(KernelKind kind)
    {
        AttentionShape shape = new(1, 1, 4, 4, 1);
        using AttentionCase attention = new(shape, [(3, 70, 1)]);
        for (int key = 0; key < 70; key++) attention.Sequences[0].Keys.Row(key).Fill(1);
        attention.Q.Row(1).Fill(float.NegativeInfinity);
        attention.Forward(kind);
        Assert.All(attention.Output.Row(1).ToArray(), x => Assert.Equal(0, x));
        Assert.Equal(float.NegativeInfinity, attention.LogSumExp.Row(1)[0]);

        attention.QueryGradient.Row(1).Clear();
        attention.Backward(kind);
        Assert.All(attention.QueryGradient.Row(1).ToArray(), x => Assert.Equal(0, x));
        Assert.All(AttentionCase.Read(attention.Gradients[0].Values), x => Assert.True(float.IsFinite(x)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Keys_and_values_behind_the_mask_are_never_multiplied(KernelKind kind)
    {
        AttentionShape shape = new(2, 2, 20, 12, 0.5f);
        using AttentionCase clean = new(shape, [(90, 100, 1)]);
        using AttentionCase dirty = new(shape, [(90, 100, 1)]);
        dirty.Sequences[0].Keys.Row(50).Fill(float.NaN);
        dirty.Sequences[0].Values.Row(50).Fill(float.PositiveInfinity);
        clean.Forward(kind);
        dirty.Forward(kind);

        // Query 39 sees the keys 0 to 49.
        Assert.Equal(AttentionCase.Bits(clean.Output.RowRange(0, 40)), AttentionCase.Bits(dirty.Output.RowRange(0, 40)));
        Assert.All(AttentionCase.Read(dirty.Output.RowRange(40, 50)), x => Assert.True(float.IsNaN(x)));
    }

    [Fact]
    public void Without_a_matrix_for_it_the_log_sum_exp_is_left_out()
    {
        AttentionShape shape = new(2, 1, 8, 8, 1);
        using AttentionCase attention = new(shape, [(5, 9, 1)]);
        Matrix output = attention.Allocate(5, 16);
        using WorkerPool pool = new(2);
        Attention.Forward(pool, shape, attention.Q, attention.Sequences, output, null);
        attention.Forward(KernelSelection.Current);
        Assert.Equal(AttentionCase.Bits(attention.Output), AttentionCase.Bits(output));
    }

    internal static void Check(KernelKind kind, AttentionCase attention, ProductPrecision precision = ProductPrecision.F32)
    {
        using (attention)
        {
            attention.Forward(kind, precision: precision);
            AttentionOracle oracle = new(attention, precision == ProductPrecision.BF16 ? 1 / 256.0 : 0);
            AssertWithin(oracle.Output, AttentionCase.Read(attention.Output), $"output of {attention.Shape}");
            AssertWithin(oracle.LogSumExp, AttentionCase.Read(attention.LogSumExp), $"log-sum-exp of {attention.Shape}");
        }
    }

    internal static void AssertWithin(Bounded expected, float[] actual, string what)
    {
        Assert.Equal(expected.Value.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++)
        {
            double error = Math.Abs(actual[i] - expected.Value[i]);
            Assert.True(
                error <= expected.Bound[i],
                $"{what}, element {i}: expected {expected.Value[i]} +- {expected.Bound[i]}, found {actual[i]}");
        }
    }
}
