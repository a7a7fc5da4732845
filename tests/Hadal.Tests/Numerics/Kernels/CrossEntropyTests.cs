using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

[Trait("Category", "Kernels")]
public sealed class CrossEntropyTests
{
    [Fact]
    public void Losses_equal_the_formula_at_every_length_and_scale()
    {
        foreach (int v in Sample.Lengths)
        {
            if (v == 0) continue;
            foreach (float scale in (float[])[0, 1, 20, 1e4f])
            {
                Matrix logits = Sample.Random(v, 3, v, scale), losses = Sample.Empty(3, 1, 9), lse = Sample.Empty(3, 1, 9);
                int[] targets = [0, -100, v - 1];
                CrossEntropy.Forward(Sample.Pool, logits, targets, losses, lse);
                Assert.Equal((0f, 0f), (losses.Row(1)[0], lse.Row(1)[0]));
                foreach (int t in (int[])[0, 2])
                {
                    double exact = LogSumExp(Sample.Doubles(logits.Row(t)));

                    // The sum's relative error, (2048/16 + 24) roundings, two of exp and |x - max| e^(x - max) <= 0.37 of the rounded
                    // difference, becomes absolute in the logarithm; then each result is rounded once.
                    double absolute = 160 * Sample.Unit;
                    double loss = exact - logits.Row(t)[targets[t]];
                    Sample.AssertNear(exact, lse.Row(t)[0], absolute + Math.Abs(exact) * Sample.Unit, $"lse, V = {v}, scale {scale}");
                    Sample.AssertNear(loss, losses.Row(t)[0], absolute + loss * Sample.Unit, $"loss, V = {v}, scale {scale}");
                }
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(11)]
    [InlineData(83)]
    public void Backward_equals_finite_differences_and_skips_ignored_rows(int v)
    {
        Matrix logits = Sample.Random(1, 3, v, 3), losses = Sample.Empty(3, 1), lse = Sample.Empty(3, 1);
        Matrix gradients = Sample.Random(2, 3, 1), dLogits = Sample.Empty(3, v, 2);
        int[] targets = [v / 2, -1, v - 1];
        CrossEntropy.Forward(Sample.Pool, logits, targets, losses, lse);
        CrossEntropy.Backward(Sample.Pool, logits, targets, lse, gradients, dLogits);
        for (int t = 0; t < 3; t++)
        {
            double[] row = Sample.Doubles(logits.Row(t));
            double gradient = targets[t] < 0 ? 0 : gradients.Row(t)[0];
            for (int i = 0; i < v; i++)
            {
                double slope = gradient * Sample.Slope(row, i, x => LogSumExp(x) - (targets[t] < 0 ? 0 : x[targets[t]]));

                // The result is near 2 (1.2e-7 a rounding); the probability has |lse| + 3 units, |lse| < 8.
                Sample.AssertNear(2 + slope, dLogits.Row(t)[i], 2e-6, $"[{t}, {i}]");
            }
        }

        Sample.AssertNothingWrittenBetweenRows(dLogits);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(11)]
    [InlineData(83)]
    public void The_gradient_in_place_is_that_of_backward_and_of_the_denominator(int v)
    {
        Matrix logits = Sample.Random(1, 4, v, 3), lse = Sample.Empty(4, 1), expected = Sample.Empty(4, v);
        logits.Row(3).Fill(float.NegativeInfinity);
        Matrix gradients = Sample.Random(2, 4, 1), lseGradients = Sample.Random(3, 4, 1);
        int[] targets = [v / 2, -1, v - 1, 0];
        CrossEntropy.Forward(Sample.Pool, logits, targets, Sample.Empty(4, 1), lse);
        CrossEntropy.Backward(Sample.Pool, logits, targets, lse, gradients, expected);
        Matrix plain = Sample.CopyOf(logits), both = Sample.CopyOf(logits);
        CrossEntropy.ReplaceByGradient(Sample.Pool, plain, targets, lse, gradients, null);
        CrossEntropy.ReplaceByGradient(Sample.Pool, both, targets, lse, gradients, lseGradients);
        Sample.AssertSameBits(expected, plain);
        for (int t = 0; t < 4; t++)
        {
            for (int i = 0; i < v; i++)
            {
                bool none = targets[t] < 0 || t == 3;
                double p = none ? 0 : Math.Exp((double)logits.Row(t)[i] - lse.Row(t)[0]);

                // The probability has |lse| + 3 units, |lse| < 8; factors are at most 2.
                Sample.AssertNear(plain.Row(t)[i] + lseGradients.Row(t)[0] * p, both.Row(t)[i], 2e-6, $"[{t}, {i}]");
            }
        }

        Sample.AssertNothingWrittenBetweenRows(both);
    }

    [Fact]
    public void Infinite_logits_have_probability_zero()
    {
        Matrix logits = Sample.Empty(1, 40, float.NegativeInfinity), losses = Sample.Empty(1, 1), lse = Sample.Empty(1, 1);
        Matrix one = Sample.From(1), dLogits = Sample.Empty(1, 40);
        CrossEntropy.Forward(Sample.Pool, logits, [3], losses, lse);
        CrossEntropy.Backward(Sample.Pool, logits, [3], lse, one, dLogits);
        Assert.Equal((float.PositiveInfinity, float.NegativeInfinity), (losses.Row(0)[0], lse.Row(0)[0]));
        Sample.AssertSameBits(Sample.Empty(1, 40), dLogits);

        logits.Row(0)[3] = -1e4f;
        logits.Row(0)[35] = -1e4f;
        CrossEntropy.Forward(Sample.Pool, logits, [3], losses, lse);
        CrossEntropy.Backward(Sample.Pool, logits, [3], lse, one, dLogits);
        Sample.AssertNear(Math.Log(2), losses.Row(0)[0], Sample.Unit, "loss");

        // lse = -1e4 + 0.693 is rounded to a multiple of 2^-10: see the remarks of CrossEntropy.
        Sample.AssertNear(-0.5, dLogits.Row(0)[3], 1e4 * Sample.Unit, "target");
        Sample.AssertNear(0.5, dLogits.Row(0)[35], 1e4 * Sample.Unit, "other");
        Assert.Equal(0f, dLogits.Row(0)[4]);
    }

    [Fact]
    public void Workers_and_other_rows_change_no_bit()
    {
        const int rows = 37, v = 2531;
        Matrix logits = Sample.Random(1, rows, v, 8), gradients = Sample.Random(2, rows, 1);
        int[] targets = [.. Enumerable.Range(0, rows).Select(t => t % 6 == 5 ? -1 : t * 67 % v)];
        Matrix Losses(WorkerPool pool, int start, int count)
        {
            Matrix losses = Sample.Empty(count, 1);
            CrossEntropy.Forward(pool, logits.RowRange(start, count), targets.AsSpan(start, count), losses, Sample.Empty(count, 1));
            return losses;
        }

        Matrix Gradients(WorkerPool pool, int start, int count)
        {
            Matrix lse = Sample.Empty(count, 1), dLogits = Sample.Empty(count, v), x = logits.RowRange(start, count);
            CrossEntropy.Forward(pool, x, targets.AsSpan(start, count), Sample.Empty(count, 1), lse);
            CrossEntropy.Backward(pool, x, targets.AsSpan(start, count), lse, gradients.RowRange(start, count), dLogits);
            return dLogits;
        }

        Sample.AssertSameForAnyWorkerCount(pool => Losses(pool, 0, rows));
        Sample.AssertSameForAnyWorkerCount(pool => Gradients(pool, 0, rows));
        Sample.AssertRowsAreIndependent(rows, (start, count) => Losses(Sample.Pool, start, count));
        Sample.AssertRowsAreIndependent(rows, (start, count) => Gradients(Sample.Pool, start, count));
    }

    [Fact]
    public void A_target_beyond_the_vocabulary_is_named()
    {
        Matrix logits = Sample.Empty(2, 5), column = Sample.Empty(2, 1);
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(
            () => CrossEntropy.Forward(Sample.Pool, logits, [0, 5], column, Sample.Empty(2, 1)));
        Assert.Contains("entry 1 is 5, expected 0 to 4", error.Message, StringComparison.Ordinal);
    }

    private static double LogSumExp(double[] x)
    {
        double max = x.Max();
        return max + Math.Log(x.Sum(v => Math.Exp(v - max)));
    }
}
