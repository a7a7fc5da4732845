namespace Hadal.Reinforcement.Losses;

/// <summary>
/// PPO's two losses (Schulman et al. 2017, arXiv 1707.06347), each the mean over all elements given: padding is left out before.
/// </summary>
public static class PpoLosses
{
    /// <summary>The clipped surrogate with an advantage for each token (equation 7); also the loss of REINFORCE++.</summary>
    /// <param name="logProbabilities">[tokens], under the policy being trained.</param>
    /// <param name="oldLogProbabilities">[tokens], under the policy that sampled.</param>
    /// <param name="advantages">[tokens].</param>
    /// <param name="clip">ε.</param>
    /// <exception cref="ArgumentException">Lengths don't agree.</exception>
    public static PolicyLoss Policy(
        ReadOnlySpan<float> logProbabilities, ReadOnlySpan<float> oldLogProbabilities, ReadOnlySpan<float> advantages, double clip = 0.2)
    {
        int tokens = logProbabilities.Length;
        PolicyBatch.Require(oldLogProbabilities.Length, tokens, nameof(oldLogProbabilities));
        PolicyBatch.Require(advantages.Length, tokens, nameof(advantages));
        double value = 0;
        int low = 0, high = 0;
        float[] gradient = new float[tokens];
        for (int t = 0; t < tokens; t++)
        {
            double logRatio = (double)logProbabilities[t] - oldLogProbabilities[t];
            PolicyTerm term = PolicyTerm.Clipped(logRatio, advantages[t], 1 - clip, 1 + clip);
            value += term.Value / tokens;
            gradient[t] = (float)(term.Slope / tokens);
            if (term.Slope == 0 && advantages[t] < 0) low++;
            if (term.Slope == 0 && advantages[t] > 0) high++;
        }

        return new PolicyLoss(value, gradient, (double)low / tokens, (double)high / tokens, 0);
    }

    /// <summary>
    /// ½ max((v - R)², (clip(v, old - c, old + c) - R)²): the value model may not move further than c from its old estimate.
    /// </summary>
    /// <param name="values">[steps], of the value model being trained.</param>
    /// <param name="oldValues">[steps], when the responses were sampled.</param>
    /// <param name="returns">[steps].</param>
    /// <param name="clip">c.</param>
    /// <exception cref="ArgumentException">Lengths don't agree.</exception>
    public static LossAndGradient Value(ReadOnlySpan<float> values, ReadOnlySpan<float> oldValues, ReadOnlySpan<float> returns, double clip = 0.2)
    {
        int steps = values.Length;
        PolicyBatch.Require(oldValues.Length, steps, nameof(oldValues));
        PolicyBatch.Require(returns.Length, steps, nameof(returns));
        double sum = 0;
        float[] gradient = new float[steps];
        for (int t = 0; t < steps; t++)
        {
            double free = (double)values[t] - returns[t];
            double held = Math.Clamp(values[t], oldValues[t] - clip, oldValues[t] + clip) - returns[t];
            bool within = Math.Abs((double)values[t] - oldValues[t]) <= clip;
            sum += 0.5 * Math.Max(free * free, held * held) / steps;
            gradient[t] = within || free * free >= held * held ? (float)(free / steps) : 0;
        }

        return new LossAndGradient(sum, gradient);
    }
}
