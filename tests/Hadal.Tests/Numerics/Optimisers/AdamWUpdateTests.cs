using Hadal.Numerics;
using Hadal.Tests.Numerics.Kernels;

namespace Hadal.Tests.Numerics.Optimisers;

[Trait("Category", "Kernels")]
public sealed class AdamWUpdateTests
{
    private static readonly AdamWStep s_step = new(3e-3, 0.9, 0.95, 1e-8, 0.1, Step: 3, GradientScale: 0.7);

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void A_step_equals_the_formula_in_binary64_at_every_length(bool hasGradient, bool clear)
    {
        foreach (int d in Sample.Lengths)
        {
            Matrix g = Sample.Random(d, 3, d), w = Sample.Random(d + 1, 3, d), m = Sample.Random(d + 2, 3, d, 0.1f), v = Squares(d + 3, 3, d);
            Matrix newG = Sample.CopyOf(g), newW = Sample.CopyOf(w), newM = Sample.CopyOf(m), newV = Sample.CopyOf(v);
            AdamWUpdate.Run(Sample.Pool, s_step, hasGradient ? newG : null, newW, newM, newV, clearGradient: clear);
            for (int t = 0; t < 3; t++)
            {
                for (int i = 0; i < d; i++)
                {
                    string what = $"[{t}, {i}] of {d}";
                    Expected expected = Formula(hasGradient ? g.Row(t)[i] : 0, w.Row(t)[i], m.Row(t)[i], v.Row(t)[i]);

                    // Four roundings of terms below 1; the division errs by what its small divisor makes of them, times the rate.
                    Sample.AssertNear(expected.M, newM.Row(t)[i], 4 * Sample.Unit, $"m {what}");
                    Sample.AssertNear(expected.V, newV.Row(t)[i], 4 * Sample.Unit * expected.V, $"v {what}");
                    double tolerance = Sample.Unit * (Math.Abs(w.Row(t)[i]) + 20 * expected.Change);
                    Sample.AssertNear(expected.W, newW.Row(t)[i], tolerance, $"w {what}");
                    Assert.Equal(hasGradient && clear ? 0 : g.Row(t)[i], newG.Row(t)[i]);
                }
            }

            foreach (Matrix written in (Matrix[])[newG, newW, newM, newV]) Sample.AssertNothingWrittenBetweenRows(written);
        }
    }

    [Fact]
    public void Moments_in_bfloat16_are_the_rounded_ones_of_the_same_step_and_weights_are_rounded_beside()
    {
        foreach (int d in Enumerable.Range(0, 71))
        {
            Matrix g = Sample.Random(d, 2, d), w = Sample.Random(d + 1, 2, d);
            Matrix narrowM = Narrow(Sample.Random(d + 2, 2, d)), narrowV = Narrow(Squares(d + 3, 2, d)), rounded = Narrow(w);
            Matrix m = Wide(narrowM), v = Wide(narrowV), sameW = Sample.CopyOf(w);
            AdamWUpdate.Run(Sample.Pool, s_step, g, sameW, m, v);
            AdamWUpdate.Run(Sample.Pool, s_step, g, w, narrowM, narrowV, rounded);
            Sample.AssertSameBits(sameW, w);
            Sample.AssertSameBits(Wide(Narrow(m)), Wide(narrowM));
            Sample.AssertSameBits(Wide(Narrow(v)), Wide(narrowV));
            Sample.AssertSameBits(Wide(Narrow(w)), Wide(rounded));
        }
    }

    [Fact]
    public void Workers_and_shapes_change_no_bit()
    {
        const int rows = 17, columns = 3001;
        Matrix g = Dense(1, rows, columns), w = Dense(2, rows, columns), m = Dense(3, rows, columns), v = Dense(4, rows, columns);
        foreach (ref float value in v.Buffer.AsSpan<float>(0, rows * columns)) value *= value;
        Matrix Run(WorkerPool pool, int r, int c)
        {
            Matrix newW = Reshaped(w, r, c), newM = Reshaped(m, r, c), newV = Reshaped(v, r, c);
            AdamWUpdate.Run(pool, s_step, Reshaped(g, r, c), newW, newM, newV);
            return Sample.CopyOf(new Matrix(newW.Buffer, ElementType.F32, 0, rows, columns));
        }

        Sample.AssertSameForAnyWorkerCount(pool => Run(pool, rows, columns));
        Sample.AssertSameBits(Run(Sample.Pool, rows, columns), Run(Sample.Pool, 1, rows * columns));
        Sample.AssertSameBits(Run(Sample.Pool, rows, columns), Run(Sample.Pool, rows * columns, 1));
    }

