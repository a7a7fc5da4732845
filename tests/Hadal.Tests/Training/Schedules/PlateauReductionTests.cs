using Hadal.Training;

namespace Hadal.Tests.Training.Schedules;

public sealed class PlateauReductionTests
{
    [Fact]
    public void The_multiplier_falls_at_the_evaluation_after_the_patience()
    {
        PlateauReduction plateau = new(new PlateauOptions { Factor = 0.5, Patience = 2 });
        bool[] fell = [.. new double[] { 5, 4, 4, 4, 4, 4, 4, 4, 3 }.Select(plateau.Observe)];
        Assert.Equal([false, false, false, false, true, false, false, true, false], fell);
        Assert.Equal(0.25, plateau.Multiplier);
        Assert.Equal(3, plateau.State.Best);
    }

    [Fact]
    public void Less_than_the_threshold_is_no_improvement_also_of_negative_metrics()
    {
        foreach (double sign in (double[])[1, -1])
        {
            PlateauReduction plateau = new(new PlateauOptions { Patience = 0, Threshold = 0.01 });
            Assert.False(plateau.Observe(sign * 100));
            Assert.False(plateau.Observe(sign * 100 - 1.5));
            Assert.True(plateau.Observe(sign * 100 - 2));
            Assert.Equal(sign * 100 - 1.5, plateau.State.Best);
        }
    }

    [Fact]
    public void Cooldown_does_not_count_and_the_minimum_holds()
    {
        PlateauReduction plateau = new(new PlateauOptions { Factor = 0.1, Patience = 0, Cooldown = 2, MinimumMultiplier = 0.05 });
        bool[] fell = [.. Enumerable.Repeat(1.0, 8).Select(plateau.Observe)];
        Assert.Equal([false, true, false, false, true, false, false, false], fell);
        Assert.Equal(0.05, plateau.Multiplier);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_metric_that_is_not_finite_is_no_improvement(double metric)
    {
        PlateauReduction plateau = new(new PlateauOptions { Patience = 1 });
        Assert.False(plateau.Observe(metric));
        Assert.Null(plateau.State.Best);
        Assert.True(plateau.Observe(metric));
        Assert.False(plateau.Observe(7));
        Assert.Equal(7, plateau.State.Best);
    }

    [Fact]
    public void A_restored_state_goes_on_like_the_one_that_was_saved()
    {
        PlateauOptions options = new() { Patience = 1, Cooldown = 1 };
        Random random = new(5);
        PlateauReduction whole = new(options);
        for (int i = 0; i < 200; i++)
        {
            PlateauReduction restored = new(options) { State = whole.State };
            double metric = 1 + random.Next(6) - 0.001 * i;
            Assert.Equal(whole.Observe(metric), restored.Observe(metric));
            Assert.Equal(whole.State, restored.State);
        }

        Assert.True(whole.Multiplier < 1);
    }
}
