using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

[Trait("Category", "Kernels")]
public sealed class GroupedMatMulTests
{
    // Empty groups at both ends and inside, single rows, narrow groups and one that is packed in several blocks of rows.
    private static readonly int[] s_offsets = [0, 0, 1, 3, 3, 3, 11, 20, 520, 520];

    public static TheoryData<ProductKind> Kinds => [.. ProductKinds.All];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Each_group_has_the_bits_of_its_own_product(ProductKind kind)
    {
        const int N = 70, K = 45;
        int groups = s_offsets.Length - 1;
        using WorkerPool pool = new(3);
        using Samples samples = new(1);
        foreach (ElementType type in new[] { ElementType.F32, ElementType.BF16 })
        {
            foreach (bool accumulate in new[] { false, true })
            {
                Matrix a = samples.Matrix(s_offsets[^1], K, type);
                Matrix b = kind switch
                {
                    ProductKind.Nt => samples.Matrix(groups * N, K, type),
                    ProductKind.Nn => samples.Matrix(groups * K, N, type),
                    _ => samples.Matrix(s_offsets[^1], N, type),
                };
                Matrix actual = samples.Matrix(kind == ProductKind.Tn ? groups * K : s_offsets[^1], N);
                Matrix expected = samples.Copy(actual);
                kind.ComputeGroups(pool, a, b, s_offsets, actual, accumulate);
                for (int g = 0; g < groups; g++)
                {
                    int start = s_offsets[g], rows = s_offsets[g + 1] - start;
                    int stack = kind == ProductKind.Nt ? N : K;
                    Matrix groupB = kind == ProductKind.Tn ? b.RowRange(start, rows) : b.RowRange(g * stack, stack);
                    Matrix groupC = kind == ProductKind.Tn ? expected.RowRange(g * stack, stack) : expected.RowRange(start, rows);
                    kind.Compute(pool, a.RowRange(start, rows), groupB, groupC, accumulate);
                }

                Samples.AssertSameBits(expected, actual, $"{kind} {type} accumulate {accumulate}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void No_groups_and_no_rows_are_nothing_to_do(ProductKind kind)
    {
        using WorkerPool pool = new(2);
        using Samples samples = new(2);
        Matrix none = samples.Matrix(0, 4), weights = samples.Matrix(8, 4);
        kind.ComputeGroups(pool, none, none, [0], none, accumulate: false);
        if (kind == ProductKind.Tn) kind.ComputeGroups(pool, none, none, [0, 0, 0], weights, accumulate: false);
        else kind.ComputeGroups(pool, none, weights, [0, 0, 0], none, accumulate: false);
        if (kind == ProductKind.Tn) Assert.All(Enumerable.Range(0, 8), row => Assert.Equal(new float[4], weights.Row(row).ToArray()));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Offsets_that_are_no_cut_of_the_rows_throw(ProductKind kind)
    {
        using WorkerPool pool = new(1);
        using Samples samples = new(3);
        Matrix rows = samples.Matrix(4, 4), stack = samples.Matrix(8, 4);
        (Matrix b, Matrix c) = kind == ProductKind.Tn ? (rows, stack) : (stack, rows);
        foreach (int[] offsets in new int[][] { [], [0, 2, 3], [1, 2, 4], [0, 5, 4] })
        {
            Assert.Throws<ArgumentException>(() => kind.ComputeGroups(pool, rows, b, offsets, c, accumulate: false));
        }
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_named()
    {
        using WorkerPool pool = new(1);
        using Samples samples = new(4);
        Matrix a = samples.Matrix(4, 3), b = samples.Matrix(9, 5), c = samples.Matrix(4, 7);
        foreach (ProductKind kind in ProductKinds.All)
        {
            string message = Assert.Throws<ArgumentException>(() => kind.ComputeGroups(pool, a, b, [0, 1, 4], c, accumulate: false)).Message;
            Assert.Contains("[9,5]", message, StringComparison.Ordinal);
        }
    }
}
