using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

[Trait("Category", "Kernels")]
public sealed class SwiGluTests
{
    // The sigmoid: exp (2 units), 1 + (1), the division (1); with rounding of -x none. Products add one each.
    private const double SigmoidUnits = 6;

    [Fact]
    public void Sigmoid_equals_the_formula_at_every_length_and_scale()
    {
        foreach (int n in Sample.Lengths)
        {
            foreach (float scale in (float[])[1, 30, 1e4f])
            {
                Matrix x = Sample.Random(n, 2, n, scale), y = Sample.Empty(2, n);
                Sigmoid.Forward(Sample.Pool, x, y);
                for (int t = 0; t < 2; t++)
                {
                    for (int i = 0; i < n; i++)
                    {
                        // Below e^-87 the result may be 0.
                        double expected = Logistic(x.Row(t)[i]);
                        Sample.AssertNear(expected, y.Row(t)[i], SigmoidUnits * Sample.Unit * expected + 2e-38, $"sigmoid {x.Row(t)[i]}");
                    }
                }

                Sample.AssertNothingWrittenBetweenRows(y);
            }
        }
    }

    [Fact]
    public void The_gradient_of_the_sigmoid_equals_the_formula_at_every_length()
    {
        foreach (int n in Sample.Lengths)
        {
            Matrix x = Sample.Random(n, 2, n, 5), y = Sample.Empty(2, n), dy = Sample.Random(n + 1, 2, n), dx = Sample.Empty(2, n, 3);
            Sigmoid.Forward(Sample.Pool, x, y);
            Sigmoid.Backward(Sample.Pool, y, dy, dx);
            for (int t = 0; t < 2; t++)
            {
                for (int i = 0; i < n; i++)
                {
                    double s = Logistic(x.Row(t)[i]), expected = 3 + dy.Row(t)[i] * s * (1 - s);

                    // The result is at most 3.25; the slope, at most 1/4, has twice the units of the sigmoid and two more.
                    Sample.AssertNear(expected, dx.Row(t)[i], (4 + SigmoidUnits) * Sample.Unit, $"n = {n}, [{t}, {i}]");
                }
            }

            Sample.AssertNothingWrittenBetweenRows(dx);
        }
    }

    [Fact]
    public void Sigmoid_of_special_values()
    {
        Matrix x = Sample.From(float.NegativeInfinity, float.PositiveInfinity, float.NaN, 0, -0f, -1e30f, 1e30f);
        Sigmoid.Forward(Sample.Pool, x, x);
        Assert.Equal([0f, 1f, float.NaN, 0.5f, 0.5f, 0f, 1f], x.Row(0).ToArray());
    }

    [Fact]
    public void Forward_equals_the_formula_at_every_length_and_scale()
    {
        foreach (int n in Sample.Lengths)
        {
            foreach (float scale in (float[])[1, 30, 1e4f])
            {
                Matrix gate = Sample.Random(n, 2, n, scale), up = Sample.Random(n + 1, 2, n), y = Sample.Empty(2, n);
                SwiGlu.Forward(Sample.Pool, gate, up, y);
                for (int t = 0; t < 2; t++)
                {
                    for (int i = 0; i < n; i++)
                    {
                        double g = gate.Row(t)[i], expected = g * Logistic(g) * up.Row(t)[i];
                        double tolerance = (SigmoidUnits + 2) * Sample.Unit * Math.Abs(expected) + Math.Abs(g) * 2e-38;
                        Sample.AssertNear(expected, y.Row(t)[i], tolerance, $"[{t}, {i}], F = {n}, gate {g}");
                    }
                }

                Sample.AssertNothingWrittenBetweenRows(y);
            }
        }
    }

