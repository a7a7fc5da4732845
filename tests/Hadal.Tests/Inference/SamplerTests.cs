using Hadal.Inference;

namespace Hadal.Tests.Inference;

public sealed class SamplerTests
{
    private const int Draws = 40_000;
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
    public void Frequencies_are_the_softmax_of_logits_over_temperature(float temperature) =>
        AssertFrequencies(new SamplingOptions { Temperature = temperature, Seed = 7 }, s_logits, s_logits.Select(l => Math.Exp(l / (double)temperature)));

    [Fact]
    public void Frequencies_over_seeds_are_those_over_places()
    {
        int[] counts = new int[s_logits.Length];
        for (int seed = 0; seed < Draws; seed++) counts[new Sampler(new SamplingOptions { Seed = seed }).Next(s_logits)]++;
        AssertChiSquare(counts, s_logits.Select(l => Math.Exp(l)));
    }

    [Fact]
    public void Draws_at_neighbouring_places_and_of_neighbouring_seeds_are_independent()
    {
        // Of two independent draws from a uniform distribution over 6 all 36 pairs are equally frequent.
        float[] even = new float[6];
        int[] places = new int[36], seeds = new int[36];
        int[] draws = Draw(new SamplingOptions { Seed = 1 }, even, Draws), others = Draw(new SamplingOptions { Seed = 2 }, even, Draws);
        for (int i = 0; i + 1 < Draws; i++)
        {
            places[6 * draws[i] + draws[i + 1]]++;
            seeds[6 * draws[i] + others[i]]++;
        }

        AssertChiSquare(places, Enumerable.Repeat(1.0, 36));
        AssertChiSquare(seeds, Enumerable.Repeat(1.0, 36));
    }

    [Fact]
    public void A_large_vocabulary_is_drawn_from_evenly()
    {
        // 129,280 equal tokens in 128 bins.
        int[] counts = new int[128];
        foreach (int token in Draw(new SamplingOptions { Seed = 5 }, new float[129_280], 3_000)) counts[token / 1010]++;
        AssertChiSquare(counts, Enumerable.Repeat(1.0, 128));
    }

    [Fact]
    public void Top_k_draws_from_the_best_k_only() =>
        AssertFrequencies(new SamplingOptions { TopK = 2, Seed = 1 }, s_logits, [0, Math.Exp(3), 0, 0, Math.Exp(2.5)]);

    [Theory]
    [InlineData(0.3f, new[] { 1 })]          // the best alone has 0.46
    [InlineData(0.5f, new[] { 1, 4 })]       // 0.46 + 0.28
    [InlineData(0.9f, new[] { 1, 4, 2 })]    // 0.46 + 0.28 + 0.17
    [InlineData(1.0f, new[] { 1, 4, 2, 0 })] // all that have any
    public void Top_p_ends_with_the_token_that_reaches_it(float topP, int[] allowed) => AssertFrequencies(
        new SamplingOptions { TopP = topP, Seed = 1 }, s_logits, s_logits.Select((l, i) => allowed.Contains(i) ? Math.Exp(l) : 0));

    [Theory]
    [InlineData(0.2f, new[] { 1, 4, 2 })] // e^-1 = 0.37 stays, e^-2 = 0.14 goes
    [InlineData(0.5f, new[] { 1, 4 })]    // e^-0.5 = 0.61 stays
    [InlineData(1f, new[] { 1 })]
    public void Min_p_keeps_what_is_probable_enough_beside_the_best(float minP, int[] allowed) => AssertFrequencies(
        new SamplingOptions { MinP = minP, Seed = 1 }, s_logits, s_logits.Select((l, i) => allowed.Contains(i) ? Math.Exp(l) : 0));

    [Fact]
    public void The_nucleus_is_the_one_that_sorting_finds()
    {
        Random random = new(3);
        for (int trial = 0; trial < 200; trial++)
        {
            // Few values, so that there are ties, and widths from one bucket of the histogram to many.
            float[] weights = [.. Enumerable.Range(0, 1 + random.Next(300)).Select(_ => MathF.Exp(-random.Next(20) * trial / 40f))];
            double wanted = random.NextDouble() * weights.Sum(w => (double)w);
            int[] sorted = [.. Enumerable.Range(0, weights.Length).OrderByDescending(i => weights[i]).ThenBy(i => i)];
            double reached = 0;
            int kept = 0;
            while (kept == 0 || (kept < sorted.Length && reached < wanted * (1 - 1e-12))) reached += weights[sorted[kept++]];

            NucleusBound bound = new NucleusSelection().Find(weights, wanted * (1 - 1e-12));
            Assert.Equal(sorted[..kept].Order(), Enumerable.Range(0, weights.Length).Where(i => bound.Keeps(weights[i], i)));
        }
    }