    [Fact]
    public void A_small_decay_is_not_lost_near_one()
    {
        // 1 - 1e-8 is 1 in binary32; 1e-8 of a weight of 0.7 is below its half unit, but 1e-6 of it is 16 units.
        Matrix w = Sample.From(0.7f), m = Sample.From(0), v = Sample.From(0);
        for (int step = 1; step <= 1000; step++) AdamWUpdate.Run(Sample.Pool, new AdamWStep(1e-5, 0.9, 0.95, 1e-8, 0.1, step), null, w, m, v);

        // Each step rounds once, by half a unit in the last place of 0.7 at most, in either direction.
        Sample.AssertNear(0.7f * Math.Pow(1 - 1e-6, 1000), w.Row(0)[0], 1000 * Sample.Unit / 2, "weight");
        Assert.InRange(w.Row(0)[0], 0, 0.7f - 1e-5f);
    }

    [Fact]
    public void Wrong_shapes_and_types_are_named()
    {
        Matrix a = Sample.Empty(2, 8), b = Sample.Empty(2, 7), narrow = Narrow(a);
        Check("expected 2x8 F32, found 2x7 F32", () => AdamWUpdate.Run(Sample.Pool, s_step, b, a, a, a));
        Check("expected 2x8 F32 or BF16, found 2x7 F32", () => AdamWUpdate.Run(Sample.Pool, s_step, a, a, b, a));
        Check("expected 2x8 BF16, found 2x8 F32", () => AdamWUpdate.Run(Sample.Pool, s_step, a, a, narrow, a));
        Check("expected 2x8 F32, found 2x8 BF16", () => AdamWUpdate.Run(Sample.Pool, s_step, a, a, a, narrow));
        Check("expected 2x8 F32, found 2x8 BF16", () => AdamWUpdate.Run(Sample.Pool, s_step, a, narrow, a, a));
        Check("expected 2x8 BF16, found 2x8 F32", () => AdamWUpdate.Run(Sample.Pool, s_step, a, a, a, a, a));

        static void Check(string sentence, Action run) =>
            Assert.Contains(sentence, Assert.Throws<ArgumentException>(run).Message, StringComparison.Ordinal);
    }

    private static Expected Formula(double gradient, double w, double oldM, double oldV)
    {
        double g = gradient * s_step.GradientScale;
        double m = s_step.Beta1 * oldM + (1 - s_step.Beta1) * g;
        double v = s_step.Beta2 * oldV + (1 - s_step.Beta2) * g * g;
        double firstCorrected = m / (1 - Math.Pow(s_step.Beta1, s_step.Step));
        double secondCorrected = v / (1 - Math.Pow(s_step.Beta2, s_step.Step));
        double change = s_step.LearningRate * firstCorrected / (Math.Sqrt(secondCorrected) + s_step.Epsilon);

        // What m's own roundings, at most 4 of terms below 0.2, become behind the division.
        double amplified = s_step.LearningRate / (1 - Math.Pow(s_step.Beta1, s_step.Step)) / (Math.Sqrt(secondCorrected) + s_step.Epsilon);
        return new Expected(m, v, w - s_step.LearningRate * s_step.WeightDecay * w - change, Math.Abs(change) + 0.2 * amplified);
    }

    private sealed record Expected(double M, double V, double W, double Change);

    private static Matrix Squares(int seed, int rows, int columns)
    {
        Matrix x = Sample.Random(seed, rows, columns);
        for (int row = 0; row < rows; row++)
        {
            foreach (ref float value in x.Row(row)) value *= value;
        }

        return x;
    }

    internal static Matrix Narrow(Matrix wide)
    {
        Matrix narrow = new(new NativeBuffer(2 * (1 + wide.Rows * (wide.Columns + 3L))), ElementType.BF16, 1, wide.Rows, wide.Columns, wide.Columns + 3);
        Elementwise.Copy(Sample.Pool, wide, narrow);
        return narrow;
    }

    internal static Matrix Wide(Matrix narrow)
    {
        Matrix wide = Sample.Empty(narrow.Rows, narrow.Columns);
        Elementwise.Copy(Sample.Pool, narrow, wide);
        return wide;
    }

    private static Matrix Dense(int seed, int rows, int columns) => Reshaped(Sample.Random(seed, rows, columns), rows, columns);

    private static Matrix Reshaped(Matrix x, int rows, int columns)
    {
        Matrix copy = new(new NativeBuffer(4L * x.Rows * x.Columns), ElementType.F32, 0, x.Rows, x.Columns);
        Elementwise.Copy(Sample.Pool, x, copy);
        return new Matrix(copy.Buffer, ElementType.F32, 0, rows, columns);
    }
}