    [Fact]
    public void Backward_equals_finite_differences_and_skips_what_is_not_wanted()
    {
        const int n = 83;
        Matrix gate = Sample.Random(1, 2, n, 6), up = Sample.Random(2, 2, n), dy = Sample.Random(3, 2, n);
        Matrix dGate = Sample.Empty(2, n, 2), dUp = Sample.Empty(2, n, 3);
        Matrix aloneGate = Sample.Empty(2, n, 2), aloneUp = Sample.Empty(2, n, 3);
        SwiGlu.Backward(Sample.Pool, gate, up, dy, dGate, dUp);
        SwiGlu.Backward(Sample.Pool, gate, up, dy, aloneGate, null);
        SwiGlu.Backward(Sample.Pool, gate, up, dy, null, aloneUp);
        Sample.AssertSameBits(dGate, aloneGate);
        Sample.AssertSameBits(dUp, aloneUp);
        for (int t = 0; t < 2; t++)
        {
            for (int i = 0; i < n; i++)
            {
                double u = up.Row(t)[i], g = gate.Row(t)[i], outer = dy.Row(t)[i];
                double gateSlope = Sample.Slope([g], 0, v => v[0] * Logistic(v[0]) * u * outer);

                // Terms up to 6 in size with ten roundings each.
                Sample.AssertNear(2 + gateSlope, dGate.Row(t)[i], 80 * Sample.Unit, $"dGate[{t}, {i}]");
                Sample.AssertNear(3 + g * Logistic(g) * outer, dUp.Row(t)[i], 80 * Sample.Unit, $"dUp[{t}, {i}]");
            }
        }
    }

    [Fact]
    public void Written_gradients_equal_those_added_to_zeros()
    {
        Matrix gate = Sample.Random(1, 3, 83, 6), up = Sample.Random(2, 3, 83), dy = Sample.Random(3, 3, 83);
        Matrix addedGate = Sample.Empty(3, 83), addedUp = Sample.Empty(3, 83);
        Matrix writtenGate = Sample.Empty(3, 83, float.NaN), writtenUp = Sample.Empty(3, 83, float.NaN);
        SwiGlu.Backward(Sample.Pool, gate, up, dy, addedGate, addedUp);
        SwiGlu.Backward(Sample.Pool, gate, up, dy, writtenGate, writtenUp, accumulate: false);
        Sample.AssertSameBits(addedGate, writtenGate);
        Sample.AssertSameBits(addedUp, writtenUp);
    }

    [Fact]
    public void Gates_of_ten_thousand_have_finite_gradients()
    {
        Matrix gate = Sample.From(1e4f, -1e4f), one = Sample.From(1, 1), dGate = Sample.Empty(1, 2), dUp = Sample.Empty(1, 2);
        SwiGlu.Backward(Sample.Pool, gate, one, one, dGate, dUp);
        Assert.Equal([1f, 0f], dGate.Row(0).ToArray());
        Assert.Equal([1e4f, 0f], dUp.Row(0).ToArray());
    }

    [Fact]
    public void Workers_and_other_rows_change_no_bit()
    {
        // A row of more than one stretch of 16384 elements, and several rows in a part.
        foreach ((int rows, int columns) in ((int, int)[])[(3, 16 * 1024 + 37), (70, 515)])
        {
            Matrix gate = Sample.Random(1, rows, columns, 4), up = Sample.Random(2, rows, columns), dy = Sample.Random(3, rows, columns);
            Matrix Forward(WorkerPool pool, int start, int count)
            {
                Matrix y = Sample.Empty(count, columns);
                SwiGlu.Forward(pool, gate.RowRange(start, count), up.RowRange(start, count), y);
                return y;
            }

            Matrix Backward(WorkerPool pool, int start, int count)
            {
                Matrix dGate = Sample.Empty(count, columns);
                SwiGlu.Backward(
                    pool, gate.RowRange(start, count), up.RowRange(start, count), dy.RowRange(start, count), dGate, null);
                return dGate;
            }

            Sample.AssertSameForAnyWorkerCount(pool => Forward(pool, 0, rows));
            Sample.AssertSameForAnyWorkerCount(pool => Backward(pool, 0, rows));
            Sample.AssertRowsAreIndependent(rows, (start, count) => Forward(Sample.Pool, start, count));
            Sample.AssertRowsAreIndependent(rows, (start, count) => Backward(Sample.Pool, start, count));
        }
    }

    private static double Logistic(double x) => 1 / (1 + Math.Exp(-x));
}
