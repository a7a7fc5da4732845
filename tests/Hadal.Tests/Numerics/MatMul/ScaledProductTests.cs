using System.Runtime.InteropServices;
using Hadal.Checkpoints.Safetensors;
using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

/// <summary>Products of precision F8, by every kind of kernel, against their definition.</summary>
[Trait("Category", "Kernels")]
public sealed class ScaledProductTests
{
    private static readonly ElementType[] s_types = [ElementType.F32, ElementType.BF16];

    public static TheoryData<ProductKind> Kinds => [.. ProductKinds.All];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_ragged_size_has_the_bits_of_the_definition(ProductKind kind)
    {
        int[] inner = [1, 2, 31, 32, 33, 127, 128, 129, 255, 256, 300];
        using WorkerPool pool = new(2);
        int cases = 0;
        foreach (int m in new[] { 1, 2, 9, 15, 17, 48, 49, 97, 129, 300 })
        {
            foreach (int n in new[] { 1, 15, 16, 33, 65, 127, 130, 257 })
            {
                AssertDefinition([pool], kind, m, n, inner[cases++ * 7 % inner.Length]);
            }
        }
    }

    [Theory]
    [InlineData(400, 600, 1100)]
    [InlineData(3, 1100, 2050)]
    [InlineData(64, 64, 4100)]
    [InlineData(1030, 33, 140)]
    [InlineData(2, 3, 17000)]
    public void Blocks_for_caches_and_threads_do_not_show(int m, int n, int k)
    {
        using WorkerPool one = new(1), two = new(2), five = new(5);
        foreach (ProductKind kind in ProductKinds.All) AssertDefinition([one, two, five], kind, m, n, k);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_reference_is_the_definition(ProductKind kind)
    {
        using Samples samples = new(1);
        foreach ((int m, int n, int k) in new[] { (3, 5, 7), (20, 140, 300), (130, 2, 128) })
        {
            (Matrix a, Matrix b) = kind.Factors(samples, m, n, k, ElementType.F32, ElementType.BF16);
            Matrix actual = samples.Matrix(m, n), expected = samples.Copy(actual);
            kind.Define(a, b, actual, accumulate: true, ProductPrecision.F8);
            ScaledOrder.Define(kind, a, b, expected, accumulate: true, onTiles: false);
            Samples.AssertSameBits(expected, actual, $"{kind} {m}x{n}x{k}");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_row_has_the_same_bits_alone_and_among_any_number_of_rows(ProductKind kind)
    {
        const int M = 300, N = 90, K = 700;
        using WorkerPool pool = new(2);
        using Samples samples = new(2);
        (Matrix a, Matrix b) = kind.Factors(samples, M, N, K, ElementType.F32, ElementType.BF16);
        Matrix all = samples.Matrix(M, N), some = samples.Matrix(40, N);
        kind.Compute(pool, a, b, all, accumulate: false, ProductPrecision.F8);
        foreach (int rows in new[] { 1, 2, 8, 15, 17, 40 })
        {
            for (int first = 0; first + rows <= M; first += 61)
            {
                Matrix part = kind == ProductKind.Tn ? a.ColumnRange(first, rows) : a.RowRange(first, rows);
                kind.Compute(pool, part, b, some.RowRange(0, rows), accumulate: false, ProductPrecision.F8);
                for (int i = 0; i < rows; i++) Assert.True(some.Row(i).SequenceEqual(all.Row(first + i)), $"row {first + i} of {rows}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Groups_have_the_bits_of_their_own_products(ProductKind kind)
    {
        const int N = 150, K = 177;
        int[] offsets = [0, 0, 1, 3, 3, 140, 268, 500, 500];
        using WorkerPool pool = new(3);
        foreach (ElementType type in s_types)
        {
            foreach (bool accumulate in new[] { false, true })
            {
                using Samples samples = new(3);
                (Matrix a, Matrix b) = Stacks(kind, samples, offsets, N, K, type);
                Matrix actual = samples.Matrix(kind == ProductKind.Tn ? (offsets.Length - 1) * K : a.Rows, N), expected = samples.Copy(actual);
                kind.ComputeGroups(pool, a, b, offsets, actual, accumulate, ProductPrecision.F8);
                for (int g = 0; g + 1 < offsets.Length; g++)
                {
                    (Matrix groupA, Matrix groupB, Matrix groupC) = Group(kind, a, b, expected, offsets, g, N, K);
                    ScaledOrder.Define(kind, groupA, groupB, groupC, accumulate, OnTiles);
                }

                Samples.AssertSameBits(expected, actual, $"{kind} {type} accumulate {accumulate}");
            }
        }
    }

    // More elements than are rounded at once.
    [Theory]
    [InlineData(ProductKind.Nt)]
    [InlineData(ProductKind.Nn)]
    public void Pieces_of_large_weights_do_not_show(ProductKind kind)
    {
        const int N = 60_000, K = 300;
        int[] offsets = [0, 1, 3];
        if (ProductDispatch.UsesReference) return;
        using WorkerPool pool = new(2);
        using Samples samples = new(4);
        Matrix a = samples.Matrix(3, K), b = kind == ProductKind.Nt ? samples.Matrix(2 * N, K, ElementType.BF16) : samples.Matrix(2 * K, N, ElementType.BF16);
        Matrix whole = samples.Matrix(3, N), groups = samples.Matrix(3, N), piece = samples.Matrix(3, 256);
        Matrix first = b.RowRange(0, kind == ProductKind.Nt ? N : K), second = b.RowRange(first.Rows, first.Rows);
        kind.Compute(pool, a, first, whole, accumulate: false, ProductPrecision.F8);
        for (int n = 0; n < N; n += 256 * 37)
        {
            Matrix columns = piece.ColumnRange(0, Math.Min(256, N - n));
            kind.Compute(
                pool, a, kind == ProductKind.Nt ? first.RowRange(n, columns.Columns) : first.ColumnRange(n, columns.Columns), columns, accumulate: false,
                ProductPrecision.F8);
            for (int m = 0; m < 3; m++) Assert.True(columns.Row(m).SequenceEqual(whole.Row(m).Slice(n, columns.Columns)), $"columns from {n}");
        }

        kind.ComputeGroups(pool, a, b, offsets, groups, accumulate: false, ProductPrecision.F8);
        Assert.True(groups.Row(0).SequenceEqual(whole.Row(0)));
        kind.Compute(pool, a, second, whole, accumulate: false, ProductPrecision.F8);
        Assert.True(groups.Row(1).SequenceEqual(whole.Row(1)) && groups.Row(2).SequenceEqual(whole.Row(2)));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void What_is_not_finite_makes_the_results_of_its_tile_NaN_and_no_others(float value)
    {
        using WorkerPool pool = new(2);
        using Samples samples = new(5);
        Matrix a = samples.Matrix(20, 300), b = samples.Matrix(300, 300), c = samples.Matrix(20, 300);
        a.Row(3)[200] = value;
        Hadal.Numerics.MatMul.Nt(pool, a, b, c, accumulate: false, ProductPrecision.F8);
        AssertNaN(c, (m, n) => m == 3);

        a.Row(3)[200] = 1;
        b.Row(140)[7] = value;
        Hadal.Numerics.MatMul.Nt(pool, a, b, c, accumulate: false, ProductPrecision.F8);
        AssertNaN(c, (m, n) => n is >= 128 and < 256);
        Hadal.Numerics.MatMul.Nn(pool, a, b, c, accumulate: false, ProductPrecision.F8);
        AssertNaN(c, (m, n) => n < 128);

        Matrix d = samples.Matrix(300, 300), e = samples.Matrix(300, 300);
        Hadal.Numerics.MatMul.Tn(pool, d, b, e, accumulate: false, ProductPrecision.F8);
        AssertNaN(e, (m, n) => n == 7);

        static void AssertNaN(Matrix c, Func<int, int, bool> expected)
        {
            for (int m = 0; m < c.Rows; m++)
            {
                for (int n = 0; n < c.Columns; n++) Assert.True(float.IsNaN(c.Row(m)[n]) == expected(m, n), $"[{m},{n}] is {c.Row(m)[n]}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Zeros_stay_zero_and_the_smallest_gradients_keep_their_digits(ProductKind kind)
    {
        using WorkerPool pool = new(2);
        using Samples samples = new(6);
        (Matrix a, Matrix b) = kind.Factors(samples, 40, 50, 400, ElementType.F32, ElementType.F32);
        Matrix plain = samples.Matrix(40, 50), tiny = samples.Matrix(40, 50), zero = samples.Matrix(40, 50);
        kind.Compute(pool, a, b, plain, accumulate: false, ProductPrecision.F8);

        // A power of two on all of a factor changes scales and nothing else.
        float factor = MathF.ScaleB(1, -60);
        Samples.Scale(a, factor);
        kind.Compute(pool, a, b, tiny, accumulate: false, ProductPrecision.F8);
        for (int m = 0; m < 40; m++) Assert.Equal(plain.Row(m).ToArray().Select(x => x * factor), tiny.Row(m).ToArray());

        Samples.Scale(a, 0);
        kind.Compute(pool, a, b, zero, accumulate: false, ProductPrecision.F8);
        for (int m = 0; m < 40; m++) Assert.All(zero.Row(m).ToArray(), x => Assert.Equal(0f, x));
    }

    // Four significant bits: an error of 2^-4 at most, of 2.6 % on average (RMS) in each factor.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Products_of_random_factors_are_off_by_the_rounding_of_both(ProductKind kind)
    {
        using WorkerPool pool = new(2);
        using Samples samples = new(7);
        (Matrix a, Matrix b) = kind.Factors(samples, 100, 120, 500, ElementType.F32, ElementType.F32);
        Matrix actual = samples.Matrix(100, 120), exact = samples.Matrix(100, 120);
        kind.Compute(pool, a, b, actual, accumulate: false, ProductPrecision.F8);
        kind.Compute(pool, a, b, exact, accumulate: false);
        double squares = 0, errors = 0;
        for (int m = 0; m < 100; m++)
        {
            for (int n = 0; n < 120; n++)
            {
                squares += exact.Row(m)[n] * exact.Row(m)[n];
                errors += Math.Pow(actual.Row(m)[n] - exact.Row(m)[n], 2);
            }
        }

        Assert.InRange(Math.Sqrt(errors / squares), 0.02, 0.045);
    }

    [SkippableFact]
    public void The_product_is_that_of_DeepSeeks_kernels()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Goldens.Require("fp8/kernels.safetensors"));
        using WorkerPool pool = new(2);
        using Samples samples = new(8);
        Matrix x = samples.Matrix(5, 384), w = samples.Matrix(200, 384), y = samples.Matrix(5, 200), expected = samples.Matrix(5, 200);
        foreach ((string name, Matrix matrix) in new[] { ("act.x", x), ("w", w), ("gemm.f32", expected) })
        {
            float[] values = MemoryMarshal.Cast<byte, float>(file.ReadBytes(name, 0, (int)file.Entry(name).ByteLength)).ToArray();
            for (int row = 0; row < matrix.Rows; row++) values.AsSpan(row * matrix.Columns, matrix.Columns).CopyTo(matrix.Row(row));
        }

        Hadal.Numerics.MatMul.Nt(pool, x, w, y, accumulate: false, ProductPrecision.F8);
        for (int m = 0; m < 5; m++)
        {
            float largest = expected.Row(m).ToArray().Max(MathF.Abs);
            for (int n = 0; n < 200; n++) Assert.InRange(y.Row(m)[n], expected.Row(m)[n] - 1e-5f * largest, expected.Row(m)[n] + 1e-5f * largest);
        }
    }

    [Fact]
    public void Codes_are_those_of_checkpoints()
    {
        // Of every tail, by registers of every width.
        Random random = new(9);
        for (int count = 1; count <= 128; count++)
        {
            float[] x = [.. Enumerable.Range(0, count).Select(i => (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-12, 4))))];
            byte[] expected = new byte[count];
            float[] scale = new float[1];
            BlockScaling.QuantiseActivations(x, 1, count, count, powerOfTwoScales: false, expected, scale);
            Assert.Equal(expected.Select(code => Float8E4M3.FromBits(code).ToSingle()), Codes(x, scale[0]));
        }

        static unsafe float[] Codes(float[] x, float expectedScale)
        {
            ushort* codes = stackalloc ushort[x.Length];
            fixed (float* row = x)
            {
                float scale = TileRounding.Scale(TileRounding.LargestMagnitude((byte*)row, false, x.Length));
                Assert.Equal(expectedScale, scale);
                TileRounding.Round((byte*)row, false, x.Length, &scale, isShared: true, codes);
            }

            return [.. new ReadOnlySpan<ushort>(codes, x.Length).ToArray().Select(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16))];
        }
    }

    [Fact]
    public void Joint_products_have_the_bits_they_have_alone()
    {
        using WorkerPool pool = new(2);
        using Samples samples = new(10);
        Matrix input = samples.Matrix(5, 200), weight = samples.Matrix(40, 200, ElementType.BF16), router = samples.Matrix(9, 200);
        Matrix alone = samples.Matrix(5, 40), routed = samples.Matrix(5, 9), joint = samples.Matrix(5, 40), jointRouted = samples.Matrix(5, 9);
        Hadal.Numerics.MatMul.Nt(pool, input, weight, alone, accumulate: false, ProductPrecision.F8);
        Hadal.Numerics.MatMul.Nt(pool, input, router, routed);
        JointMatMul.Nt(pool, [new LinearProduct(input, weight, joint, ProductPrecision.F8), new LinearProduct(input, router, jointRouted)]);
        Samples.AssertSameBits(alone, joint, "F8");
        Samples.AssertSameBits(routed, jointRouted, "F32");
    }

    [SkippableFact]
    public void Repeated_products_allocate_no_managed_memory()
    {
        Skip.If(ProductDispatch.UsesReference, "the reference allocates");
        using WorkerPool pool = new(1);
        using Samples samples = new(11);
        Matrix a = samples.Matrix(300, 50), b = samples.Matrix(600, 50), c = samples.Matrix(300, 600);
        for (int i = 0; i < 3; i++) Compute();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 3; i++) Compute();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Compute() => Hadal.Numerics.MatMul.Nt(pool, a, b, c, accumulate: false, ProductPrecision.F8);
    }

    private static bool OnTiles => GeneratedKernels.Tiles is not null;

    private static void AssertDefinition(WorkerPool[] pools, ProductKind kind, int m, int n, int k)
    {
        ElementType aType = s_types[(m + n) % 2], bType = s_types[(m + n + k) / 2 % 2];
        bool accumulate = (m + k) % 3 == 0;
        using Samples samples = new(m * 10007 + n * 101 + k);
        (Matrix a, Matrix b) = kind.Factors(samples, m, n, k, aType, bType);
        if (m > 10) Samples.Scale(kind == ProductKind.Tn ? a.ColumnRange(2, 5) : a.RowRange(2, 5), 0);
        Matrix start = samples.Matrix(m, n), chain = samples.Copy(start), expected = samples.Copy(start);
        ScaledOrder.Define(kind, a, b, chain, accumulate, onTiles: false);
        ScaledOrder.Define(kind, a, b, expected, accumulate, OnTiles);
        foreach (WorkerPool pool in pools)
        {
            string what = $"{kind} {m}x{n}x{k} {aType} {bType} accumulate {accumulate}, {pool.Count} workers";
            Matrix actual = samples.Copy(start), managed = samples.Copy(start);
            kind.Compute(pool, a, b, actual, accumulate, ProductPrecision.F8);
            Samples.AssertSameBits(expected, actual, what);
            if (ProductDispatch.UsesReference) continue;
            kind.ComputeManaged(pool, a, b, managed, accumulate, ProductPrecision.F8);
            Samples.AssertSameBits(chain, managed, $"managed {what}");
        }
    }

    private static (Matrix A, Matrix B) Stacks(ProductKind kind, Samples samples, int[] offsets, int n, int k, ElementType type)
    {
        int groups = offsets.Length - 1, rows = offsets[^1];
        return (samples.Matrix(rows, k), kind switch
        {
            ProductKind.Nt => samples.Matrix(groups * n, k, type),
            ProductKind.Nn => samples.Matrix(groups * k, n, type),
            _ => samples.Matrix(rows, n, type),
        });
    }

    private static (Matrix A, Matrix B, Matrix C) Group(ProductKind kind, Matrix a, Matrix b, Matrix c, int[] offsets, int g, int n, int k)
    {
        int first = offsets[g], rows = offsets[g + 1] - first;
        return kind switch
        {
            ProductKind.Nt => (a.RowRange(first, rows), b.RowRange(g * n, n), c.RowRange(first, rows)),
            ProductKind.Nn => (a.RowRange(first, rows), b.RowRange(g * k, k), c.RowRange(first, rows)),
            _ => (a.RowRange(first, rows), b.RowRange(first, rows), c.RowRange(g * k, k)),
        };
    }
}