    [Fact]
    public void Filters_apply_one_after_another()
    {
        // Of the best three (1, 4, 2) with 0.51, 0.31, 0.19 a nucleus of 0.8 keeps two, where of all four it would keep three.
        AssertFrequencies(new SamplingOptions { TopK = 3, TopP = 0.8f, Seed = 1 }, s_logits, [0, Math.Exp(3), 0, 0, Math.Exp(2.5)]);
        AssertFrequencies(new SamplingOptions { TopK = 3, TopP = 0.99f, MinP = 0.7f, Seed = 1 }, s_logits, [0, 1, 0, 0, 0]);
    }

    [Fact]
    public void Ties_at_the_end_of_top_k_and_of_the_nucleus_go_to_the_lower_ids()
    {
        float[] even = [1, 1, 1, 1];
        AssertFrequencies(new SamplingOptions { TopK = 2 }, even, [1, 1, 0, 0]);
        AssertFrequencies(new SamplingOptions { TopP = 0.6f }, even, [1, 1, 1, 0]);
    }

    [Fact]
    public void A_bias_moves_a_logit()
    {
        SamplingOptions options = new() { LogitBias = new Dictionary<int, float> { [0] = 1.5f, [1] = -100, [77] = 3 }, Seed = 4 };
        AssertFrequencies(options, s_logits, [Math.Exp(2.5), 0, Math.Exp(2), 0, Math.Exp(2.5)]);
    }

    [Fact]
    public void Penalties_count_what_the_sequence_has()
    {
        // Token 1 in the prompt, token 2 drawn twice; repetition counts both, presence and frequency only what was drawn.
        SamplingOptions options = new() { Temperature = 0, RepetitionPenalty = 2, PresencePenalty = 0.5f, FrequencyPenalty = 0.25f };
        Sampler sampler = new(options);
        sampler.ObservePrompt([1]);
        sampler.Observe(2);
        sampler.Observe(2);
        Assert.Equal(0, sampler.Next([2.01f, 4f, 5f]));  // 2.01, 4 / 2 = 2, 5 / 2 - 0.5 - 2 * 0.25 = 1.5
        Assert.Equal(1, sampler.Next([1.99f, 4f, 5f]));
        Assert.Equal(2, sampler.Next([1.49f, 2f, 5f]));
        Assert.Equal(0, sampler.Next([-1.9f, -1f, -9f])); // -1.9, -2, -18 - 1
    }

    [Fact]
    public void A_rewound_sampler_draws_and_penalises_as_it_did_before()
    {
        SamplingOptions options = new() { Seed = 9, PresencePenalty = 0.7f, FrequencyPenalty = 0.4f, RepetitionPenalty = 1.3f, TopP = 0.95f };
        Random random = new(1);
        float[][] logits = [.. Enumerable.Range(0, 60).Select(_ => Enumerable.Range(0, 12).Select(_ => 3 * random.NextSingle()).ToArray())];
        Sampler straight = new(options), wavering = new(options);
        straight.ObservePrompt([3, 4]);
        wavering.ObservePrompt([3, 4]);
        foreach (float[] row in logits)
        {
            // The other one first goes astray for up to five tokens.
            int observed = wavering.Observed, astray = random.Next(6);
            for (int i = 0; i < astray; i++) wavering.Observe(random.Next(12));
            wavering.Rewind(observed);
            int expected = straight.Next(row);
            Assert.Equal(expected, wavering.Next(row));
            Assert.Equal(expected, wavering.Next(row)); // asking does not change anything
            straight.Observe(expected);
            wavering.Observe(expected);
        }

        Assert.Equal(62, straight.Position);
        Assert.Throws<ArgumentOutOfRangeException>(() => straight.Rewind(61));
    }

    [Fact]
    public void A_sequence_split_otherwise_into_prompt_and_continuation_draws_the_same()
    {
        Sampler whole = new(new SamplingOptions { Seed = 5 }), split = new(new SamplingOptions { Seed = 5 });
        whole.ObservePrompt([1, 2, 4]);
        split.ObservePrompt([1]);
        split.Observe(2);
        split.Observe(4);
        float[] even = new float[1000];
        Assert.Equal(whole.Next(even), split.Next(even));
    }

    [Fact]
    public void Similar_distributions_mostly_draw_the_same_token_in_the_same_place()
    {
        // The chance that two races with the same noise differ is at most 2 d / (1 + d) for a total variation distance d.
        Random random = new(2);
        int same = 0;
        const int Trials = 4_000;
        double distance = 0;
        for (int i = 0; i < Trials; i++)
        {
            float[] a = [.. Enumerable.Range(0, 50).Select(_ => 2 * random.NextSingle())], b = [.. a.Select(x => x + 0.5f * random.NextSingle())];
            if (new Sampler(new SamplingOptions { Seed = i }).Next(a) == new Sampler(new SamplingOptions { Seed = i }).Next(b)) same++;
            double totalA = a.Sum(x => Math.Exp(x)), totalB = b.Sum(x => Math.Exp(x));
            distance += a.Zip(b, (x, y) => Math.Abs(Math.Exp(x) / totalA - Math.Exp(y) / totalB)).Sum() / 2 / Trials;
        }

        Assert.InRange(1 - same / (double)Trials, distance / 2, 2 * distance / (1 + distance));
    }

