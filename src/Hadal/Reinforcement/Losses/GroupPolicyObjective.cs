namespace Hadal.Reinforcement.Losses;

/// <summary>An algorithm of GRPO's family with its settings: which advantages, and which loss of a part of an update's responses.</summary>
/// <param name="Options">The algorithm and its constants.</param>
/// <param name="GroupSize">Responses to one prompt.</param>
/// <param name="LongestResponse">The most tokens that a response may have.</param>
internal sealed record GroupPolicyObjective(PolicyOptions Options, int GroupSize, int LongestResponse)
{
    /// <summary>The advantage of each response among its group.</summary>
    /// <param name="rewards">[sequences], groups one after the other.</param>
    public float[] Advantages(ReadOnlySpan<float> rewards) => Options.Algorithm switch
    {
        PolicyAlgorithm.DrGrpo => GroupAdvantages.Centred(rewards, GroupSize),
        PolicyAlgorithm.Rloo => GroupAdvantages.LeaveOneOut(rewards, GroupSize),
        PolicyAlgorithm.ReinforcePlusPlus => rewards.ToArray(),
        _ => GroupAdvantages.Normalised(rewards, GroupSize),
    };

    /// <summary>A micro-batch's part of the loss over all responses of the update: the parts add up to it.</summary>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="responses">Responses of the update.</param>
    /// <param name="tokens">Their tokens.</param>
    public PolicyLoss Part(PolicyBatch batch, int responses, long tokens)
    {
        double kl = Options.KlWeight, share = (double)batch.Count / responses;
        return Options.Algorithm switch
        {
            PolicyAlgorithm.Grpo => GroupPolicyLosses.Grpo(batch, Options.ClipLow ?? 0.2, kl).Times(share),
            PolicyAlgorithm.DrGrpo => GroupPolicyLosses.DrGrpo(batch, LongestResponse, Options.ClipLow ?? 0.2, kl).Times(share),
            PolicyAlgorithm.Dapo => GroupPolicyLosses.Dapo(batch, Options.ClipLow ?? 0.2, Options.ClipHigh ?? 0.28, kl, tokens),
            PolicyAlgorithm.Gspo => GroupPolicyLosses.Gspo(batch, Options.ClipLow ?? 3e-4, Options.ClipHigh ?? 4e-4, kl).Times(share),
            PolicyAlgorithm.Cispo => GroupPolicyLosses.Cispo(batch, 1 + (Options.ClipHigh ?? 1), kl, tokens),
            PolicyAlgorithm.Rloo => GroupPolicyLosses.Reinforce(batch).Times(share),
            _ => throw new InvalidOperationException($"{Options.Algorithm} has an advantage for each token and a loss of its own"),
        };
    }
}
