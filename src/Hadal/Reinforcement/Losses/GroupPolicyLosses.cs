namespace Hadal.Reinforcement.Losses;

/// <summary>
/// GRPO and its variants: each the loop of its paper, on advantages from <see cref="GroupAdvantages"/>. They differ in the term of a
/// token and in the weight of a token; where <c>klWeight</c> is above 0, k3 to the reference is added under the same weights.
/// </summary>
public static class GroupPolicyLosses
{
    /// <summary>
    /// GRPO as published: the mean over responses of the mean over their tokens (DeepSeekMath, arXiv 2402.03300, equation 3).
    /// </summary>
    /// <param name="batch">The responses.</param>
    /// <param name="clip">ε: the ratio counts between 1 - ε and 1 + ε. R1 had 10, DeepSeekMath leaves it open, 0.2 is usual.</param>
    /// <param name="klWeight">β: 0.04 in DeepSeekMath, 0.001 in R1-Zero.</param>
    /// <exception cref="ArgumentException">There is a KL weight and no reference.</exception>
    public static PolicyLoss Grpo(PolicyBatch batch, double clip = 0.2, double klWeight = 0)
    {
        PolicyLossSum.RequireReference(batch, klWeight);
        PolicyLossSum sum = new(batch);
        for (int i = 0; i < batch.Count; i++)
        {
            double advantage = batch.Advantages.Span[i], weight = 1.0 / ((double)batch.Count * batch.Length(i));
            for (int t = batch.Start(i); t < batch.Start(i + 1); t++)
            {
                sum.Add(t, weight, PolicyTerm.Clipped(sum.LogRatio(t), advantage, 1 - clip, 1 + clip));
                sum.AddDivergence(t, weight, klWeight);
                sum.Watch(sum.LogRatio(t), advantage, 1 - clip, 1 + clip);
            }
        }

        return sum.ToLoss();
    }

    /// <summary>
    /// Dr. GRPO: every token weighs the same whatever the length of its response, by a constant (arXiv 2503.20783, section 3.2). Its
    /// advantages are <see cref="GroupAdvantages.Centred"/>.
    /// </summary>
    /// <param name="batch">The responses.</param>
    /// <param name="longest">The most tokens that a response may have: the constant.</param>
    /// <param name="clip">ε.</param>
    /// <param name="klWeight">β.</param>
    /// <exception cref="ArgumentException">There is a KL weight and no reference.</exception>
    public static PolicyLoss DrGrpo(PolicyBatch batch, int longest, double clip = 0.2, double klWeight = 0)
    {
        PolicyLossSum.RequireReference(batch, klWeight);
        ArgumentOutOfRangeException.ThrowIfLessThan(longest, 1);
        PolicyLossSum sum = new(batch);
        double weight = 1.0 / ((double)batch.Count * longest);
        for (int i = 0; i < batch.Count; i++)
        {
            double advantage = batch.Advantages.Span[i];
            for (int t = batch.Start(i); t < batch.Start(i + 1); t++)
            {
                sum.Add(t, weight, PolicyTerm.Clipped(sum.LogRatio(t), advantage, 1 - clip, 1 + clip));
                sum.AddDivergence(t, weight, klWeight);
                sum.Watch(sum.LogRatio(t), advantage, 1 - clip, 1 + clip);
            }
        }

        return sum.ToLoss();
    }

