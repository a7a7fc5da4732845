using Hadal.Training;

namespace Hadal.Tests.Training.Schedules;

public sealed class LearningRateScheduleTests
{
    [Fact]
    public void Warm_up_is_a_line_to_the_peak_in_every_schedule()
    {
        Random random = new(1);
        foreach (LearningRateOptions options in Random(random, 200))
        {
            long total = options.WarmupSteps + random.Next(1, 500);
            for (long step = 0; step < options.WarmupSteps; step++)
            {
                double expected = options.Peak * (step + 1) / (options.WarmupSteps + 1);
                Assert.Equal(expected, options.At(step, total), 1e-12 * options.Peak);
            }
        }
    }

    [Fact]
    public void Rates_are_positive_and_at_most_the_peak_and_after_the_warm_up_never_rise()
    {
        Random random = new(2);
        foreach (LearningRateOptions options in Random(random, 300))
        {
            long total = options.WarmupSteps + random.Next(1, 400);
            LearningRateSchedule schedule = options.Schedule();
            double previous = options.Peak;
            for (long step = options.WarmupSteps; step < total + 3; step++)
            {
                double rate = schedule.At(step, total);
                Assert.InRange(rate, step < total ? double.Epsilon : 0, previous);
                Assert.Equal(rate, options.At(step, total));
                previous = rate;
            }
        }
    }

    [Fact]
    public void The_cosine_has_its_closed_form_and_its_ends()
    {
        Random random = new(3);
        for (int i = 0; i < 200; i++)
        {
            int warmup = random.Next(0, 50), total = warmup + random.Next(1, 500);
            double ratio = random.NextDouble(), peak = random.NextDouble() + 1e-6;
            CosineSchedule schedule = new(peak, warmup, ratio);
            for (int step = warmup; step < total; step++)
            {
                double angle = Math.PI * (step - warmup) / (total - warmup);
                Assert.Equal(peak * (ratio + (1 - ratio) * (1 + Math.Cos(angle)) / 2), schedule.At(step, total), 1e-12 * peak);
            }

            Assert.Equal(peak, schedule.At(warmup, total));
            Assert.Equal(peak * ratio, schedule.At(total, total));
            Assert.Equal(peak * ratio, schedule.At(total + 1000, total));
        }
    }

    [Theory]
    [InlineData(DecayShape.Linear)]
    [InlineData(DecayShape.OneMinusRoot)]
    [InlineData(DecayShape.Cosine)]
    public void Warm_up_stable_decay_is_flat_and_then_falls_in_its_shape(DecayShape shape)
    {
        WarmupStableDecaySchedule schedule = new(2e-3, 10, DecayFraction: 0.25, FinalRatio: 0.1, shape);
        for (int step = 10; step <= 150; step++) Assert.Equal(2e-3, schedule.At(step, 200));
        for (int step = 150; step < 200; step++)
        {
            double x = (step - 150) / 50.0;
            double fall = shape switch { DecayShape.Linear => x, DecayShape.OneMinusRoot => Math.Sqrt(x), _ => (1 - Math.Cos(Math.PI * x)) / 2 };
            Assert.Equal(2e-3 * (1 - 0.9 * fall), schedule.At(step, 200), 1e-15);
        }

        Assert.Equal(2e-4, schedule.At(200, 200), 1e-18);
        Assert.Equal(2e-3, new WarmupStableDecaySchedule(2e-3, 0, 0, 0.1, shape).At(199, 200));
    }

    [Fact]
    public void DeepSeek_V3_has_the_papers_rates_at_the_papers_tokens()
    {
        // A step for each billion tokens: 14,800 in all.
        DeepSeekV3Schedule schedule = new(2.2e-4, 2);
        schedule.Validate();
        Assert.Equal(2.2e-4, schedule.At(2, 14_800));
        Assert.Equal(2.2e-4, schedule.At(9_999, 14_800));
        Assert.Equal(2.2e-4, schedule.At(10_000, 14_800));
        Assert.True(schedule.At(10_002, 14_800) < 2.2e-4);
        Assert.Equal((2.2e-4 + 2.2e-5) / 2, schedule.At(12_150, 14_800), 1e-12);
        Assert.Equal(2.2e-5, schedule.At(14_299, 14_800), 1e-10);
        for (int step = 14_300; step < 14_633; step++) Assert.Equal(2.2e-5, schedule.At(step, 14_800), 1e-15);
        for (int step = 14_633; step < 14_800; step++) Assert.Equal(7.3e-6, schedule.At(step, 14_800), 1e-15);

        // The only jump is the last: elsewhere a step changes little.
        for (int step = 3; step < 14_800; step++)
        {
            double change = Math.Abs(schedule.At(step, 14_800) - schedule.At(step - 1, 14_800));
            Assert.Equal(step == 14_633, change > 1e-6);
        }
    }

