using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

[Trait("Category", "Kernels")]
public sealed class AttentionChecksTests
{
    private static readonly AttentionShape s_shape = new(4, 2, 6, 5, 1);

    [Fact]
    public void A_matrix_of_another_shape_is_refused_with_both_shapes()
    {
        using AttentionCase fits = new(s_shape, [(7, 9, 1)]);
        AssertRefused(() => Forward(fits, q: fits.Q.ColumnRange(0, 23)), "[7, 24]", "[7, 23]");
        AssertRefused(() => Forward(fits, output: fits.Output.RowRange(0, 6)), "[7, 20]", "[6, 20]");
        AssertRefused(() => Forward(fits, logSumExp: fits.LogSumExp.ColumnRange(0, 3)), "[7, 4]", "[7, 3]");
        AttentionSequence good = fits.Sequences[0];
        AssertRefused(() => Forward(fits, sequence: good with { Keys = good.Keys.ColumnRange(0, 10) }), "[9, 12]", "[9, 10]");
        AssertRefused(() => Forward(fits, sequence: good with { Values = good.Values.RowRange(0, 8) }), "[9, 10]", "[8, 10]");
        AssertRefused(() => Forward(fits, sequence: good with { QueryStart = 1 }), "1 to 8", "[7, 24]");
        AssertRefused(() => Forward(fits, sequence: good with { QueryStart = -1 }), "-1 to 6", "[7, 24]");
        AssertRefused(
            () => Forward(fits, sequence: good with { Keys = good.Keys.RowRange(0, 6), Values = good.Values.RowRange(0, 6) }),
            "7 queries",
            "[6, 12]");
        AssertRefused(() => Forward(fits, sequence: default(AttentionSequence)), "[0, 12]", "no matrix");
    }

    [Fact]
    public void Gradients_of_another_shape_are_refused_with_both_shapes()
    {
        using AttentionCase fits = new(s_shape, [(7, 9, 1)]);
        AttentionSequence good = fits.Gradients[0];
        AssertRefused(() => Backward(fits, fits.QueryGradient.RowRange(0, 6), good), "[7, 24]", "[6, 24]");
        AssertRefused(() => Backward(fits, fits.QueryGradient, good with { Keys = good.Keys.RowRange(0, 8) }), "[9, 12]", "[8, 12]");
        AssertRefused(() => Backward(fits, fits.QueryGradient, good with { QueryCount = 6 }), "7 queries", "6 from row 0");
        AssertRefused(() => Backward(fits, fits.QueryGradient), "1 sequences", "found 0");
    }

    [Theory]
    [InlineData(0, 1, 4, 4)]
    [InlineData(4, 0, 4, 4)]
    [InlineData(4, 3, 4, 4)]
    [InlineData(4, 2, 0, 4)]
    [InlineData(4, 2, 4, 0)]
    public void Impossible_sizes_of_heads_are_refused(int heads, int keyHeads, int keyDim, int valueDim)
    {
        using AttentionCase fits = new(s_shape, [(7, 9, 1)]);
        using WorkerPool pool = new(1);
        AttentionShape shape = new(heads, keyHeads, keyDim, valueDim, 1);
        Assert.Throws<ArgumentException>(() => Attention.Forward(pool, shape, fits.Q, fits.Sequences, fits.Output, null));
    }

    [Fact]
    public void Elements_that_are_not_F32_are_refused()
    {
        using AttentionCase fits = new(s_shape, [(7, 9, 1)]);
        Matrix half = new(fits.Q.Buffer, ElementType.BF16, 0, 7, 24);
        AssertRefused(() => Forward(fits, q: half), "F32", "BF16");
    }

    private static void Forward(
        AttentionCase fits, Matrix? q = null, Matrix? output = null, Matrix? logSumExp = null, AttentionSequence? sequence = null)
    {
        using WorkerPool pool = new(1);
        Attention.Forward(
            pool, s_shape, q ?? fits.Q, [sequence ?? fits.Sequences[0]], output ?? fits.Output, logSumExp ?? fits.LogSumExp);
    }

    private static void Backward(AttentionCase fits, Matrix dq, params AttentionSequence[] gradients)
    {
        using WorkerPool pool = new(1);
        Attention.Backward(
            pool, s_shape, fits.Q, fits.Sequences, fits.Output, fits.LogSumExp, fits.OutputGradient, dq, gradients);
    }

    private static void AssertRefused(Action call, string expected, string found)
    {
        ArgumentException refusal = Assert.Throws<ArgumentException>(call);
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(found, refusal.Message, StringComparison.Ordinal);
    }
}
