using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

/// <summary>Products in one parallel region against the same products one by one.</summary>
[Trait("Category", "Kernels")]
public sealed class JointMatMulTests
{
    private static readonly ElementType[] s_types = [ElementType.F32, ElementType.BF16, .. BlockedWeights.Types];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(95)]
    [InlineData(130)]
    public void Products_of_one_and_of_several_inputs_have_the_bits_they_have_alone(int rows)
    {
        using BlockedWeights weights = new(rows);
        using Samples samples = new(rows);
        Matrix input = samples.Matrix(rows, 512), other = samples.Matrix(rows, 256, ElementType.BF16);
        List<LinearProduct> products = [];
        List<Matrix> expected = [];
        foreach (ElementType type in s_types)
        {
            foreach ((Matrix a, int n, ProductPrecision precision) in new[] { (input, 40, ProductPrecision.F32), (other, 16, ProductPrecision.F32), (input, 7, ProductPrecision.BF16) })
            {
                Matrix b = type.IsBlocked() ? weights.Matrix(type, n, a.Columns) : samples.Matrix(n, a.Columns, type), c = samples.Matrix(rows, n), alone = samples.Copy(c);
                products.Add(new LinearProduct(a, b, c, precision));
                expected.Add(alone);
                using WorkerPool one = new(1);
                Hadal.Numerics.MatMul.Nt(one, a, b, alone, accumulate: false, precision);
            }
        }

        foreach (int workers in new[] { 1, 2, 3 })
        {
            using WorkerPool pool = new(workers);
            JointMatMul.Nt(pool, [.. products]);
            for (int p = 0; p < products.Count; p++)
            {
                Samples.AssertSameBits(expected[p], products[p].Result, $"product {p} of {products[p].Weight.ElementType}, {workers} workers");
                products[p].Result.Row(0).Fill(7);
            }
        }
    }

    [Fact]
    public void Groups_beside_single_products_have_the_bits_they_have_alone()
    {
        int[] offsets = [0, 0, 2, 3, 3, 9, 9];
        const int N = 48, K = 256;
        using WorkerPool pool = new(3);
        using BlockedWeights weights = new(3);
        using Samples samples = new(3);
        using NativeBuffer buffer = new(offsets.Length * sizeof(int));
        offsets.CopyTo(buffer.AsSpan<int>(0, offsets.Length));
        Matrix starts = new(buffer, ElementType.I32, 0, 1, offsets.Length), sorted = samples.Matrix(offsets[^1], K), single = samples.Matrix(4, K);
        foreach (ElementType type in s_types)
        {
            Matrix Weight(int rows) => type.IsBlocked() ? weights.Matrix(type, rows, K) : samples.Matrix(rows, K, type);
            Matrix first = Weight(6 * N), second = Weight(6 * N), beside = Weight(80);
            Matrix[] actual = [samples.Matrix(offsets[^1], N), samples.Matrix(offsets[^1], N), samples.Matrix(4, 80)], expected = [.. actual.Select(samples.Copy)];
            JointMatMul.Nt(pool, [new(sorted, first, actual[0], Offsets: starts), new(sorted, second, actual[1], Offsets: starts), new(single, beside, actual[2])]);
            Hadal.Numerics.GroupedMatMul.Nt(pool, sorted, offsets, first, expected[0]);
            Hadal.Numerics.GroupedMatMul.Nt(pool, sorted, offsets, second, expected[1]);
            Hadal.Numerics.MatMul.Nt(pool, single, beside, expected[2]);
            for (int i = 0; i < 3; i++) Samples.AssertSameBits(expected[i], actual[i], $"{type}, product {i}");
        }
    }

    [Theory]
    [InlineData(ElementType.F32, 6)]
    [InlineData(ElementType.F32, 60)]
    [InlineData(ElementType.BF16, 60)]
    public void Rows_that_are_taken_by_number_have_the_bits_of_their_copies(ElementType inputType, int taken)
    {
        const int N = 48, K = 512;
        int[] offsets = [0, 0, taken / 3, taken / 3 + 1, taken - 1, taken];
        using WorkerPool pool = new(2);
        using BlockedWeights weights = new(5);
        using Samples samples = new(5);
        Matrix input = samples.Matrix(9, K, inputType), copies = samples.Matrix(taken, K);
        int[] sources = [.. Enumerable.Range(0, taken).Select(i => i * 7 % 9)];
        Embedding.Gather(pool, input, sources, copies);
        Matrix starts = Integers(offsets), numbers = Integers(sources);
        foreach (ElementType type in s_types)
        {
            Matrix Weight(int rows) => type.IsBlocked() ? weights.Matrix(type, rows, K) : samples.Matrix(rows, K, type);
            Matrix grouped = Weight(5 * N), second = Weight(5 * N), single = Weight(40);
            Matrix[] actual = [samples.Matrix(taken, N), samples.Matrix(taken, N), samples.Matrix(taken, 40), samples.Matrix(9, 40)], expected = [.. actual.Select(samples.Copy)];
            JointMatMul.Nt(
                pool,
                [
                    new(input, grouped, actual[0], Offsets: starts, Sources: numbers), new(input, second, actual[1], Offsets: starts, Sources: numbers),
                    new(input, single, actual[2], Sources: numbers), new(input, single, actual[3]),
                ]);
            Hadal.Numerics.GroupedMatMul.Nt(pool, copies, offsets, grouped, expected[0]);
            Hadal.Numerics.GroupedMatMul.Nt(pool, copies, offsets, second, expected[1]);
            Hadal.Numerics.MatMul.Nt(pool, copies, single, expected[2]);
            Hadal.Numerics.MatMul.Nt(pool, input, single, expected[3]);
            for (int i = 0; i < 4; i++) Samples.AssertSameBits(expected[i], actual[i], $"{type}, product {i}");
            Matrix beyond = Integers([.. sources[..^1], 9]);
            Assert.Throws<ArgumentOutOfRangeException>(() => JointMatMul.Nt(pool, [new(input, single, actual[2], Sources: beyond)]));
        }

        Matrix Integers(int[] values)
        {
            NativeBuffer buffer = new(values.Length * sizeof(int));
            values.CopyTo(buffer.AsSpan<int>(0, values.Length));
            return new Matrix(buffer, ElementType.I32, 0, 1, values.Length);
        }
    }

    [Fact]
    public void Empty_products_are_nothing_to_do_and_wrong_ones_are_refused()
    {
        using WorkerPool pool = new(2);
        using BlockedWeights weights = new(4);
        using Samples samples = new(4);
        Matrix none = samples.Matrix(0, 256), a = samples.Matrix(2, 256), wide = samples.Matrix(2, 40), b = weights.Matrix(ElementType.Q8_0, 40, 256);
        JointMatMul.Nt(pool, []);
        JointMatMul.Nt(pool, [new(none, b, samples.Matrix(0, 40)), new(a, weights.Matrix(ElementType.Q8_0, 0, 256), samples.Matrix(2, 0)), new(a, b, wide)]);
        Matrix expected = samples.Copy(wide);
        Hadal.Numerics.MatMul.Nt(pool, a, b, expected);
        Samples.AssertSameBits(expected, wide, "beside empty products");
        Assert.Throws<ArgumentException>(() => JointMatMul.Nt(pool, [new(a, b, samples.Matrix(2, 39))]));
        Assert.Throws<ArgumentException>(() => JointMatMul.Nt(pool, [new(a, b, wide, Offsets: a)]));
        Assert.Throws<ArgumentException>(() => JointMatMul.Nt(pool, [new(a, b, samples.Matrix(2, 40, ElementType.BF16))]));
    }
}
