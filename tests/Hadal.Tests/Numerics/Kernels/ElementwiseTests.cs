using System.Runtime.Intrinsics;
using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

[Trait("Category", "Kernels")]
public sealed unsafe class ElementwiseTests
{
    [Fact]
    public void Sums_and_products_equal_the_formula_at_every_length()
    {
        foreach (int d in Sample.Lengths)
        {
            Matrix a = Sample.Random(d, 3, d), b = Sample.Random(d + 1, 3, d), row = Sample.Random(d + 2, 1, d);
            Check(a, (x, i, t) => x + b.Row(t)[i], y => Elementwise.Add(Sample.Pool, a, b, y));
            Check(a, (x, i, t) => (double)x * b.Row(t)[i], y => Elementwise.Multiply(Sample.Pool, a, b, y));
            Check(a, (x, i, t) => x * 0.37f, y => Elementwise.Scale(Sample.Pool, a, 0.37f, y));
            Check(a, (x, i, t) => 7 + 0.5 * x, y => Elementwise.Accumulate(Sample.Pool, a, y, 0.5f));
            Check(a, (x, i, t) => 7 + row.Row(0)[i], y => Elementwise.AddRow(Sample.Pool, y, row));
            Check(a, (x, i, t) => 2.5, y => Elementwise.Fill(y, 2.5f));
            Check(a, (x, i, t) => x, y => Elementwise.Copy(Sample.Pool, a, y));
        }
    }

    [Fact]
    public void Results_may_replace_an_operand()
    {
        Matrix a = Sample.Random(1, 2, 83), b = Sample.Random(2, 2, 83), sum = Sample.Empty(2, 83), inPlace = Sample.CopyOf(a);
        Elementwise.Add(Sample.Pool, a, b, sum);
        Elementwise.Add(Sample.Pool, inPlace, b, inPlace);
        Sample.AssertSameBits(sum, inPlace);
        inPlace = Sample.CopyOf(b);
        Elementwise.Add(Sample.Pool, a, inPlace, inPlace);
        Sample.AssertSameBits(sum, inPlace);
    }

    [Fact]
    public void Column_sums_equal_the_formula_and_add_to_what_is_there()
    {
        foreach (int d in Sample.Lengths)
        {
            const int rows = 19;
            Matrix x = Sample.Random(d, rows, d), sum = Sample.Empty(1, d, 5);
            Elementwise.SumRows(Sample.Pool, x, sum);
            for (int i = 0; i < d; i++)
            {
                double expected = 5;
                for (int t = 0; t < rows; t++) expected += x.Row(t)[i];

                // Nineteen additions of partial sums below 19, one to 5.
                Sample.AssertNear(expected, sum.Row(0)[i], (19 * 19 + 24) * Sample.Unit, $"column {i} of {d}");
            }

            Sample.AssertNothingWrittenBetweenRows(sum);
        }
    }

    [Fact]
    public void The_sum_of_squares_is_right_at_every_length_and_magnitude()
    {
        foreach (int d in (int[])[.. Sample.Lengths, 3 * 16 * 1024 + 5])
        {
            foreach (float scale in (float[])[0, 1, 1e-25f, 1e-30f, 1e25f])
            {
                Matrix x = Sample.Random(d, 3, d, scale);
                double expected = 0;
                for (int t = 0; t < 3; t++) expected += Sample.Doubles(x.Row(t)).Sum(v => v * v);

                // Positive terms with at most (2048/16 + 24) roundings each.
                double actual = Elementwise.SumOfSquares(Sample.Pool, x);
                bool near = Math.Abs(actual - expected) <= 160 * Sample.Unit * expected;
                Assert.True(near, $"{actual} for {expected}, D = {d}, scale {scale}");
            }
        }

        Matrix spoiled = Sample.Random(1, 3, 100);
        spoiled.Row(1)[50] = float.NaN;
        Assert.True(double.IsNaN(Elementwise.SumOfSquares(Sample.Pool, spoiled)));
        spoiled.Row(1)[50] = float.NegativeInfinity;
        Assert.Equal(double.PositiveInfinity, Elementwise.SumOfSquares(Sample.Pool, spoiled));
    }

    [Fact]
    public void Workers_change_no_bit()
    {
        Matrix x = Sample.Random(1, 61, 16 * 1024 + 519), shortRows = Sample.Random(2, 3000, 70);
        foreach (Matrix m in (Matrix[])[x, shortRows])
        {
            Sample.AssertSameForAnyWorkerCount(pool =>
            {
                Matrix sum = Sample.Empty(1, m.Columns);
                Elementwise.SumRows(pool, m, sum);
                return sum;
            });
            Sample.AssertSameForAnyWorkerCount(pool =>
            {
                double sum = Elementwise.SumOfSquares(pool, m);
                return Sample.From(BitConverter.Int32BitsToSingle((int)BitConverter.DoubleToInt64Bits(sum)), (float)sum);
            });
            Sample.AssertSameForAnyWorkerCount(pool =>
            {
                Matrix y = Sample.CopyOf(m);
                Elementwise.Accumulate(pool, m, y, 0.3f);
                return y;
            });
        }
    }

