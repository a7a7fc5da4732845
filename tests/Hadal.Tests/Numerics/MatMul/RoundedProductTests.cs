using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

/// <summary>Products of precision BF16 where no matrix tiles are used: the F32 products of factors that were rounded before.</summary>
[Trait("Category", "Kernels")]
public sealed class RoundedProductTests
{
    private static readonly ElementType[] s_types = [ElementType.F32, ElementType.BF16];

    private static readonly float[] s_halfway = [1f + 1f / 256, 1f + 3f / 256, 0f, 0f];
    private static readonly float[] s_exact = [1f, 64f, 5f, 7f];

    public static TheoryData<ProductKind> Kinds => [.. ProductKinds.All];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_ragged_size_is_the_F32_product_of_rounded_factors(ProductKind kind)
    {
        using WorkerPool pool = new(2);
        foreach (int m in new[] { 1, 2, 8, 9, 13, 97 })
        {
            foreach (int n in new[] { 1, 7, 16, 33, 65 })
            {
                foreach (int k in new[] { 0, 1, 3, 8, 17, 33, 401 })
                {
                    foreach (ElementType a in s_types) AssertRounded(pool, kind, m, n, k, a, s_types[(m + n + k) % 2]);
                }
            }
        }
    }

    [Fact]
    public void The_definition_rounds_both_factors_to_nearest_even()
    {
        using Samples samples = new(1);
        Matrix a = samples.Matrix(1, 4), b = samples.Matrix(1, 4), c = samples.Matrix(1, 1);

        // 1 + 2^-8 and 1 + 3·2^-8 lie halfway between two BF16 numbers: the even ones are 1 and 1 + 2^-6.
        s_halfway.CopyTo(a.Row(0));
        s_exact.CopyTo(b.Row(0));
        MatMulReference.Nt(a, b, c, accumulate: false, ProductPrecision.BF16);
        Assert.Equal(1f + 65f, c.Row(0)[0]);
        MatMulReference.Nt(b, a, c, accumulate: false, ProductPrecision.BF16);
        Assert.Equal(1f + 65f, c.Row(0)[0]);
    }

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void Groups_have_the_bits_of_the_groups_of_rounded_factors(ProductKind kind)
    {
        Skip.If(GeneratedKernels.Tiles != null, $"tiles compute these products here; {KernelSelection.Variable}=managed tests this");
        const int N = 70, K = 45;
        int[] offsets = [0, 0, 1, 3, 11, 130];
        int groups = offsets.Length - 1, rows = offsets[^1];
        using WorkerPool pool = new(3);
        using Samples samples = new(2);
        Matrix a = samples.Matrix(rows, K);
        Matrix b = kind switch
        {
            ProductKind.Nt => samples.Matrix(groups * N, K),
            ProductKind.Nn => samples.Matrix(groups * K, N),
            _ => samples.Matrix(rows, N),
        };
        Matrix actual = samples.Matrix(kind == ProductKind.Tn ? groups * K : rows, N), expected = samples.Copy(actual);
        kind.ComputeGroups(pool, a, b, offsets, actual, accumulate: true, ProductPrecision.BF16);
        kind.ComputeGroups(pool, samples.Rounded(a), samples.Rounded(b), offsets, expected, accumulate: true);
        Samples.AssertSameBits(expected, actual, $"{kind}");
    }

    private static void AssertRounded(WorkerPool pool, ProductKind kind, int m, int n, int k, ElementType aType, ElementType bType)
    {
        using Samples samples = new(m * 10007 + n * 101 + k);
        (Matrix a, Matrix b) = kind.Factors(samples, m, n, k, aType, bType);
        Matrix roundedA = samples.Rounded(a), roundedB = samples.Rounded(b);
        foreach (bool accumulate in new[] { false, true })
        {
            Matrix actual = samples.Matrix(m, n), expected = samples.Copy(actual);
            kind.ComputeManaged(pool, a, b, actual, accumulate, ProductPrecision.BF16);
            kind.Define(roundedA, roundedB, expected, accumulate);
            Samples.AssertSameBits(expected, actual, $"{kind} {m}x{n}x{k} {aType} {bType} accumulate {accumulate}");
        }
    }
}
