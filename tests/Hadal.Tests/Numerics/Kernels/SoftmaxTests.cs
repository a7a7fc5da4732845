using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

[Trait("Category", "Kernels")]
public sealed class SoftmaxTests
{
    [Fact]
    public void Forward_equals_the_formula_at_every_length_and_scale()
    {
        foreach (int n in Sample.Lengths)
        {
            foreach (float scale in (float[])[0, 1, 30, 1e4f])
            {
                Matrix x = Sample.Random(n, 3, n, scale), y = Sample.Empty(3, n);
                if (n > 4) x.Row(1)[n / 2] = float.NegativeInfinity;
                Softmax.Forward(Sample.Pool, x, y);
                for (int t = 0; t < 3; t++) AssertRow(x.Row(t), y.Row(t), $"row {t}, N = {n}, scale {scale}");
                Sample.AssertNothingWrittenBetweenRows(y);
            }
        }
    }

    [Fact]
    public void In_place_gives_the_same_bits()
    {
        Matrix x = Sample.Random(1, 3, 83, 5), y = Sample.Empty(3, 83);
        Softmax.Forward(Sample.Pool, x, y);
        Softmax.Forward(Sample.Pool, x, x);
        Sample.AssertSameBits(y, x);
    }

    [Fact]
    public void Masked_rows_give_zeros_and_a_lone_entry_gives_one()
    {
        for (int n = 1; n <= 80; n++)
        {
            Matrix x = Sample.Empty(2, n, float.NegativeInfinity), y = Sample.Empty(2, n, 7);
            x.Row(1)[n / 2] = -1e4f;
            Softmax.Forward(Sample.Pool, x, y);
            for (int i = 0; i < n; i++)
            {
                Assert.Equal(0f, y.Row(0)[i]);
                Assert.Equal(i == n / 2 ? 1f : 0f, y.Row(1)[i]);
            }
        }
    }

    [Fact]
    public void Nan_spoils_its_row_only()
    {
        Matrix x = Sample.Random(1, 2, 40), y = Sample.Empty(2, 40);
        x.Row(0)[37] = float.NaN;
        Softmax.Forward(Sample.Pool, x, y);
        foreach (float value in y.Row(0)) Assert.True(float.IsNaN(value));
        foreach (float value in y.Row(1)) Assert.True(value > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(83)]
    public void Backward_equals_finite_differences(int n)
    {
        Matrix x = Sample.Random(1, 2, n), y = Sample.Empty(2, n), dy = Sample.Random(2, 2, n), dx = Sample.Empty(2, n, 2);
        Softmax.Forward(Sample.Pool, x, y);
        Softmax.Backward(Sample.Pool, y, dy, dx);
        for (int t = 0; t < 2; t++)
        {
            double[] row = Sample.Doubles(x.Row(t)), gradient = Sample.Doubles(dy.Row(t));
            for (int i = 0; i < n; i++)
            {
                double slope = Sample.Slope(row, i, v => Probabilities(v).Zip(gradient, (p, g) => p * g).Sum());

                // The result is near 2, so one rounding is 1.2e-7; the slope itself, below 1, adds ten such.
                Sample.AssertNear(2 + slope, dx.Row(t)[i], 2e-6, $"dx[{t}, {i}]");
            }
        }
    }

    [Fact]
    public void Workers_and_other_rows_change_no_bit()
    {
        Matrix x = Sample.Random(1, 50, 1037, 8), dy = Sample.Random(2, 50, 1037);
        Matrix Forward(WorkerPool pool, int start, int count)
        {
            Matrix y = Sample.Empty(count, 1037);
            Softmax.Forward(pool, x.RowRange(start, count), y);
            return y;
        }

        Matrix Backward(WorkerPool pool, int start, int count)
        {
            Matrix dx = Sample.Empty(count, 1037, 1);
            Softmax.Backward(pool, x.RowRange(start, count), dy.RowRange(start, count), dx);
            return dx;
        }

        Sample.AssertSameForAnyWorkerCount(pool => Forward(pool, 0, 50));
        Sample.AssertSameForAnyWorkerCount(pool => Backward(pool, 0, 50));
        Sample.AssertRowsAreIndependent(50, (start, count) => Forward(Sample.Pool, start, count));
        Sample.AssertRowsAreIndependent(50, (start, count) => Backward(Sample.Pool, start, count));
    }

    private static void AssertRow(ReadOnlySpan<float> x, ReadOnlySpan<float> y, string what)
    {
        double[] expected = Probabilities(Sample.Doubles(x));
        float max = float.NegativeInfinity;
        foreach (float value in x) max = MathF.Max(max, value);
        for (int i = 0; i < x.Length; i++)
        {
            // x - max is rounded once, which exp turns into a relative error of |x - max| units; exp itself has two, the sum of positive
            // terms 2048/16 + 24, the reciprocal and the product two more. Below e^-87 the result may be 0.
            double relative = (Math.Abs((double)x[i] - max) + 160) * Sample.Unit;
            double tolerance = expected[i] == 0 ? 0 : relative * expected[i] + 2e-38;
            Sample.AssertNear(expected[i], y[i], tolerance, $"{what}, [{i}]");
        }
    }

    private static double[] Probabilities(double[] x)
    {
        if (x.Length == 0) return [];
        double max = x.Max(), sum = x.Sum(v => Math.Exp(v - max));
        return [.. x.Select(v => Math.Exp(v - max) / sum)];
    }
}
