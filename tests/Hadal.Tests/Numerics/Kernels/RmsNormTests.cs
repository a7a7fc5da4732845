using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

[Trait("Category", "Kernels")]
public sealed class RmsNormTests
{
    private const float Epsilon = 1e-6f;

    [Fact]
    public void Forward_equals_the_formula_at_every_length()
    {
        foreach (int d in Sample.Lengths)
        {
            Matrix x = Sample.Random(d, 3, d), w = Sample.Random(d + 1, 1, d), y = Sample.Empty(3, d), r = Sample.Empty(3, 1);
            RmsNorm.Forward(Sample.Pool, x, w, Epsilon, y, r);
            for (int t = 0; t < 3; t++)
            {
                double inverse = Inverse(Sample.Doubles(x.Row(t)));

                // Squares are positive, so their sum has a relative error of at most (2048/16 + 24) roundings (RowReductions.Sum with 4
                // lanes), halved by the root; then the rounding of r, two products: below 80 units.
                double relative = 80 * Sample.Unit;
                if (d > 0) Sample.AssertNear(inverse, r.Row(t)[0], relative * inverse, $"r of row {t}, D = {d}");
                for (int i = 0; i < d; i++)
                {
                    double expected = x.Row(t)[i] * inverse * w.Row(0)[i];
                    Sample.AssertNear(expected, y.Row(t)[i], relative * Math.Abs(expected), $"[{t}, {i}], D = {d}");
                }
            }

            Sample.AssertNothingWrittenBetweenRows(y);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(83)]
    public void Backward_equals_finite_differences(int d)
    {
        Matrix x = Sample.Random(1, 2, d), w = Sample.Random(2, 1, d), dy = Sample.Random(3, 2, d);
        Matrix y = Sample.Empty(2, d), r = Sample.Empty(2, 1), dx = Sample.Empty(2, d, 2), dw = Sample.Empty(1, d, 3);
        RmsNorm.Forward(Sample.Pool, x, w, Epsilon, y, r);
        RmsNorm.Backward(Sample.Pool, x, w, r, dy, dx, dw);
        double[] weight = Sample.Doubles(w.Row(0));
        for (int i = 0; i < d; i++)
        {
            double weightSlope = 0;
            for (int t = 0; t < 2; t++)
            {
                double[] row = Sample.Doubles(x.Row(t)), gradient = Sample.Doubles(dy.Row(t));

                // Gradients are of order 1: finite differences err by 1e-9, binary32 sums of 83 terms by 1e-5.
                double slope = Sample.Slope(row, i, v => Loss(v, weight, gradient));
                Sample.AssertNear(2 + slope, dx.Row(t)[i], 3e-5, $"dx[{t}, {i}]");
                weightSlope += Sample.Slope(weight, i, v => Loss(row, v, gradient));
            }

            Sample.AssertNear(3 + weightSlope, dw.Row(0)[i], 3e-5, $"dw[{i}]");
        }
    }

    [Fact]
    public void A_written_gradient_equals_one_added_to_zeros()
    {
        Matrix x = Sample.Random(1, 5, 70), w = Sample.Random(2, 1, 70), dy = Sample.Random(3, 5, 70), r = Sample.Random(4, 5, 1);
        Matrix added = Sample.Empty(5, 70), written = Sample.Empty(5, 70, float.NaN);
        RmsNorm.Backward(Sample.Pool, x, w, r, dy, added, null);
        RmsNorm.Backward(Sample.Pool, x, w, r, dy, written, null, accumulate: false);
        Sample.AssertSameBits(added, written);
    }

    [Fact]
    public void Gradients_not_asked_for_change_nothing_else()
    {
        Matrix x = Sample.Random(1, 5, 70), w = Sample.Random(2, 1, 70), dy = Sample.Random(3, 5, 70), r = Sample.Random(4, 5, 1);
        Matrix both = Sample.Empty(5, 70), alone = Sample.Empty(5, 70), dw = Sample.Empty(1, 70), dwAlone = Sample.Empty(1, 70);
        RmsNorm.Backward(Sample.Pool, x, w, r, dy, both, dw);
        RmsNorm.Backward(Sample.Pool, x, w, r, dy, alone, null);
        RmsNorm.Backward(Sample.Pool, x, w, r, dy, null, dwAlone);
        Sample.AssertSameBits(both, alone);
        Sample.AssertSameBits(dw, dwAlone);
    }

    [Fact]
    public void Workers_and_other_rows_change_no_bit()
    {
        Matrix x = Sample.Random(1, 67, 515), w = Sample.Random(2, 1, 515), dy = Sample.Random(3, 67, 515);
        Matrix Forward(WorkerPool pool, int start, int count)
        {
            Matrix y = Sample.Empty(count, 515);
            RmsNorm.Forward(pool, x.RowRange(start, count), w, Epsilon, y, Sample.Empty(count, 1));
            return y;
        }

        Matrix Backward(WorkerPool pool, int start, int count)
        {
            Matrix dx = Sample.Empty(count, 515), r = Sample.Random(4, 67, 1);
            RmsNorm.Backward(
                pool, x.RowRange(start, count), w, r.RowRange(start, count), dy.RowRange(start, count), dx, null);
            return dx;
        }

        Matrix WeightGradient(WorkerPool pool)
        {
            Matrix dw = Sample.Empty(1, 515);
            RmsNorm.Backward(pool, x, w, Sample.Random(4, 67, 1), dy, null, dw);
            return dw;
        }

        Sample.AssertSameForAnyWorkerCount(pool => Forward(pool, 0, 67));
        Sample.AssertSameForAnyWorkerCount(pool => Backward(pool, 0, 67));
        Sample.AssertSameForAnyWorkerCount(WeightGradient);
        Sample.AssertRowsAreIndependent(67, (start, count) => Forward(Sample.Pool, start, count));
        Sample.AssertRowsAreIndependent(67, (start, count) => Backward(Sample.Pool, start, count));
    }

    [Fact]
    public void Wrong_shapes_are_named()
    {
        Matrix x = Sample.Empty(2, 8), w = Sample.Empty(1, 7);
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => RmsNorm.Forward(Sample.Pool, x, w, Epsilon, x, Sample.Empty(2, 1)));
        Assert.Contains("expected 1x8 F32, found 1x7 F32", error.Message, StringComparison.Ordinal);
    }

    private static double Inverse(double[] x) => 1 / Math.Sqrt(x.Sum(v => v * v) / x.Length + Epsilon);

    private static double Loss(double[] x, double[] weight, double[] dy)
    {
        double inverse = Inverse(x), sum = 0;
        for (int i = 0; i < x.Length; i++) sum += x[i] * inverse * weight[i] * dy[i];
        return sum;
    }
}