    /// <summary>
    /// DAPO: the mean over all tokens, with more room above than below (arXiv 2503.14476, equations 8 and 10). See <see
    /// cref="GroupAdvantages.GroupsWithSignal"/> for its sampling.
    /// </summary>
    /// <param name="batch">The responses.</param>
    /// <param name="clipLow">0.2 in the paper.</param>
    /// <param name="clipHigh">0.28 in the paper.</param>
    /// <param name="klWeight">0 in the paper.</param>
    /// <param name="totalTokens">Tokens of the whole step, where this batch is a part of it; 0: the batch is all.</param>
    /// <exception cref="ArgumentException">There is a KL weight and no reference.</exception>
    public static PolicyLoss Dapo(PolicyBatch batch, double clipLow = 0.2, double clipHigh = 0.28, double klWeight = 0, long totalTokens = 0)
    {
        PolicyLossSum.RequireReference(batch, klWeight);
        ArgumentOutOfRangeException.ThrowIfNegative(totalTokens);
        PolicyLossSum sum = new(batch);
        double weight = 1.0 / (totalTokens == 0 ? batch.Tokens : totalTokens);
        for (int i = 0; i < batch.Count; i++)
        {
            double advantage = batch.Advantages.Span[i];
            for (int t = batch.Start(i); t < batch.Start(i + 1); t++)
            {
                sum.Add(t, weight, PolicyTerm.Clipped(sum.LogRatio(t), advantage, 1 - clipLow, 1 + clipHigh));
                sum.AddDivergence(t, weight, klWeight);
                sum.Watch(sum.LogRatio(t), advantage, 1 - clipLow, 1 + clipHigh);
            }
        }

        return sum.ToLoss();
    }

    /// <summary>GSPO: one ratio for a response, the geometric mean of its tokens' (arXiv 2507.18071, equations 5 and 7).</summary>
    /// <param name="batch">The responses.</param>
    /// <param name="clipLow">3e-4 in the paper: ratios of sequences lie close to 1.</param>
    /// <param name="clipHigh">4e-4 in the paper.</param>
    /// <param name="klWeight">0 in the paper.</param>
    /// <exception cref="ArgumentException">There is a KL weight and no reference.</exception>
    public static PolicyLoss Gspo(PolicyBatch batch, double clipLow = 3e-4, double clipHigh = 4e-4, double klWeight = 0)
    {
        PolicyLossSum.RequireReference(batch, klWeight);
        PolicyLossSum sum = new(batch);
        for (int i = 0; i < batch.Count; i++)
        {
            double advantage = batch.Advantages.Span[i], weight = 1.0 / ((double)batch.Count * batch.Length(i)), logRatio = sum.MeanLogRatio(i);

            // The term of the response is shared out evenly: each token is an n-th of the mean in the exponent.
            PolicyTerm term = PolicyTerm.Clipped(logRatio, advantage, 1 - clipLow, 1 + clipHigh);
            for (int t = batch.Start(i); t < batch.Start(i + 1); t++)
            {
                sum.Add(t, weight, term);
                sum.AddDivergence(t, weight, klWeight);
                sum.Watch(logRatio, advantage, 1 - clipLow, 1 + clipHigh);
            }
        }

        return sum.ToLoss();
    }

    /// <summary>
    /// CISPO: the mean over all tokens of log π under a clipped weight that passes no gradient (MiniMax-M1, arXiv 2506.13585, equations 4
    /// and 5).
    /// </summary>
    /// <param name="batch">The responses.</param>
    /// <param name="largest">The largest weight: 1 + ε_high.</param>
    /// <param name="klWeight">0 in the paper.</param>
    /// <param name="totalTokens">Tokens of the whole step, where this batch is a part of it; 0: the batch is all.</param>
    /// <exception cref="ArgumentException">There is a KL weight and no reference.</exception>
    public static PolicyLoss Cispo(PolicyBatch batch, double largest, double klWeight = 0, long totalTokens = 0)
    {
        PolicyLossSum.RequireReference(batch, klWeight);
        ArgumentOutOfRangeException.ThrowIfNegative(totalTokens);
        PolicyLossSum sum = new(batch);
        double weight = 1.0 / (totalTokens == 0 ? batch.Tokens : totalTokens);
        for (int i = 0; i < batch.Count; i++)
        {
            double advantage = batch.Advantages.Span[i];
            for (int t = batch.Start(i); t < batch.Start(i + 1); t++)
            {
                sum.Add(t, weight, PolicyTerm.ClippedWeight(sum.LogProbability(t), sum.LogRatio(t), advantage, largest));
                sum.AddDivergence(t, weight, klWeight);
                sum.Watch(sum.LogRatio(t), advantage, 0, largest);
            }
        }

        return sum.ToLoss();
    }

