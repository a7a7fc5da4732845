namespace Hadal.Reinforcement.Losses;

/// <summary>How KL to the reference is estimated from one sample of a token.</summary>
public enum DivergenceEstimator
{
    /// <summary>log π - log reference: unbiased, of either sign.</summary>
    K1,

    /// <summary>q - log q - 1 with q = reference / π: never negative.</summary>
    K3,
}

/// <summary>PPO's rewards and advantages of one response, step by step.</summary>
public static class GeneralisedAdvantage
{
    /// <summary>
    /// A step's reward: minus the KL to the reference for each token, plus the score of the whole response at the last step (RLHF,
    /// arXiv 2203.02155, section 3.4).
    /// </summary>
    /// <param name="oldLogProbabilities">[tokens], under the policy that sampled.</param>
    /// <param name="referenceLogProbabilities">[tokens].</param>
    /// <param name="score">What the response earned.</param>
    /// <param name="klWeight">β.</param>
    /// <param name="estimator">How KL is estimated.</param>
    /// <param name="rewards">
    /// [steps]: as many as tokens, or one more where the state after the last token has a value too, as in TRL.
    /// </param>
    /// <exception cref="ArgumentException">Lengths don't agree.</exception>
    public static void Rewards(
        ReadOnlySpan<float> oldLogProbabilities, ReadOnlySpan<float> referenceLogProbabilities, float score, double klWeight,
        DivergenceEstimator estimator, Span<float> rewards)
    {
        int tokens = oldLogProbabilities.Length;
        PolicyBatch.Require(referenceLogProbabilities.Length, tokens, nameof(referenceLogProbabilities));
        if (tokens == 0 || (rewards.Length != tokens && rewards.Length != tokens + 1))
        {
            throw new ArgumentException($"{rewards.Length} steps for {tokens} tokens, expected as many or one more", nameof(rewards));
        }

        rewards.Clear();
        for (int t = 0; t < tokens; t++)
        {
            double difference = (double)referenceLogProbabilities[t] - oldLogProbabilities[t];
            double divergence = estimator == DivergenceEstimator.K1 ? -difference : Math.Exp(difference) - 1 - difference;
            rewards[t] = (float)(-klWeight * divergence);
        }

        rewards[^1] += score;
    }

    /// <summary>
    /// GAE (Schulman et al. 2016, arXiv 1506.02438, equation 16): δ = r + γ V' - V and A = δ + γ λ A', from the last step back; after
    /// the last step there is no value.
    /// </summary>
    /// <param name="rewards">[steps].</param>
    /// <param name="values">[steps]: the value model's estimates when the response was sampled.</param>
    /// <param name="gamma">γ: 1 for responses of language models.</param>
    /// <param name="lambda">λ: 0.95.</param>
    /// <param name="advantages">[steps], receives A.</param>
    /// <param name="returns">[steps], receives A + V, what the value model learns.</param>
    /// <exception cref="ArgumentException">Lengths don't agree.</exception>
    public static void Compute(
        ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, double gamma, double lambda, Span<float> advantages, Span<float> returns)
    {
        PolicyBatch.Require(values.Length, rewards.Length, nameof(values));
        PolicyBatch.Require(advantages.Length, rewards.Length, nameof(advantages));
        PolicyBatch.Require(returns.Length, rewards.Length, nameof(returns));
        double next = 0, nextValue = 0;
        for (int t = rewards.Length - 1; t >= 0; t--)
        {
            double delta = rewards[t] + gamma * nextValue - values[t];
            next = delta + gamma * lambda * next;
            nextValue = values[t];
            advantages[t] = (float)next;
            returns[t] = (float)(next + nextValue);
        }
    }
}
