using Hadal.Training;

namespace Hadal.Tests.Training.Runs;

public sealed class DivergenceWatchTests
{
    [Fact]
    public void Ten_steps_far_beyond_the_usual_norm_are_a_divergence()
    {
        DivergenceWatch watch = new(factor: 10);
        for (int i = 0; i < 50; i++) Assert.Null(watch.Observe(1));
        for (int i = 0; i < 9; i++) Assert.Null(watch.Observe(11));
        Assert.Contains("more than 10 times", watch.Observe(11), StringComparison.Ordinal);
    }

    [Fact]
    public void Spikes_that_pass_are_none_and_do_not_become_usual()
    {
        DivergenceWatch watch = new(factor: 10);
        for (int i = 0; i < 2000; i++) Assert.Null(watch.Observe(i % 10 == 9 ? 1000 : 1));
        Assert.DoesNotContain(1000, watch.Norms);
    }

    [Fact]
    public void A_norm_that_falls_slowly_is_followed()
    {
        DivergenceWatch watch = new(factor: 10);
        for (int i = 0; i < 5000; i++) Assert.Null(watch.Observe(100.0 / (1 + i)));
        Assert.Equal(100, watch.Norms.Count);
    }

    [Fact]
    public void A_restored_watch_decides_as_the_one_that_was_saved()
    {
        Random random = new(3);
        DivergenceWatch whole = new(factor: 2), first = new(factor: 2), second = new(factor: 2);
        double[] norms = [.. Enumerable.Range(0, 400).Select(_ => Math.Exp(random.NextDouble()))];
        for (int i = 0; i < norms.Length; i++)
        {
            string? expected = whole.Observe(norms[i]);
            if (i == 150) second.Restore(first.Norms, first.Exploded);
            Assert.Equal(expected, (i < 150 ? first : second).Observe(norms[i]));
        }
    }
}
