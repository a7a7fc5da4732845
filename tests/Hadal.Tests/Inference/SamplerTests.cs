using Hadal.Inference;

namespace Hadal.Tests.Inference;

public sealed class SamplerTests
{
    private static readonly float[] s_logits = [1.0f, 3.0f, 2.0f, float.NegativeInfinity, 2.5f];

    [Fact]
    public void Temperature_zero_takes_the_first_of_the_best()
    {
        Sampler sampler = new(new SamplingOptions { Temperature = 0 });
        Assert.Equal(1, sampler.Next(s_logits));
        Assert.Equal(0, sampler.Next([5, 5, 5]));
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(0.5f)]
    [InlineData(2f)]
    public void Frequencies_are_the_softmax_of_logits_over_temperature(float temperature)
    {
        const int Draws = 40_000;
        double[] expected = [.. s_logits.Select(l => Math.Exp(l / (double)temperature))];
        double total = expected.Sum();
        int[] counts = Count(new SamplingOptions { Temperature = temperature, Seed = 7 }, Draws);
        for (int i = 0; i < counts.Length; i++)
        {
            // Five standard deviations of a binomial count.
            double p = expected[i] / total;
            Assert.InRange(counts[i], Draws * p - 5 * Math.Sqrt(Draws * p * (1 - p)), Draws * p + 5 * Math.Sqrt(Draws * p * (1 - p)));
        }
    }

    [Fact]
    public void Top_k_draws_from_the_best_k_only()
    {
        int[] counts = Count(new SamplingOptions { TopK = 2, Seed = 1 }, 2_000);
        Assert.Equal([0, 0, 0], [counts[0], counts[2], counts[3]]);
        Assert.True(counts[1] > counts[4] && counts[4] > 0);
    }

    [Theory]
    [InlineData(0.3f, new[] { 1 })]          // the best alone has 0.46
    [InlineData(0.5f, new[] { 1, 4 })]       // 0.46 + 0.28
    [InlineData(0.9f, new[] { 1, 4, 2 })]    // 0.46 + 0.28 + 0.17
    [InlineData(1.0f, new[] { 1, 4, 2, 0 })] // all that have any
    public void Top_p_ends_with_the_token_that_reaches_it(float topP, int[] allowed)
    {
        int[] counts = Count(new SamplingOptions { TopP = topP, Seed = 1 }, 3_000);
        Assert.Equal(allowed.Order(), Enumerable.Range(0, counts.Length).Where(i => counts[i] > 0));
    }

    [Fact]
    public void The_same_seed_draws_the_same_tokens_and_another_seed_others()
    {
        int[] Draw(int seed)
        {
            Sampler sampler = new(new SamplingOptions { Seed = seed });
            return [.. Enumerable.Range(0, 50).Select(_ => sampler.Next(s_logits))];
        }

        Assert.Equal(Draw(3), Draw(3));
        Assert.NotEqual(Draw(3), Draw(4));
    }

    [Theory]
    [InlineData(-1f, 0, 1f)]
    [InlineData(float.NaN, 0, 1f)]
    [InlineData(1f, -1, 1f)]
    [InlineData(1f, 0, 0f)]
    [InlineData(1f, 0, 1.5f)]
    public void Options_that_make_no_sense_are_refused(float temperature, int topK, float topP) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Sampler(new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP }));

    private static int[] Count(SamplingOptions options, int draws)
    {
        Sampler sampler = new(options);
        int[] counts = new int[s_logits.Length];
        for (int i = 0; i < draws; i++) counts[sampler.Next(s_logits)]++;
        return counts;
    }
}