    [Fact]
    public void Bfloat16_is_rounded_to_nearest_even_at_every_width()
    {
        AssertRounding<Simd512, Vector512<float>>();
        AssertRounding<Simd256, Vector256<float>>();
        AssertRounding<Simd128, Vector128<float>>();
        AssertRounding<SimdScalar, float>();
    }

    [Fact]
    public void Every_bfloat16_survives_the_way_to_f32_and_back()
    {
        static Matrix Narrow() => new(new NativeBuffer(65536 * 2), ElementType.BF16, 0, 1, 65536);
        Matrix narrow = Narrow(), wide = Sample.Empty(1, 65536), back = Narrow(), same = Narrow();
        for (int bits = 0; bits < 65536; bits++) narrow.Buffer.AsSpan<ushort>(0, 65536)[bits] = (ushort)bits;
        Elementwise.Copy(Sample.Pool, narrow, wide);
        Elementwise.Copy(Sample.Pool, wide, back);
        Elementwise.Copy(Sample.Pool, narrow, same);
        for (int bits = 0; bits < 65536; bits++)
        {
            // NaNs come back quiet.
            Assert.Equal(BitConverter.UInt32BitsToSingle((uint)bits << 16), wide.Row(0)[bits]);
            bool nan = (bits & 0x7FFF) > 0x7F80;
            Assert.Equal(nan ? bits | 0x40 : bits, back.Buffer.AsSpan<ushort>(bits, 1)[0]);
            Assert.Equal(bits, same.Buffer.AsSpan<ushort>(bits, 1)[0]);
        }
    }

    [Fact]
    public void Unequal_shapes_and_types_are_refused()
    {
        Matrix a = Sample.Empty(2, 3), b = Sample.Empty(3, 2), integers = new(new NativeBuffer(24), ElementType.I32, 0, 2, 3);
        Assert.Throws<ArgumentException>(() => Elementwise.Add(Sample.Pool, a, b, a));
        Assert.Throws<ArgumentException>(() => Elementwise.Add(Sample.Pool, a, integers, a));
        Assert.Throws<ArgumentException>(() => Elementwise.Copy(Sample.Pool, a, integers));
        Assert.Throws<ArgumentException>(() => Elementwise.Copy(Sample.Pool, a, b));
        Assert.Throws<ArgumentException>(() => Elementwise.AddRow(Sample.Pool, a, b));
    }

    private static void Check(Matrix x, Func<float, int, int, double> formula, Action<Matrix> kernel)
    {
        Matrix y = Sample.Empty(x.Rows, x.Columns, 7);
        kernel(y);
        for (int t = 0; t < x.Rows; t++)
        {
            for (int i = 0; i < x.Columns; i++)
            {
                // A product and a sum, each rounded once, of terms below 8.
                Sample.AssertNear(formula(x.Row(t)[i], i, t), y.Row(t)[i], 9 * Sample.Unit, $"[{t}, {i}] of {x.Columns}");
            }
        }

        Sample.AssertNothingWrittenBetweenRows(y);
    }

    // Ties, neighbours of ties, overflow, subnormals, infinities and NaNs around a spread of upper halves.
    private static void AssertRounding<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        List<uint> patterns = [];
        foreach (uint low in (uint[])[0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
        {
            for (uint high = 0; high < 0x10000; high += 0x3F) patterns.Add(high << 16 | low);
            uint[] special = [0x7F7F, 0x7F80, 0x7F81, 0x7FFF, 0xFF7F, 0xFF80, 0xFFFF, 0x0000, 0x007F];
            foreach (uint high in special) patterns.Add(high << 16 | low);
        }

        while (patterns.Count % TSimd.Lanes != 0) patterns.Add(0);
        float* source = stackalloc float[16];
        ushort* destination = stackalloc ushort[16];
        for (int i = 0; i < patterns.Count; i += TSimd.Lanes)
        {
            for (int lane = 0; lane < TSimd.Lanes; lane++) source[lane] = BitConverter.UInt32BitsToSingle(patterns[i + lane]);
            TSimd.StoreBFloat16(TSimd.Load(source), destination);
            for (int lane = 0; lane < TSimd.Lanes; lane++)
            {
                uint bits = patterns[i + lane], low = bits & 0xFFFF, high = bits >> 16;
                bool nan = (bits & 0x7FFFFFFF) > 0x7F800000;
                bool up = low > 0x8000 || (low == 0x8000 && (high & 1) == 1);
                Assert.Equal(nan ? high | 0x40 : up ? high + 1 : high, destination[lane]);
            }
        }
    }
}
