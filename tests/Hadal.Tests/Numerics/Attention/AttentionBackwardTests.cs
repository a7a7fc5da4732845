using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

[Trait("Category", "Kernels")]
public sealed class AttentionBackwardTests
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
            AttentionShape shape = new(1, 1, dims[i], dims[(i + 4) % dims.Length], 1 / MathF.Sqrt(dims[i]));
            Check(kind, new AttentionCase(shape, Array.ConvertAll(lengths, length => (length, length, length)), magnitude: 4));
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
        using AttentionCase attention = new(shape, [(70, 140, 1)], magnitude: 10_000);
        attention.Forward(kind);
        attention.Backward(kind);
        Assert.All(AttentionCase.Read(attention.Gradients[0].Keys), x => Assert.True(float.IsFinite(x)));
    }

    // The oracle's gradients against central differences of its loss. A step is a power of two, so that the change of the binary32
    // input is exact; the error of the quotient is of the order of step^2.
    [Fact]
    public void The_analytic_gradient_is_the_limit_of_difference_quotients()
    {
        AttentionShape shape = new(4, 2, 5, 3, 0.7f);
        using AttentionCase attention = new(shape, [(4, 4, 1), (3, 7, 2)]);
        AttentionOracle oracle = new(attention);
        AssertSlopes(attention, attention.Q, oracle.QueryGradient);
        for (int i = 0; i < 2; i++)
        {
            AssertSlopes(attention, attention.Sequences[i].Keys, oracle.KeyGradients[i]);
            AssertSlopes(attention, attention.Sequences[i].Values, oracle.ValueGradients[i]);
        }
    }

    private static void AssertSlopes(AttentionCase attention, Matrix matrix, Bounded gradient)
    {
        const float Step = 1f / 1024;
        for (int row = 0; row < matrix.Rows; row++)
        {
            for (int column = 0; column < matrix.Columns; column++)
            {
                ref float x = ref matrix.Row(row)[column];
                float kept = x;
                x = kept + Step;
                double width = x;
                double above = new AttentionOracle(attention).Loss();
                x = kept - Step;
                width -= x;
                double below = new AttentionOracle(attention).Loss();
                x = kept;
                Assert.Equal(gradient.Value[row * matrix.Columns + column], (above - below) / width, 1e-5);
            }
        }
    }

    internal static void Check(KernelKind kind, AttentionCase attention, ProductPrecision precision = ProductPrecision.F32)
    {
        using (attention)
        {
            AttentionOracle oracle = new(attention, precision == ProductPrecision.BF16 ? 1 / 256.0 : 0);
            float[] queryStart = AttentionCase.Read(attention.QueryGradient);
            float[][] keyStart = Array.ConvertAll(attention.Gradients, g => AttentionCase.Read(g.Keys));
            float[][] valueStart = Array.ConvertAll(attention.Gradients, g => AttentionCase.Read(g.Values));
            attention.Forward(kind, precision: precision);
            attention.Backward(kind, precision: precision);
            AssertAdded(oracle.QueryGradient, queryStart, attention.QueryGradient, $"dq of {attention.Shape}");
            for (int i = 0; i < keyStart.Length; i++)
            {
                Bounded keys = oracle.KeyGradients[i];
                if (attention.Shared)
                {
                    AddColumns(attention.Shape, keys, oracle.ValueGradients[i]);
                }
                else
                {
                    AssertAdded(oracle.ValueGradients[i], valueStart[i], attention.Gradients[i].Values, $"dv of {attention.Shape}");
                }

                AssertAdded(keys, keyStart[i], attention.Gradients[i].Keys, $"dk of {attention.Shape}");
            }
        }
    }

    // Values that lie in the first columns of the keys leave their gradient there too.
    private static void AddColumns(AttentionShape shape, Bounded keys, Bounded values)
    {
        for (int i = 0; i < values.Value.Length; i++)
        {
            (int row, int column) = Math.DivRem(i, shape.ValueDim);
            keys.Add(row * shape.KeyDim + column, values.Value[i], values.Bound[i]);
        }
    }

    private static void AssertAdded(Bounded gradient, float[] start, Matrix actual, string what)
    {
        Bounded expected = new(start.Length);
        for (int i = 0; i < start.Length; i++)
        {
            // Each of at most 200 partial sums that include the start is rounded.
            double magnitude = Math.Abs(start[i]) + Math.Abs(gradient.Value[i]) + gradient.Bound[i];
            expected.Add(i, start[i] + gradient.Value[i], gradient.Bound[i] + magnitude * 200 / (1 << 24));
        }

        AttentionForwardTests.AssertWithin(expected, AttentionCase.Read(actual), what);
    }
}