    [Fact]
    public void The_same_seed_draws_the_same_tokens_and_another_seed_others()
    {
        Assert.Equal(Draw(new SamplingOptions { Seed = 3 }, s_logits, 50), Draw(new SamplingOptions { Seed = 3 }, s_logits, 50));
        Assert.NotEqual(Draw(new SamplingOptions { Seed = 3 }, s_logits, 50), Draw(new SamplingOptions { Seed = 4 }, s_logits, 50));
        Assert.NotEqual(Draw(new SamplingOptions { Seed = 3 }, s_logits, 50), Draw(new SamplingOptions { Seed = 3 + (1L << 32) }, s_logits, 50));
    }

    [Fact]
    public void The_exponential_of_small_numbers_keeps_their_digits()
    {
        foreach (double v in new[] { 0, 1e-16, 1e-9, 9.99e-6, 1.001e-5, 0.3, 0.999999 })
        {
            // -log(1 - v) = sum of v^k / k.
            double series = 0, power = 1;
            for (int k = 1; k < 200_000 && power > 0; k++) series += (power *= v) / k;
            if (v < 0.9) Assert.Equal(series, TokenNoise.Exponential(v), series * 1e-11);
            Assert.True(TokenNoise.Exponential(v) >= v);
        }
    }

    [Fact]
    public void Scores_that_are_no_numbers_are_refused()
    {
        Sampler sampler = new(new SamplingOptions());
        Assert.Throws<InvalidOperationException>(() => sampler.Next([1, float.NaN]));
        Assert.Throws<InvalidOperationException>(() => sampler.Next([1, float.PositiveInfinity]));
        Assert.Throws<InvalidOperationException>(() => sampler.Next([float.NegativeInfinity, float.NegativeInfinity]));
    }

    [Fact]
    public void Drawing_allocates_nothing_once_it_runs()
    {
        SamplingOptions options = new() { TopK = 40, TopP = 0.9f, MinP = 0.01f, FrequencyPenalty = 0.1f, Seed = 1 };
        Sampler sampler = new(options);
        float[] logits = [.. Enumerable.Range(0, 2_000).Select(i => MathF.Sin(i))];
        void Step()
        {
            for (int i = 0; i < 50; i++) sampler.Observe(sampler.Next(logits));
            sampler.Rewind(0);
        }

        Step();
        Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    public static TheoryData<SamplingOptions> Nonsense =>
    [
        new() { Temperature = -1 }, new() { Temperature = float.NaN }, new() { TopK = -1 }, new() { TopP = 0 }, new() { TopP = 1.5f }, new() { MinP = -0.1f },
        new() { MinP = 1.1f }, new() { RepetitionPenalty = 0 }, new() { PresencePenalty = float.NaN }, new() { FrequencyPenalty = float.PositiveInfinity },
        new() { LogitBias = new Dictionary<int, float> { [-1] = 0 } }, new() { LogitBias = new Dictionary<int, float> { [1] = float.NaN } },
    ];

    [Theory]
    [MemberData(nameof(Nonsense))]
    public void Options_that_make_no_sense_are_refused(SamplingOptions options) => Assert.Throws<ArgumentOutOfRangeException>(() => new Sampler(options));

    private static int[] Draw(SamplingOptions options, float[] logits, int count)
    {
        int[] drawn = new int[count];
        Sampler sampler = new(options);
        foreach (ref int token in drawn.AsSpan()) sampler.Observe(token = sampler.Next(logits));
        return drawn;
    }

    private static void AssertFrequencies(SamplingOptions options, float[] logits, IEnumerable<double> expected)
    {
        int[] counts = new int[logits.Length];
        foreach (int token in Draw(options, logits, Draws)) counts[token]++;
        AssertChiSquare(counts, expected);
    }

    // Pearson's statistic has mean f and variance 2 f for f degrees of freedom; five deviations, and what can't come must not come.
    private static void AssertChiSquare(int[] counts, IEnumerable<double> expected)
    {
        double[] weights = [.. expected];
        double total = weights.Sum(), draws = counts.Sum(), statistic = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            double mean = draws * weights[i] / total;
            if (mean == 0) Assert.Equal(0, counts[i]);
            else statistic += (counts[i] - mean) * (counts[i] - mean) / mean;
        }

        int freedom = weights.Count(w => w > 0) - 1;
        Assert.InRange(statistic, 0, freedom + 5 * Math.Sqrt(2 * freedom) + 5);
    }
}
