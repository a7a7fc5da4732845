using System.Runtime.Intrinsics;
using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

[Trait("Category", "Kernels")]
public sealed class MatMulTests
{
    private static readonly ElementType[] s_types = [ElementType.F32, ElementType.BF16];

    public static TheoryData<ProductKind> Kinds => [.. ProductKinds.All];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_ragged_size_has_the_bits_of_the_definition(ProductKind kind)
    {
        using WorkerPool pool = new(2);
        foreach (int m in new[] { 0, 1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 25 })
        {
            foreach (int n in new[] { 0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 65 })
            {
                foreach (int k in new[] { 0, 1, 2, 3, 4, 7, 8, 9, 17 })
                {
                    foreach (ElementType a in s_types) AssertDefinition(pool, kind, m, n, k, a, s_types[(m + n + k) % 2]);
                }
            }
        }
    }

    // Above 96 rows both factors are packed for all workers; k beyond 384, rows beyond 2304 and columns beyond 3072 take several blocks.
    [Theory]
    [InlineData(96, 64, 16)]
    [InlineData(97, 33, 385)]
    [InlineData(131, 70, 801)]
    [InlineData(13, 40, 1000)]
    [InlineData(8, 70, 1000)]
    [InlineData(1, 300, 777)]
    [InlineData(400, 37, 20)]
    [InlineData(2311, 35, 5)]
    [InlineData(100, 3081, 3)]
    [InlineData(4700, 5, 390)]
    public void Blocked_sizes_have_the_bits_of_the_definition(int m, int n, int k)
    {
        using WorkerPool pool = new(2);
        foreach (ProductKind kind in ProductKinds.All)
        {
            AssertDefinition(pool, kind, m, n, k, ElementType.F32, ElementType.F32);
            AssertDefinition(pool, kind, m, n, k, ElementType.BF16, ElementType.BF16);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_row_of_a_large_product_has_the_bits_of_the_row_alone(ProductKind kind)
    {
        using WorkerPool pool = new(2);
        using Samples samples = new(1);
        (Matrix a, Matrix b) = kind.Factors(samples, 150, 100, 420, ElementType.F32, ElementType.BF16);
        Matrix all = samples.Matrix(150, 100), one = samples.Matrix(1, 100);
        kind.Compute(pool, a, b, all, accumulate: false);
        for (int m = 0; m < 150; m++)
        {
            kind.Compute(pool, kind == ProductKind.Tn ? a.ColumnRange(m, 1) : a.RowRange(m, 1), b, one, accumulate: false);
            Assert.True(one.Row(0).SequenceEqual(all.Row(m)), $"row {m}");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_number_of_workers_does_not_change_a_bit(ProductKind kind)
    {
        foreach ((int m, int n, int k) in new[] { (200, 150, 500), (4, 200, 300), (40, 500, 77) })
        {
            using Samples samples = new(2);
            (Matrix a, Matrix b) = kind.Factors(samples, m, n, k, ElementType.F32, ElementType.F32);
            Matrix start = samples.Matrix(m, n), expected = samples.Copy(start);
            kind.Define(a, b, expected, accumulate: true);
            foreach (int workers in new[] { 1, 2, 3, 5 })
            {
                using WorkerPool pool = new(workers);
                Matrix c = samples.Copy(start);
                kind.Compute(pool, a, b, c, accumulate: true);
                Samples.AssertSameBits(expected, c, $"{workers} workers");
            }
        }
    }

    // Rounding to nearest errs by at most u = 2^-24 per operation, so a chain of K multiply-adds, each one or two roundings, errs by at
    // most 2K u/(1 - 2K u) times the sum of |a b|.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_definition_is_as_close_to_double_precision_as_rounding_allows(ProductKind kind)
    {
        const int M = 7, N = 9, K = 300;
        using Samples samples = new(3);
        (Matrix a, Matrix b) = kind.Factors(samples, M, N, K, ElementType.F32, ElementType.BF16);
        Matrix c = samples.Matrix(M, N);
        kind.Define(a, b, c, accumulate: false);
        double unit = 2 * K * Math.Pow(2, -24);
        for (int m = 0; m < M; m++)
        {
            for (int n = 0; n < N; n++)
            {
                double sum = 0, magnitude = 0;
                for (int k = 0; k < K; k++)
                {
                    double term = (kind == ProductKind.Tn ? Samples.Element(a, k, m) : Samples.Element(a, m, k)) *
                        (kind == ProductKind.Nt ? Samples.Element(b, n, k) : Samples.Element(b, k, n));
                    sum += term;
                    magnitude += Math.Abs(term);
                }

                Assert.InRange(c.Row(m)[n] - sum, -unit / (1 - unit) * magnitude, unit / (1 - unit) * magnitude);
            }
        }
    }

    [SkippableFact]
    public void Registers_of_256_bits_give_the_same_bits()
    {
        Skip.IfNot(Vector256.IsHardwareAccelerated, "no 256-bit registers");
        AssertWidth<Simd256, Vector256<float>>();
    }

    [SkippableFact]
    public void Registers_of_128_bits_give_the_same_bits()
    {
        Skip.IfNot(Vector128.IsHardwareAccelerated, "no 128-bit registers");
        AssertWidth<Simd128, Vector128<float>>();
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_named()
    {
        using WorkerPool pool = new(1);
        using Samples samples = new(4);
        Matrix a = samples.Matrix(2, 3), b = samples.Matrix(4, 5), c = samples.Matrix(2, 4);
        foreach (ProductKind kind in ProductKinds.All)
        {
            string message = Assert.Throws<ArgumentException>(() => kind.Compute(pool, a, b, c, accumulate: false)).Message;
            Assert.Contains("[2,3]", message, StringComparison.Ordinal);
            Assert.Contains("[4,5]", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Element_types_that_are_not_computed_on_are_named()
    {
        using WorkerPool pool = new(1);
        using NativeBuffer buffer = new(64);
        Matrix half = new(buffer, ElementType.F16, 0, 2, 2), single = new(buffer, ElementType.F32, 0, 2, 2);
        Matrix brain = new(buffer, ElementType.BF16, 0, 2, 2);
        foreach (ProductKind kind in ProductKinds.All)
        {
            AssertNames("F16", half, single, single, kind);
            AssertNames("F16", single, half, single, kind);
            AssertNames("BF16", single, single, brain, kind);
        }

        void AssertNames(string type, Matrix a, Matrix b, Matrix c, ProductKind kind) =>
            Assert.Contains(
                type, Assert.Throws<ArgumentException>(() => kind.Compute(pool, a, b, c, false)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Repeated_products_allocate_no_managed_memory()
    {
        using WorkerPool pool = new(1);
        using Samples samples = new(5);
        Matrix a = samples.Matrix(120, 50), b = samples.Matrix(70, 50), c = samples.Matrix(120, 70);
        for (int i = 0; i < 3; i++) Compute();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 3; i++) Compute();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Compute()
        {
            Hadal.Numerics.MatMul.Nt(pool, a, b, c);
            Hadal.Numerics.MatMul.Nt(pool, a.RowRange(0, 1), b, c.RowRange(0, 1));
        }
    }

    private static void AssertDefinition(WorkerPool pool, ProductKind kind, int m, int n, int k, ElementType aType, ElementType bType)
    {
        using Samples samples = new(m * 10007 + n * 101 + k);
        (Matrix a, Matrix b) = kind.Factors(samples, m, n, k, aType, bType);
        foreach (bool accumulate in new[] { false, true })
        {
            Matrix actual = samples.Matrix(m, n), expected = samples.Copy(actual);
            kind.Compute(pool, a, b, actual, accumulate);
            kind.Define(a, b, expected, accumulate);
            Samples.AssertSameBits(expected, actual, $"{kind} {m}x{n}x{k} {aType} {bType} accumulate {accumulate}");
        }
    }

    private static unsafe void AssertWidth<TSimd, TVector>()
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        using WorkerPool pool = new(2);
        foreach ((int m, int n, int k) in new[] { (1, 50, 29), (3, 18, 40), (8, 33, 31), (17, 21, 400), (101, 39, 393) })
        {
            foreach (ElementType type in s_types)
            {
                foreach (ProductKind kind in ProductKinds.All)
                {
                    using Samples samples = new(6);
                    (Matrix a, Matrix b) = kind.Factors(samples, m, n, k, type, type);
                    Matrix actual = samples.Matrix(m, n), expected = samples.Copy(actual);
                    ProductDispatch.Run<TSimd, TVector>(pool, new Product
                    {
                        A = kind == ProductKind.Tn ? Factor.DownColumns(a) : Factor.AlongRows(a),
                        B = kind == ProductKind.Nt ? Factor.AlongRows(b) : Factor.DownColumns(b),
                        M = m,
                        N = n,
                        K = k,
                        C = actual.F32,
                        CStride = actual.RowStride,
                        Precision = ProductPrecision.F32,
                        Accumulate = true,
                    });
                    kind.Define(a, b, expected, accumulate: true);
                    Samples.AssertSameBits(expected, actual, $"{kind} {m}x{n}x{k} {type}");
                }
            }
        }
    }
}
