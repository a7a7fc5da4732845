using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

/// <summary>Products with weights in blocks: every kernel that this processor has against the definition, bit by bit.</summary>
[Trait("Category", "Kernels")]
public sealed class BlockedProductTests
{
    public static TheoryData<ElementType> Types => [.. BlockedWeights.Types];

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_number_of_rows_has_the_bits_of_the_definition(ElementType type)
    {
        using WorkerPool pool = new(2);
        foreach (PanelInstructions instructions in Instructions())
        {
            for (int m = 1; m <= 40; m++)
            {
                AssertDefinition(pool, type, m, n: 1 + m * 7 % 37, k: m % 5 == 0 ? 768 : 256, ElementType.F32, accumulate: m % 2 == 0, instructions);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Large_and_ragged_sizes_have_the_bits_of_the_definition(ElementType type)
    {
        using WorkerPool pool = new(3);
        int small = type is ElementType.Q8_0 or ElementType.Q4_0 ? 32 : type.BlockElements();
        foreach ((int m, int n, int k) in new[] { (0, 16, 256), (3, 0, 256), (2, 5, 0), (131, 20, 1280), (300, 47, 512), (1, 200, 5120), (7, 130, 7 * small), (5, 16, small) })
        {
            foreach (ElementType a in new[] { ElementType.F32, ElementType.BF16 })
            {
                AssertDefinition(pool, type, m, n, k, a, accumulate: false, PanelProduct.Best);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void The_number_of_workers_does_not_change_a_bit(ElementType type)
    {
        using BlockedWeights weights = new(1);
        using Samples samples = new(1);
        foreach ((int m, int n) in new[] { (1, 300), (50, 150), (200, 80) })
        {
            Matrix a = samples.Matrix(m, 1024), b = weights.Matrix(type, n, 1024), start = samples.Matrix(m, n), expected = samples.Copy(start);
            BlockedProductReference.Nt(a, b, expected, accumulate: true);
            foreach (int workers in new[] { 1, 2, 3 })
            {
                using WorkerPool pool = new(workers);
                Matrix c = samples.Copy(start);
                Hadal.Numerics.MatMul.Nt(pool, a, b, c, accumulate: true, ProductPrecision.BF16);
                Samples.AssertSameBits(expected, c, $"{type}, {workers} workers");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Each_group_has_the_bits_of_its_own_product(ElementType type)
    {
        int[] offsets = [0, 0, 1, 3, 3, 3, 11, 20, 200, 200];
        const int N = 48, K = 512;
        int groups = offsets.Length - 1;
        using WorkerPool pool = new(3);
        using BlockedWeights weights = new(2);
        using Samples samples = new(2);
        Matrix b = weights.Matrix(type, groups * N, K);
        foreach (ElementType left in new[] { ElementType.F32, ElementType.BF16 })
        {
            Matrix a = samples.Matrix(offsets[^1], K, left), actual = samples.Matrix(offsets[^1], N), expected = samples.Copy(actual);
            Hadal.Numerics.GroupedMatMul.Nt(pool, a, offsets, b, actual, accumulate: true);
            for (int g = 0; g < groups; g++)
            {
                int rows = offsets[g + 1] - offsets[g];
                Hadal.Numerics.MatMul.Nt(pool, a.RowRange(offsets[g], rows), b.RowRange(g * N, N), expected.RowRange(offsets[g], rows), accumulate: true);
            }

            Samples.AssertSameBits(expected, actual, $"{type} {left}");
        }
    }

    // Against the sum in double precision of what the weight reads as: activations are rounded to steps of max/127, so each errs by at most
    // half a step, and the chain of K/32 multiply-adds in F32 adds a little.
    [Theory]
    [MemberData(nameof(Types))]
    public void The_definition_is_the_product_of_the_weights_as_they_read(ElementType type)
    {
        const int M = 5, N = 20, K = 768;
        using BlockedWeights weights = new(3);
        using Samples samples = new(3);
        Matrix a = samples.Matrix(M, K), b = weights.Matrix(type, N, K), c = samples.Matrix(M, N);
        BlockedProductReference.Nt(a, b, c, accumulate: false);
        float[] row = new float[K];
        for (int n = 0; n < N; n++)
        {
            WeightPanels.Dequantise(b, n, row);
            for (int m = 0; m < M; m++)
            {
                double sum = 0, bound = 0;
                for (int k = 0; k < K; k++)
                {
                    float largest = 0;
                    for (int i = k / 32 * 32; i < k / 32 * 32 + 32; i++) largest = Math.Max(largest, Math.Abs(a.Row(m)[i]));
                    sum += (double)a.Row(m)[k] * row[k];
                    bound += Math.Abs(row[k]) * (type == ElementType.F8Scaled ? 0 : 0.5 * largest / 127);

                    // F32 sums of K terms; minima make the terms of Q4_K larger than the weights, which the constant below leaves room for.
                    bound += Math.Abs(row[k] * a.Row(m)[k]) * K * Math.Pow(2, -23);
                }

                Assert.InRange(c.Row(m)[n] - sum, -1.01 * bound - 1e-3, 1.01 * bound + 1e-3);
            }
        }
    }

    [Fact]
    public void Activations_that_are_zero_tiny_or_not_finite_do_what_the_definition_says()
    {
        using WorkerPool pool = new(2);
        using BlockedWeights weights = new(4);
        using Samples samples = new(4);
        foreach (ElementType type in BlockedWeights.Types)
        {
            Matrix a = samples.Matrix(6, 512), b = weights.Matrix(type, 20, 512), c = samples.Matrix(6, 20), expected = samples.Copy(c);
            a.Row(0).Clear();
            a.Row(1).Fill(1e-40f);
            a.Row(2)[40] = float.NaN;
            a.Row(3)[500] = float.NegativeInfinity;
            a.Row(4).Fill(3e38f);
            Hadal.Numerics.MatMul.Nt(pool, a, b, c);
            BlockedProductReference.Nt(a, b, expected, accumulate: false);
            Assert.All(c.Row(0).ToArray(), x => Assert.Equal(0, x));
            Assert.All(c.Row(1).ToArray(), x => Assert.InRange(x, -1e-30f, 1e-30f));
            Assert.All(c.Row(2).ToArray(), x => Assert.True(float.IsNaN(x)));
            Assert.All(c.Row(3).ToArray(), x => Assert.False(float.IsFinite(x)));
            for (int m = 0; m < 6; m++) Assert.Equal(expected.Row(m).ToArray(), c.Row(m).ToArray());
        }
    }

    [Fact]
    public void NaN_weights_of_F8_make_their_results_NaN()
    {
        using WorkerPool pool = new(1);
        using BlockedWeights weights = new(5);
        using Samples samples = new(5);
        Matrix b = weights.Matrix(ElementType.F8Scaled, 17, 256), a = samples.Matrix(3, 256);
        byte[] row = new byte[264];
        WeightPanels.Unpack(b, 7, row);
        row[4 + 19] = 0xff;
        WeightPanels.Pack(b, 7, row);
        foreach (PanelInstructions instructions in Instructions())
        {
            Matrix c = samples.Matrix(3, 17);
            Multiply(pool, a, b, c, accumulate: false, instructions);
            for (int m = 0; m < 3; m++)
            {
                for (int n = 0; n < 17; n++) Assert.Equal(n == 7, float.IsNaN(c.Row(m)[n]));
            }
        }
    }

    // Rounding by vectors, four blocks at a time and what is left over, against the scalar definition: magnitudes over the whole range of F32, and
    // blocks among them that have none.
    [Fact]
    public unsafe void Rounding_activations_has_the_bits_of_its_definition()
    {
        const int Blocks = 403;
        Random random = new(6);
        float[] values = new float[32 * Blocks];
        for (int i = 0; i < values.Length; i++) values[i] = (random.NextSingle() - 0.5f) * MathF.Pow(2, random.Next(-3, 3) + i / 32 % 250 - 125);
        for (int i = 0; i < 32; i++) values[i] = (i - 16 + 0.5f) / 127 * (i == 31 ? 127 : 1);
        (values[32 * 9 + 5], values[32 * 14 + 31], values[32 * 19], values[32 * 402 + 1]) = (float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.NaN);
        values.AsSpan(32 * 24, 32).Clear();
        values.AsSpan(32 * 401, 32).Clear();
        float[] memory = new float[QuantisedRows.Length(1, values.Length)];
        sbyte* bytes = stackalloc sbyte[32];
        fixed (float* from = values, to = memory)
        {
            QuantisedRows rows = QuantisedRows.In(to, 1, values.Length);
            rows.Set(0, from);
            for (int block = 0; block < Blocks; block++)
            {
                Assert.Equal(QuantisedRows.Reference(from + 32 * block, bytes), *rows.Scales(0, 32 * block));
                Assert.True(new ReadOnlySpan<sbyte>(bytes, 32).SequenceEqual(new ReadOnlySpan<sbyte>(rows.Bytes(0, 32 * block), 32)), $"block {block}");
            }
        }
    }

    [Fact]
    public void What_has_no_kernel_is_refused_by_name()
    {
        using WorkerPool pool = new(1);
        using BlockedWeights weights = new(7);
        using Samples samples = new(7);
        Matrix b = weights.Matrix(ElementType.Q4_K, 256, 256), x = samples.Matrix(256, 256), y = samples.Matrix(256, 256);
        AssertNames(() => Hadal.Numerics.MatMul.Nn(pool, x, b, y));
        AssertNames(() => Hadal.Numerics.MatMul.Tn(pool, x, b, y));
        AssertNames(() => Hadal.Numerics.MatMul.Nt(pool, b, x, y));
        AssertNames(() => Hadal.Numerics.GroupedMatMul.Nn(pool, x, [0, 256], b, y));
        AssertNames(() => Hadal.Numerics.GroupedMatMul.Tn(pool, x, b, [0, 256], y));
        Matrix narrow = samples.Matrix(4, 8), four = samples.Matrix(4, 256), stack = weights.Matrix(ElementType.Q4_K, 16, 256);
        string message = Assert.Throws<ArgumentException>(() => Hadal.Numerics.GroupedMatMul.Nt(pool, four, [0, 1, 4], stack, narrow)).Message;
        Assert.Contains("multiple of 16", message, StringComparison.Ordinal);

        static void AssertNames(Action product) =>
            Assert.Contains("Q4_K", Assert.Throws<ArgumentException>(product).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Repeated_products_allocate_no_managed_memory()
    {
        if (ProductDispatch.UsesReference) return;
        using WorkerPool pool = new(1);
        using BlockedWeights weights = new(8);
        using Samples samples = new(8);
        Matrix[] b = [.. BlockedWeights.Types.Select(type => weights.Matrix(type, 64, 256))];
        Matrix a = samples.Matrix(90, 256), c = samples.Matrix(90, 64), half = samples.Matrix(90, 32);
        for (int i = 0; i < 3; i++) Compute();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 3; i++) Compute();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Compute()
        {
            foreach (Matrix weight in b)
            {
                Hadal.Numerics.MatMul.Nt(pool, a, weight, c);
                Hadal.Numerics.MatMul.Nt(pool, a.RowRange(0, 1), weight, c.RowRange(0, 1));
                Hadal.Numerics.GroupedMatMul.Nt(pool, a, [0, 40, 90], weight, half);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Rows_of_a_table_in_blocks_are_looked_up_and_copied_as_they_read(ElementType type)
    {
        using WorkerPool pool = new(2);
        using BlockedWeights weights = new(9);
        using Samples samples = new(9);
        Matrix table = weights.Matrix(type, 40, 512), rows = samples.Matrix(5, 512), all = samples.Matrix(40, 512);
        int[] ids = [39, 0, 17, 17, 5];
        Embedding.Gather(pool, table, ids, rows);
        Elementwise.Copy(pool, table, all);
        float[] expected = new float[512];
        for (int row = 0; row < 40; row++)
        {
            WeightPanels.Dequantise(table, row, expected);
            Assert.Equal(expected, all.Row(row).ToArray());
            for (int t = 0; t < ids.Length; t++)
            {
                if (ids[t] == row) Assert.Equal(expected, rows.Row(t).ToArray());
            }
        }

        // Equal types are copied bit by bit, F32 is quantised, BF16 is rounded to.
        Matrix copy = weights.Matrix(type, 40, 512), brain = samples.Matrix(40, 512, ElementType.BF16);
        Elementwise.Copy(pool, table, copy);
        byte[] left = new byte[BlockQuantisation.ByteLength(type, 40 * 512)], right = new byte[left.Length];
        WeightPanels.Unpack(table, 0, left);
        WeightPanels.Unpack(copy, 0, right);
        Assert.Equal(left, right);
        Elementwise.Copy(pool, table, brain);
        Assert.Equal((double)BFloat16.FromSingle(all.Row(3)[5]).ToSingle(), Samples.Element(brain, 3, 5));
        Elementwise.Copy(pool, samples.Rounded(brain), copy);
        WeightPanels.Unpack(copy, 0, left);
        Elementwise.Copy(pool, brain, copy);
        WeightPanels.Unpack(copy, 0, right);
        Assert.Equal(left, right);
        Assert.Throws<ArgumentOutOfRangeException>(() => Embedding.Gather(pool, table, [40], rows.RowRange(0, 1)));
    }

    private static IEnumerable<PanelInstructions> Instructions() => ProductDispatch.UsesReference ? [] : PanelProduct.Usable;

    private static void AssertDefinition(
        WorkerPool pool, ElementType type, int m, int n, int k, ElementType left, bool accumulate, PanelInstructions instructions)
    {
        using BlockedWeights weights = new(m * 10007 + n * 101 + k);
        using Samples samples = new(m + n + k);
        Matrix a = samples.Matrix(m, k, left), b = weights.Matrix(type, n, k), actual = samples.Matrix(m, n), expected = samples.Copy(actual);
        Multiply(pool, a, b, actual, accumulate, instructions);
        BlockedProductReference.Nt(a, b, expected, accumulate);
        Samples.AssertSameBits(expected, actual, $"{type} {m}x{n}x{k} {left} {instructions}");
    }

    private static void Multiply(WorkerPool pool, Matrix a, Matrix b, Matrix c, bool accumulate, PanelInstructions instructions)
    {
        if (ProductDispatch.UsesReference) Hadal.Numerics.MatMul.Nt(pool, a, b, c, accumulate);
        else PanelProduct.Nt(pool, a, [], b, c, accumulate, instructions);
    }
}
