using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

/// <summary>Products of precision BF16 on AMX tiles, against the definition of the tile instruction in scalar code.</summary>
[Trait("Category", "Kernels")]
public sealed class TiledProductTests
{
    private static readonly ElementType[] s_types = [ElementType.F32, ElementType.BF16];

    public static TheoryData<ProductKind> Kinds => [.. ProductKinds.All];

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void Every_odd_size_has_the_bits_of_the_definition(ProductKind kind)
    {
        RequireTiles();
        for (int m = 1; m <= 70; m += 2)
        {
            // Each n of 1, 3, ... 69 and each k of 1 to 70 comes up with every few m.
            for (int n = 1; n <= 70; n += 2) AssertDefinition([2], kind, m, n, 1 + (m * 29 + n * 37) % 70);
        }
    }

    [SkippableTheory]
    [InlineData(130, 70, 1100)]
    [InlineData(1, 300, 2050)]
    [InlineData(16, 530, 333)]
    [InlineData(17, 64, 4100)]
    [InlineData(40, 515, 96)]
    [InlineData(64, 64, 513)]
    [InlineData(1030, 33, 40)]
    [InlineData(3, 2, 17000)]
    [InlineData(290, 530, 48)]
    [InlineData(70, 1040, 400)]
    [InlineData(40, 700, 1500)]
    [InlineData(610, 650, 700)]
    public void Blocks_for_caches_and_threads_do_not_show(int m, int n, int k)
    {
        RequireTiles();
        foreach (ProductKind kind in ProductKinds.All) AssertDefinition([1, 2, 5], kind, m, n, k);
    }

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void A_row_has_the_same_bits_alone_and_among_any_number_of_rows(ProductKind kind)
    {
        RequireTiles();
        const int M = 300, N = 90, K = 700;
        using WorkerPool pool = new(2);
        using Samples samples = new(1);
        (Matrix a, Matrix b) = kind.Factors(samples, M, N, K, ElementType.F32, ElementType.BF16);
        Matrix all = samples.Matrix(M, N), some = samples.Matrix(40, N);
        kind.Compute(pool, a, b, all, accumulate: false, ProductPrecision.BF16);
        foreach (int rows in new[] { 1, 2, 4, 8, 15, 16, 17, 33, 40 })
        {
            for (int first = 0; first + rows <= M; first += 61)
            {
                Matrix part = kind == ProductKind.Tn ? a.ColumnRange(first, rows) : a.RowRange(first, rows);
                kind.Compute(pool, part, b, some.RowRange(0, rows), accumulate: false, ProductPrecision.BF16);
                for (int i = 0; i < rows; i++) Assert.True(some.Row(i).SequenceEqual(all.Row(first + i)), $"row {first + i} of {rows}");
            }
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void Groups_have_the_bits_of_their_own_products(ProductKind kind)
    {
        RequireTiles();
        const int N = 150, K = 77;
        int[] offsets = [0, 0, 1, 3, 3, 20, 52, 400, 400];
        int groups = offsets.Length - 1, rows = offsets[^1], stack = kind == ProductKind.Nt ? N : K;
        using WorkerPool pool = new(3);
        foreach (ElementType type in s_types)
        {
            foreach (bool accumulate in new[] { false, true })
            {
                using Samples samples = new(2);
                Matrix a = samples.Matrix(rows, K);
                Matrix b = kind switch
                {
                    ProductKind.Nt => samples.Matrix(groups * N, K, type),
                    ProductKind.Nn => samples.Matrix(groups * K, N, type),
                    _ => samples.Matrix(rows, N, type),
                };
                Matrix actual = samples.Matrix(kind == ProductKind.Tn ? groups * K : rows, N), expected = samples.Copy(actual);
                kind.ComputeGroups(pool, a, b, offsets, actual, accumulate, ProductPrecision.BF16);
                for (int g = 0; g < groups; g++)
                {
                    Matrix groupA = a.RowRange(offsets[g], offsets[g + 1] - offsets[g]);
                    Matrix groupB = kind == ProductKind.Tn ? b.RowRange(offsets[g], groupA.Rows) : b.RowRange(g * stack, stack);
                    Matrix groupC = kind == ProductKind.Tn ? expected.RowRange(g * K, K) : expected.RowRange(offsets[g], groupA.Rows);
                    TileOrder.Define(kind, groupA, groupB, groupC, accumulate);
                }

                Samples.AssertSameBits(expected, actual, $"{kind} {type} accumulate {accumulate}");
            }
        }
    }

    // Few rows and weights in BF16, whole tiles: weights are read from where they lie.
    [SkippableFact]
    public void Products_of_few_rows_have_the_bits_of_the_definition()
    {
        RequireTiles();
        foreach ((int n, int k) in new[] { (16, 32), (208, 96), (48, 1056) })
        {
            foreach (int m in new[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 32, 47, 48, 49, 64, 95, 96, 97 })
            {
                foreach (ElementType type in s_types) AssertFewRows(ProductKind.Nt, m, n, k, type);
            }
        }
    }

    // The same with rows of weights that are added: 1, 7, 15 and 16 groups of 32 columns, of which some are computed at once.
    [SkippableFact]
    public void Weighted_rows_have_the_bits_of_the_definition()
    {
        RequireTiles();
        foreach ((int n, int k) in new[] { (32, 32), (224, 96), (480, 64), (512, 128) })
        {
            for (int m = 1; m <= 9; m++)
            {
                foreach (ElementType type in s_types) AssertFewRows(ProductKind.Nn, m, n, k, type);
            }
        }
    }

    // Groups of few rows beside groups of many, with weights in BF16.
    [SkippableFact]
    public void Groups_of_few_rows_have_the_bits_of_their_own_products()
    {
        RequireTiles();
        const int N = 64, K = 96;
        int[] offsets = [0, 1, 1, 17, 67, 163, 400];
        using WorkerPool pool = new(2);
        using Samples samples = new(7);
        Matrix a = samples.Matrix(offsets[^1], K), b = samples.Matrix((offsets.Length - 1) * N, K, ElementType.BF16);
        Matrix actual = samples.Matrix(a.Rows, N), expected = samples.Matrix(a.Rows, N);
        ProductKind.Nt.ComputeGroups(pool, a, b, offsets, actual, accumulate: false, ProductPrecision.BF16);
        for (int g = 0; g + 1 < offsets.Length; g++)
        {
            int rows = offsets[g + 1] - offsets[g];
            TileOrder.Define(ProductKind.Nt, a.RowRange(offsets[g], rows), b.RowRange(g * N, N), expected.RowRange(offsets[g], rows), accumulate: false);
        }

        Samples.AssertSameBits(expected, actual, "groups");
    }

    // Magnitudes around 2^-126: denormal factors, products and sums, in F32 and in BF16.
    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void Denormals_are_zero_in_factors_and_sums(ProductKind kind)
    {
        RequireTiles();
        using WorkerPool pool = new(2);
        foreach ((float scaleA, float scaleB) in new[] { (PowerOfTwo(-126), 1f), (1f, PowerOfTwo(-126)), (PowerOfTwo(-63), PowerOfTwo(-63)), (PowerOfTwo(-120), PowerOfTwo(-6)) })
        {
            foreach (ElementType type in s_types)
            {
                using Samples samples = new(3);
                (Matrix a, Matrix b) = kind.Factors(samples, 20, 30, 75, type, type);
                Samples.Scale(a, scaleA);
                Samples.Scale(b, scaleB);
                Matrix actual = samples.Matrix(20, 30);
                Samples.Scale(actual, PowerOfTwo(-126));
                Matrix expected = samples.Copy(actual);
                kind.Compute(pool, a, b, actual, accumulate: true, ProductPrecision.BF16);
                TileOrder.Define(kind, a, b, expected, accumulate: true);
                Samples.AssertSameBits(expected, actual, $"{kind} {type} {scaleA} {scaleB}");
                Assert.Contains(0f, expected.Row(0).ToArray());
            }
        }
    }

    [SkippableFact]
    public void Infinities_and_NaN_reach_the_result_and_no_other_row()
    {
        RequireTiles();
        using WorkerPool pool = new(1);
        using Samples samples = new(4);
        Matrix a = samples.Matrix(20, 40), b = samples.Matrix(20, 40), c = samples.Matrix(20, 20);
        a.Row(3)[39] = float.NaN;
        a.Row(5)[0] = float.PositiveInfinity;
        Hadal.Numerics.MatMul.Nt(pool, a, b, c, accumulate: false, ProductPrecision.BF16);
        for (int m = 0; m < 20; m++)
        {
            Assert.All(c.Row(m).ToArray(), x => Assert.Equal(m switch { 3 => "NaN", 5 => "infinite", _ => "finite" }, Kind(x)));
        }

        static string Kind(float x) => float.IsNaN(x) ? "NaN" : float.IsInfinity(x) ? "infinite" : "finite";
    }

    [SkippableFact]
    public void Precision_F32_stays_the_single_chain_also_for_factors_of_BF16()
    {
        RequireTiles();
        using WorkerPool pool = new(2);
        using Samples samples = new(5);
        Matrix a = samples.Matrix(40, 300, ElementType.BF16), b = samples.Matrix(50, 300, ElementType.BF16), c = samples.Matrix(40, 50), expected = samples.Copy(c);
        Hadal.Numerics.MatMul.Nt(pool, a, b, c);
        MatMulReference.Nt(a, b, expected, accumulate: false);
        Samples.AssertSameBits(expected, c, "F32");
    }

    [SkippableFact]
    public void Repeated_products_allocate_no_managed_memory()
    {
        RequireTiles();
        using WorkerPool pool = new(1);
        using Samples samples = new(6);
        Matrix a = samples.Matrix(300, 50), b = samples.Matrix(600, 50), c = samples.Matrix(300, 600);
        for (int i = 0; i < 3; i++) Compute();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 3; i++) Compute();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Compute()
        {
            Hadal.Numerics.MatMul.Nt(pool, a, b, c, accumulate: false, ProductPrecision.BF16);
            Hadal.Numerics.MatMul.Nt(pool, a.RowRange(0, 1), b, c.RowRange(0, 1), accumulate: false, ProductPrecision.BF16);
        }
    }

    private static void AssertDefinition(int[] workers, ProductKind kind, int m, int n, int k)
    {
        ElementType aType = s_types[(m + n) % 2], bType = s_types[(m + n + k) / 2 % 2];
        bool accumulate = (m + k) % 3 == 0;
        using Samples samples = new(m * 10007 + n * 101 + k);
        (Matrix a, Matrix b) = kind.Factors(samples, m, n, k, aType, bType);
        Matrix start = samples.Matrix(m, n), expected = samples.Copy(start);
        TileOrder.Define(kind, a, b, expected, accumulate);
        foreach (int count in workers)
        {
            using WorkerPool pool = new(count);
            Matrix actual = samples.Copy(start);
            kind.Compute(pool, a, b, actual, accumulate, ProductPrecision.BF16);
            Samples.AssertSameBits(expected, actual, $"{kind} {m}x{n}x{k} {aType} {bType} accumulate {accumulate}, {count} workers");
        }
    }

    private static float PowerOfTwo(int exponent) => MathF.ScaleB(1, exponent);

    private static void AssertFewRows(ProductKind kind, int m, int n, int k, ElementType type)
    {
        using Samples samples = new(m * 10007 + n + k);
        (Matrix a, Matrix b) = kind.Factors(samples, m, n, k, type, ElementType.BF16);
        Matrix expected = samples.Matrix(m, n), actual = samples.Matrix(m, n);
        TileOrder.Define(kind, a, b, expected, accumulate: false);
        foreach (int count in new[] { 1, 3 })
        {
            using WorkerPool pool = new(count);
            kind.Compute(pool, a, b, actual, accumulate: false, ProductPrecision.BF16);
            Samples.AssertSameBits(expected, actual, $"{kind} {m}x{n}x{k} {type}, {count} workers");
        }
    }

    private static void RequireTiles() => Skip.If(
        GeneratedKernels.Tiles == null,
        KernelSelection.Current == KernelKind.Generated ? GeneratedKernels.Families[0].Obstacle : $"kernels are {KernelSelection.Current}");
}
