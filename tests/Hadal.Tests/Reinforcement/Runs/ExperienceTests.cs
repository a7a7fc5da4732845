using Hadal.Reinforcement;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;

namespace Hadal.Tests.Reinforcement.Runs;

/// <summary>Advantages and returns of a step, beside the sums that define them.</summary>
public sealed class ExperienceTests
{
    [Theory]
    [InlineData(0.05, 1, 0.95)]
    [InlineData(0, 0.9, 0.5)]
    [InlineData(0.3, 1, 1)]
    [InlineData(0.3, 0.99, 0)]
    public void Advantages_are_the_discounted_sums_of_surprises(double kl, double gamma, double lambda)
    {
        Random random = new(11);
        int[] lengths = [1, 5, 3];
        Rollout[] responses = [.. lengths.Select((n, i) => Response(n, i * 0.7 - 0.4))];
        float[] Draw(double scale) => [.. Enumerable.Range(0, 9).Select(_ => (float)(scale * (random.NextDouble() - 0.5)))];
        float[] old = Draw(4), reference = Draw(4), values = Draw(1);
        Experience experience = Experience.Of(responses, old, reference, values, new ProximalPolicyOptions { KlWeight = kl, Gamma = gamma, Lambda = lambda });

        // A(t) = Σ (γλ)^k δ(t + k), δ = r + γ V' - V, r = -β (log π - log ref), and the score at the last token.
        List<double> advantages = [], returns = [];
        int start = 0;
        for (int i = 0; i < lengths.Length; start += lengths[i++])
        {
            double[] surprises =
            [
                .. Enumerable.Range(0, lengths[i]).Select(t =>
                {
                    bool isLast = t == lengths[i] - 1;
                    double reward = -kl * ((double)old[start + t] - reference[start + t]) + (isLast ? (float)responses[i].Reward.Total : 0);
                    return reward + (isLast ? 0 : gamma * values[start + t + 1]) - values[start + t];
                }),
            ];
            for (int t = 0; t < lengths[i]; t++)
            {
                double advantage = surprises.Skip(t).Select((surprise, k) => Math.Pow(gamma * lambda, k) * surprise).Sum();
                advantages.Add(advantage);
                returns.Add(advantage + values[start + t]);
            }
        }

        double mean = advantages.Average(), deviation = Math.Sqrt(advantages.Sum(a => (a - mean) * (a - mean)) / 8);
        for (int t = 0; t < 9; t++)
        {
            Assert.Equal(returns[t], experience.Returns[t], 1e-5);
            Assert.Equal((advantages[t] - mean) / deviation, experience.Advantages[t], 1e-4);
        }

        Assert.Equal([1..6, 0..1], new[] { experience.Tokens(1), experience.Tokens(0) });
        Assert.Equal([values[6], values[7], values[8], values[0]], experience.At(values, [2, 0]));
    }

    [Fact]
    public void Values_that_know_the_returns_explain_them_and_zeros_explain_nothing()
    {
        Rollout[] responses = [Response(1, 1), Response(1, -2), Response(1, 4)];
        float[] same = [-1, -1, -1];
        ProximalPolicyOptions options = new() { Lambda = 1 };
        Assert.Equal(1, Experience.Of(responses, same, same, [1, -2, 4], options).ExplainedVariance, 1e-6);
        Assert.Equal(0, Experience.Of(responses, same, same, [0, 0, 0], options).ExplainedVariance);
        Assert.Equal(0, Experience.Of(responses, same, same, [0, 0, 0], options).Divergence);
    }

    private static Rollout Response(int tokens, double total) =>
        new(new Problem("q", "a"), [1], [.. Enumerable.Range(0, tokens)], "", false, new Reward(0, 0, 0, 0, total));
}
