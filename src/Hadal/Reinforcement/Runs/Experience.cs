using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Rollouts;

namespace Hadal.Reinforcement;

/// <summary>What a step's responses were to the policy that drew them, token by token, responses one after the other.</summary>
internal sealed class Experience
{
    private readonly int[] _starts;

    private Experience(Rollout[] responses, float[] logProbabilities, float[] values)
    {
        _starts = PolicyBatch.StartsOf([.. responses.Select(response => response.Response.Length)]);
        (Responses, LogProbabilities, Values, Advantages, Returns) = (responses, logProbabilities, values, new float[values.Length], new float[values.Length]);
    }

    public Rollout[] Responses { get; }

    /// <summary>[tokens]: log π of the policy that drew them.</summary>
    public float[] LogProbabilities { get; }

    /// <summary>[tokens]: what the value head expected before each.</summary>
    public float[] Values { get; }

    /// <summary>[tokens]: how much better each was than expected, normalised over the step.</summary>
    public float[] Advantages { get; }

    /// <summary>[tokens]: what the value head is to learn.</summary>
    public float[] Returns { get; }

    /// <summary>Mean estimated KL to the reference per token (k3), in nats.</summary>
    public double Divergence { get; private init; }

    /// <summary>Share of the variance of returns that the values had foreseen; 0 if the returns have none.</summary>
    public double ExplainedVariance
    {
        get
        {
            double mean = Returns.Average(r => (double)r), error = Returns.Zip(Values, (r, v) => (double)r - v).Average();
            double all = Returns.Sum(r => (r - mean) * (r - mean)), left = Returns.Zip(Values, (r, v) => ((double)r - v - error) * ((double)r - v - error)).Sum();
            return all > 0 ? 1 - left / all : 0;
        }
    }

    /// <summary>Rewards by token, and from them advantages and returns.</summary>
    /// <param name="responses">The responses with their rewards.</param>
    /// <param name="logProbabilities">[tokens], under the policy that drew them.</param>
    /// <param name="reference">[tokens], under the reference; the same where nothing ties the policy to it.</param>
    /// <param name="values">[tokens], of the value head.</param>
    /// <param name="options">The constants.</param>
    public static Experience Of(Rollout[] responses, float[] logProbabilities, float[] reference, float[] values, ProximalPolicyOptions options)
    {
        double divergence = 0;
        for (int t = 0; t < values.Length; t++) divergence += PolicyTerm.Divergence(logProbabilities[t], reference[t]).Value;
        Experience experience = new(responses, logProbabilities, values) { Divergence = divergence / values.Length };
        float[] rewards = new float[values.Length];
        for (int i = 0; i < responses.Length; i++)
        {
            Range tokens = experience.Tokens(i);
            GeneralisedAdvantage.Rewards(
                logProbabilities.AsSpan(tokens), reference.AsSpan(tokens), (float)responses[i].Reward.Total, options.KlWeight, options.KlEstimator, rewards.AsSpan(tokens));
        }

        if (options.WhitenRewards) Whitening.Whiten(rewards, centre: false);
        for (int i = 0; i < responses.Length; i++)
        {
            Range tokens = experience.Tokens(i);
            GeneralisedAdvantage.Compute(
                rewards.AsSpan(tokens), values.AsSpan(tokens), options.Gamma, options.Lambda, experience.Advantages.AsSpan(tokens), experience.Returns.AsSpan(tokens));
        }

        Whitening.Whiten(experience.Advantages);
        return experience;
    }

    /// <summary>The tokens of a response.</summary>
    public Range Tokens(int response) => _starts[response].._starts[response + 1];

    /// <summary>The values of one of the arrays at the tokens of some responses.</summary>
    public float[] At(float[] values, int[] responses) => [.. responses.SelectMany(i => values[Tokens(i)])];
}