    /// <summary>
    /// GRPO with a second clip, for responses of negative advantage that the policy has come to like far more (arXiv 1912.09729, equation
    /// 5).
    /// </summary>
    /// <param name="batch">The responses.</param>
    /// <param name="largest">The ratio at which the free branch ends, above 1 + ε: 3 in the paper.</param>
    /// <param name="clip">ε.</param>
    /// <param name="klWeight">β.</param>
    /// <exception cref="ArgumentException">There is a KL weight and no reference.</exception>
    public static PolicyLoss DualClipped(PolicyBatch batch, double largest = 3, double clip = 0.2, double klWeight = 0)
    {
        PolicyLossSum.RequireReference(batch, klWeight);
        PolicyLossSum sum = new(batch);
        for (int i = 0; i < batch.Count; i++)
        {
            double advantage = batch.Advantages.Span[i], weight = 1.0 / ((double)batch.Count * batch.Length(i));
            for (int t = batch.Start(i); t < batch.Start(i + 1); t++)
            {
                sum.Add(t, weight, PolicyTerm.DualClipped(sum.LogRatio(t), advantage, 1 - clip, 1 + clip, largest));
                sum.AddDivergence(t, weight, klWeight);
                sum.Watch(sum.LogRatio(t), advantage, 1 - clip, 1 + clip);
            }
        }

        return sum.ToLoss();
    }

    /// <summary>
    /// GRPO with DeepSeek-V3.2's unbiased KL (section 3.1). Its mask of responses that have drifted is <see cref="OffPolicyMask"/>.
    /// </summary>
    /// <param name="batch">The responses, with a reference.</param>
    /// <param name="clip">ε.</param>
    /// <param name="klWeight">β.</param>
    /// <exception cref="ArgumentException">There is a KL weight and no reference.</exception>
    public static PolicyLoss GrpoUnbiasedDivergence(PolicyBatch batch, double clip = 0.2, double klWeight = 0.001)
    {
        PolicyLossSum.RequireReference(batch, klWeight);
        PolicyLossSum sum = new(batch);
        for (int i = 0; i < batch.Count; i++)
        {
            double advantage = batch.Advantages.Span[i], weight = 1.0 / ((double)batch.Count * batch.Length(i));
            for (int t = batch.Start(i); t < batch.Start(i + 1); t++)
            {
                sum.Add(t, weight, PolicyTerm.Clipped(sum.LogRatio(t), advantage, 1 - clip, 1 + clip));
                sum.AddUnbiasedDivergence(t, weight, klWeight);
                sum.Watch(sum.LogRatio(t), advantage, 1 - clip, 1 + clip);
            }
        }

        return sum.ToLoss();
    }

    /// <summary>
    /// REINFORCE: the mean over responses of -A log π(response), for RLOO (arXiv 2402.14740, equation 8) with <see
    /// cref="GroupAdvantages.LeaveOneOut"/>. Ratios don't enter: samples must be the policy's own.
    /// </summary>
    public static PolicyLoss Reinforce(PolicyBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        PolicyLossSum sum = new(batch);
        for (int i = 0; i < batch.Count; i++)
        {
            double advantage = batch.Advantages.Span[i];
            for (int t = batch.Start(i); t < batch.Start(i + 1); t++)
            {
                sum.Add(t, 1.0 / batch.Count, new PolicyTerm(-advantage * sum.LogProbability(t), -advantage));
            }
        }

        return sum.ToLoss();
    }

    /// <summary>
    /// DeepSeek-V3.2's mask (section 3.1): responses of negative advantage that the policy has moved away from, by more than
    /// <paramref name="threshold"/> nats a token, get advantage 0, so that only the KL term is left of them.
    /// </summary>
    /// <returns>The batch with the advantages that remain.</returns>
    public static PolicyBatch OffPolicyMask(PolicyBatch batch, double threshold)
    {
        ArgumentNullException.ThrowIfNull(batch);
        PolicyLossSum sum = new(batch);
        float[] advantages = batch.Advantages.ToArray();
        for (int i = 0; i < batch.Count; i++)
        {
            if (advantages[i] < 0 && -sum.MeanLogRatio(i) > threshold) advantages[i] = 0;
        }

        return batch.WithAdvantages(advantages);
    }
}
