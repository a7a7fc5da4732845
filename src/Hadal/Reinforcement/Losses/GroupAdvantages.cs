namespace Hadal.Reinforcement.Losses;

/// <summary>
/// Advantages without a value model: a response is judged beside the others to the same prompt. Rewards come in groups of
/// <c>groupSize</c>, one group after the other.
/// </summary>
public static class GroupAdvantages
{
    // TRL's: keeps groups whose rewards differ by rounding alone from becoming a signal.
    private const double Epsilon = 1e-4;

    /// <summary>
    /// GRPO: (r - mean) / std within the group (DeepSeekMath, arXiv 2402.03300, section 4.1.2); std is unbiased and has 1e-4 added, as in
    /// TRL.
    /// </summary>
    /// <exception cref="ArgumentException">The rewards are not whole groups.</exception>
    public static float[] Normalised(ReadOnlySpan<float> rewards, int groupSize)
    {
        float[] advantages = Centred(rewards, groupSize);
        for (int start = 0; start < rewards.Length; start += groupSize)
        {
            double deviation = Deviation(rewards.Slice(start, groupSize));
            for (int i = start; i < start + groupSize; i++) advantages[i] = (float)(advantages[i] / (deviation + Epsilon));
        }

        return advantages;
    }

    /// <summary>Dr. GRPO: r - mean of the group (arXiv 2503.20783, section 3.2): easy and hard prompts are not blown up.</summary>
    /// <exception cref="ArgumentException">The rewards are not whole groups.</exception>
    public static float[] Centred(ReadOnlySpan<float> rewards, int groupSize)
    {
        RequireGroups(rewards, groupSize);
        float[] advantages = new float[rewards.Length];
        for (int start = 0; start < rewards.Length; start += groupSize)
        {
            double mean = Mean(rewards.Slice(start, groupSize));
            for (int i = start; i < start + groupSize; i++) advantages[i] = (float)(rewards[i] - mean);
        }

        return advantages;
    }

    /// <summary>
    /// (r - mean of the group) / std of the whole batch, unbiased and with 1e-4 added: TRL's <c>scale_rewards="batch"</c> (arXiv
    /// 2508.08221).
    /// </summary>
    /// <exception cref="ArgumentException">The rewards are not whole groups.</exception>
    public static float[] ScaledByBatch(ReadOnlySpan<float> rewards, int groupSize)
    {
        float[] advantages = Centred(rewards, groupSize);
        double deviation = Deviation(rewards);
        for (int i = 0; i < advantages.Length; i++) advantages[i] = (float)(advantages[i] / (deviation + Epsilon));
        return advantages;
    }

    /// <summary>RLOO: r - mean of the others of the group (arXiv 2402.14740, equation 8).</summary>
    /// <exception cref="ArgumentException">The rewards are not whole groups of two or more.</exception>
    public static float[] LeaveOneOut(ReadOnlySpan<float> rewards, int groupSize)
    {
        RequireGroups(rewards, groupSize);
        float[] advantages = new float[rewards.Length];
        for (int start = 0; start < rewards.Length; start += groupSize)
        {
            double sum = 0;
            for (int i = start; i < start + groupSize; i++) sum += rewards[i];
            for (int i = start; i < start + groupSize; i++) advantages[i] = (float)(rewards[i] - (sum - rewards[i]) / (groupSize - 1));
        }

        return advantages;
    }

    /// <summary>
    /// REINFORCE++: the reward at the last token less the KL (k1) to the reference that is still to come, normalised over all tokens of
    /// the batch (arXiv 2501.03262, section 3). One advantage a token, for <see cref="PpoLosses.Policy"/>.
    /// </summary>
    /// <param name="rewards">[sequences].</param>
    /// <param name="lengths">[sequences]: tokens of each response.</param>
    /// <param name="oldLogProbabilities">[tokens], under the policy that sampled.</param>
    /// <param name="referenceLogProbabilities">[tokens].</param>
    /// <param name="klWeight">β.</param>
    /// <exception cref="ArgumentException">Lengths don't agree.</exception>
    public static float[] ReinforcePlusPlus(
        ReadOnlySpan<float> rewards, ReadOnlySpan<int> lengths, ReadOnlySpan<float> oldLogProbabilities,
        ReadOnlySpan<float> referenceLogProbabilities, double klWeight)
    {
        int[] starts = PolicyBatch.StartsOf(lengths);
        PolicyBatch.Require(rewards.Length, lengths.Length, nameof(rewards));
        PolicyBatch.Require(oldLogProbabilities.Length, starts[^1], nameof(oldLogProbabilities));
        PolicyBatch.Require(referenceLogProbabilities.Length, starts[^1], nameof(referenceLogProbabilities));
        float[] advantages = new float[starts[^1]];
        for (int i = 0; i < lengths.Length; i++)
        {
            double toCome = rewards[i];
            for (int t = starts[i + 1] - 1; t >= starts[i]; t--)
            {
                toCome -= klWeight * ((double)oldLogProbabilities[t] - referenceLogProbabilities[t]);
                advantages[t] = (float)toCome;
            }
        }

        Whitening.Whiten(advantages);
        return advantages;
    }

    /// <summary>
    /// DAPO's dynamic sampling: the groups whose rewards are not all the same (arXiv 2503.14476, equation 11). The others have no gradient;
    /// sample again in their place.
    /// </summary>
    /// <returns>Numbers of the groups to keep, ascending.</returns>
    /// <exception cref="ArgumentException">The rewards are not whole groups.</exception>
    public static int[] GroupsWithSignal(ReadOnlySpan<float> rewards, int groupSize)
    {
        RequireGroups(rewards, groupSize);
        List<int> groups = [];
        for (int start = 0; start < rewards.Length; start += groupSize)
        {
            if (rewards.Slice(start, groupSize).ContainsAnyExcept(rewards[start])) groups.Add(start / groupSize);
        }

        return [.. groups];
    }

    private static void RequireGroups(ReadOnlySpan<float> rewards, int groupSize)
    {
        if (groupSize < 2 || rewards.Length == 0 || rewards.Length % groupSize != 0)
        {
            throw new ArgumentException($"{rewards.Length} rewards are no whole groups of {groupSize}, expected groups of two or more", nameof(groupSize));
        }
    }

    private static double Mean(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values) sum += value;
        return sum / values.Length;
    }

    private static double Deviation(ReadOnlySpan<float> values)
    {
        double mean = Mean(values), squares = 0;
        foreach (float value in values) squares += (value - mean) * (value - mean);
        return Math.Sqrt(squares / (values.Length - 1));
    }
}
