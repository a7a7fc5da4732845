namespace Hadal.Reinforcement.Losses;

/// <summary>What one token adds to a loss, and its derivative with respect to the token's log-probability.</summary>
internal readonly record struct PolicyTerm(double Value, double Slope)
{
    /// <summary>
    /// PPO's clipped surrogate: -min(r A, clip(r, low, high) A) with r = exp(<paramref name="logRatio"/>) (arXiv 1707.06347, equation 7).
    /// </summary>
    public static PolicyTerm Clipped(double logRatio, double advantage, double low, double high)
    {
        double ratio = Math.Exp(logRatio), free = ratio * advantage, held = Math.Clamp(ratio, low, high) * advantage;
        return free <= held ? new PolicyTerm(-free, -free) : new PolicyTerm(-held, 0); // d r / d log π = r
    }

    /// <summary>
    /// The clipped surrogate whose free branch ends at <paramref name="largest"/> too, so that a negative advantage can't blow it up (dual
    /// clip, arXiv 1912.09729, equation 5).
    /// </summary>
    public static PolicyTerm DualClipped(double logRatio, double advantage, double low, double high, double largest)
    {
        double ratio = Math.Exp(logRatio), free = Math.Min(ratio, largest) * advantage, held = Math.Clamp(ratio, low, high) * advantage;
        if (free > held) return new PolicyTerm(-held, 0);
        return new PolicyTerm(-free, ratio <= largest ? -free : 0);
    }

    /// <summary>
    /// CISPO: the clipped ratio is a weight on log π and passes no gradient itself, so that every token keeps one (arXiv 2506.13585,
    /// equation 4).
    /// </summary>
    public static PolicyTerm ClippedWeight(double logProbability, double logRatio, double advantage, double largest)
    {
        double weight = Math.Min(Math.Exp(logRatio), largest) * advantage;
        return new PolicyTerm(-weight * logProbability, -weight);
    }

    /// <summary>
    /// The estimator k3 of KL(π || reference): q - log q - 1 with q = reference / π (Schulman 2020; DeepSeekMath, arXiv 2402.03300,
    /// equation 4).
    /// </summary>
    public static PolicyTerm Divergence(double logProbability, double reference)
    {
        double difference = reference - logProbability, q = Math.Exp(difference);
        return new PolicyTerm(q - difference - 1, 1 - q);
    }

    /// <summary>
    /// k3 times the ratio to the policy that sampled: unbiased where the samples are not the policy's own (DeepSeek-V3.2, section 3.1).
    /// </summary>
    public static PolicyTerm UnbiasedDivergence(double logProbability, double reference, double logRatio)
    {
        double ratio = Math.Exp(logRatio);
        PolicyTerm k3 = Divergence(logProbability, reference);
        return new PolicyTerm(ratio * k3.Value, ratio * (k3.Value + k3.Slope));
    }
}
