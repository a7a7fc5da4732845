using Hadal.Numerics;
using Hadal.Tests.Numerics.Kernels;

namespace Hadal.Tests.Numerics.Optimisers;

[Trait("Category", "Kernels")]
public sealed class MomentumUpdateTests
{
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Momentum_and_direction_equal_the_formula_at_every_length(bool hasGradient, bool nesterov)
    {
        foreach (int d in Sample.Lengths)
        {
            Matrix g = Sample.Random(d, 2, d), m = Sample.Random(d + 1, 2, d), newG = Sample.CopyOf(g), newM = Sample.CopyOf(m), y = Sample.Empty(2, d);
            MomentumUpdate.Accumulate(Sample.Pool, hasGradient ? newG : null, 0.7, 0.95, nesterov, newM, y, clearGradient: nesterov);
            for (int t = 0; t < 2; t++)
            {
                for (int i = 0; i < d; i++)
                {
                    double gradient = hasGradient ? 0.7 * g.Row(t)[i] : 0, momentum = 0.95 * m.Row(t)[i] + gradient;

                    // Terms below 1.7, at most five roundings, and those of 0.7 and 0.95.
                    Sample.AssertNear(momentum, newM.Row(t)[i], 8 * Sample.Unit, $"m[{t}, {i}] of {d}");
                    Sample.AssertNear(nesterov ? gradient + 0.95 * momentum : momentum, y.Row(t)[i], 14 * Sample.Unit, $"y[{t}, {i}] of {d}");
                    Assert.Equal(hasGradient && nesterov ? 0 : g.Row(t)[i], newG.Row(t)[i]);
                }
            }

            foreach (Matrix written in (Matrix[])[newG, newM, y]) Sample.AssertNothingWrittenBetweenRows(written);
        }
    }

    [Fact]
    public void Momentum_in_bfloat16_is_the_rounded_one_of_the_same_step()
    {
        foreach (int d in Enumerable.Range(0, 71))
        {
            Matrix g = Sample.Random(d, 2, d), narrow = AdamWUpdateTests.Narrow(Sample.Random(d + 1, 2, d)), wide = AdamWUpdateTests.Wide(narrow);
            Matrix y = Sample.Empty(2, d), sameY = Sample.Empty(2, d);
            MomentumUpdate.Accumulate(Sample.Pool, g, 1, 0.95, true, wide, sameY);
            MomentumUpdate.Accumulate(Sample.Pool, g, 1, 0.95, true, narrow, y);
            Sample.AssertSameBits(sameY, y);
            Sample.AssertSameBits(AdamWUpdateTests.Wide(AdamWUpdateTests.Narrow(wide)), AdamWUpdateTests.Wide(narrow));
        }
    }

    [Fact]
    public void Weights_move_against_the_direction_and_decay_at_every_length()
    {
        foreach (int d in Sample.Lengths)
        {
            Matrix y = Sample.Random(d, 2, d), w = Sample.Random(d + 1, 2, d), newW = Sample.CopyOf(w), rounded = AdamWUpdateTests.Narrow(w);
            MomentumUpdate.Apply(Sample.Pool, y, 0.01, 0.002, newW, rounded);
            for (int t = 0; t < 2; t++)
            {
                for (int i = 0; i < d; i++)
                {
                    Sample.AssertNear(w.Row(t)[i] * 0.998 - 0.01 * y.Row(t)[i], newW.Row(t)[i], 2 * Sample.Unit, $"[{t}, {i}] of {d}");
                }
            }

            Sample.AssertSameBits(AdamWUpdateTests.Wide(AdamWUpdateTests.Narrow(newW)), AdamWUpdateTests.Wide(rounded));
            Sample.AssertNothingWrittenBetweenRows(newW);
        }
    }

    [Fact]
    public void An_average_moves_its_share_of_the_way_at_every_length()
    {
        foreach (int d in Sample.Lengths)
        {
            Matrix narrow = AdamWUpdateTests.Narrow(Sample.Random(d, 2, d)), x = AdamWUpdateTests.Wide(narrow), old = Sample.Random(d + 1, 2, d);
            Matrix average = Sample.CopyOf(old), ofNarrow = Sample.CopyOf(old);
            MovingAverage.Update(Sample.Pool, x, 0.3, average);
            MovingAverage.Update(Sample.Pool, narrow, 0.3, ofNarrow);
            for (int t = 0; t < 2; t++)
            {
                for (int i = 0; i < d; i++)
                {
                    Sample.AssertNear(0.7 * old.Row(t)[i] + 0.3 * x.Row(t)[i], average.Row(t)[i], 3 * Sample.Unit, $"[{t}, {i}] of {d}");
                }
            }

            Sample.AssertSameBits(average, ofNarrow);
            Sample.AssertNothingWrittenBetweenRows(average);
        }
    }

    [Fact]
    public void Workers_change_no_bit()
    {
        Matrix g = Sample.Random(1, 9, 20_001), m = Sample.Random(2, 9, 20_001);
        Sample.AssertSameForAnyWorkerCount(pool =>
        {
            Matrix y = Sample.Empty(9, 20_001), momentum = Sample.CopyOf(m);
            MomentumUpdate.Accumulate(pool, g, 0.5, 0.95, true, momentum, y);
            MomentumUpdate.Apply(pool, y, 0.1, 0.01, momentum);
            MovingAverage.Update(pool, y, 0.3, momentum);
            return momentum;
        });
    }
}