    [Fact]
    public void DeepSeek_V2_drops_twice()
    {
        DeepSeekV2Schedule schedule = new(2.4e-4, 20);
        for (int step = 20; step < 1000; step++)
        {
            double expected = 2.4e-4 * (step < 600 ? 1 : step < 900 ? 0.316 : 0.316 * 0.316);
            Assert.Equal(expected, schedule.At(step, 1000), 1e-18);
        }
    }

    [Theory]
    [InlineData(LearningRateKind.Constant)]
    [InlineData(LearningRateKind.Cosine)]
    [InlineData(LearningRateKind.WarmupStableDecay)]
    [InlineData(LearningRateKind.DeepSeekV3)]
    [InlineData(LearningRateKind.DeepSeekV2)]
    public void A_run_of_one_step_makes_it_at_the_peak_or_in_the_warm_up(LearningRateKind kind)
    {
        LearningRateOptions options = new() { Kind = kind, Peak = 3 };
        Assert.Equal(3, options.At(0, 1));
        Assert.Equal(1.5, (options with { WarmupSteps = 1 }).At(0, 1));
        Assert.Equal("WarmupSteps is 2, expected at most the run's 1 steps. (Parameter 'WarmupSteps')",
            Assert.Throws<ArgumentException>(() => (options with { WarmupSteps = 2 }).At(0, 1)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => options.At(-1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => options.At(0, 0));
    }

    [Fact]
    public void Fractions_become_whole_steps_without_the_noise_of_binary_fractions()
    {
        // 0.07 * 100 is 7.000000000000001.
        DeepSeekV2Schedule schedule = new(1, 0) { FirstDropAt = 0.07, SecondDropAt = 0.29 };
        Assert.Equal((1, 0.316, 0.316, 0.316 * 0.316), (schedule.At(6, 100), schedule.At(7, 100), schedule.At(28, 100), schedule.At(29, 100)));
    }

    [Fact]
    public void Values_out_of_range_are_named()
    {
        Check("Peak", new LearningRateOptions { Peak = 0 });
        Check("Peak", new LearningRateOptions { Peak = double.NaN });
        Check("WarmupSteps", new LearningRateOptions { WarmupSteps = -1 });
        Check("FinalRatio", new LearningRateOptions { Kind = LearningRateKind.Cosine, FinalRatio = 1.1 });
        Check("FinalRatio", new LearningRateOptions { Kind = LearningRateKind.WarmupStableDecay, FinalRatio = double.NaN });
        Check("DecayFraction", new LearningRateOptions { Kind = LearningRateKind.WarmupStableDecay, DecayFraction = -0.1 });
        Check("Shape", new LearningRateOptions { Kind = LearningRateKind.WarmupStableDecay, DecayShape = (DecayShape)7 });
        Check("Kind", new LearningRateOptions { Kind = (LearningRateKind)99 });
        Check("Factor", new LearningRateOptions { Plateau = new PlateauOptions { Factor = 1 } });
        Named("FirstTailFrom", new DeepSeekV3Schedule(1, 0) { FirstTailFrom = 0.1 }.Validate);
        Named("SecondTailFrom", new DeepSeekV3Schedule(1, 0) { SecondTailFrom = 1.1 }.Validate);
        Named("SecondDropAt", new DeepSeekV2Schedule(1, 0) { SecondDropAt = 0.5 }.Validate);

        static void Check(string name, LearningRateOptions options) => Named(name, () => options.Schedule());

        static void Named(string name, Action check) =>
            Assert.StartsWith($"{name} is ", Assert.Throws<ArgumentException>(check).Message, StringComparison.Ordinal);
    }

    private static IEnumerable<LearningRateOptions> Random(Random random, int count) => Enumerable.Range(0, count).Select(i => new LearningRateOptions
    {
        Kind = (LearningRateKind)(i % 5),
        Peak = random.NextDouble() + 1e-6,
        WarmupSteps = random.Next(3) == 0 ? 0 : random.Next(1, 40),
        FinalRatio = random.NextDouble(),
        DecayFraction = random.NextDouble(),
        DecayShape = (DecayShape)random.Next(3),
    });
}
