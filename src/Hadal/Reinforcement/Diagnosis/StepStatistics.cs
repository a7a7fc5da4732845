using System.Text.Json.Serialization;
using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Rewards;

namespace Hadal.Reinforcement.Diagnosis;

/// <summary>What a step of reinforcement shows: the numbers that tell whether, and why not, a policy learns.</summary>
/// <param name="Responses">Responses sampled.</param>
/// <param name="Reward">Mean of the total reward.</param>
/// <param name="Accuracy">Share of right answers.</param>
/// <param name="Format">Share of responses of the form.</param>
/// <param name="GroupsWithSignal">Share of groups whose rewards are not all the same; not a number without groups.</param>
/// <param name="Length">Mean tokens of a response.</param>
/// <param name="Truncated">Share of responses cut off by the limit of tokens.</param>
/// <param name="Entropy">Mean entropy of the policy at its tokens, in nats.</param>
/// <param name="Divergence">Mean estimated KL to the reference per token, in nats.</param>
/// <param name="Clipped">Share of tokens held at a clip.</param>
/// <param name="Best">Index of the response with the highest reward, the first of equals.</param>
/// <param name="Worst">Index of the response with the lowest reward, the first of equals.</param>
[JsonNumberHandling(JsonNumberHandling.AllowNamedFloatingPointLiterals)]
public sealed record StepStatistics(
    int Responses, double Reward, double Accuracy, double Format, double GroupsWithSignal, double Length, double Truncated, double Entropy,
    double Divergence, double Clipped, int Best, int Worst)
{
    /// <summary>Puts a step's statistics together.</summary>
    /// <param name="rewards">[sequences], groups one after the other.</param>
    /// <param name="groupSize">Responses to one prompt; 1 where they are not compared with each other.</param>
    /// <param name="lengths">[sequences]: tokens.</param>
    /// <param name="truncated">[sequences]: whether the limit cut the response off.</param>
    /// <param name="entropies">[tokens], in nats; empty if they were not computed.</param>
    /// <param name="loss">The step's loss.</param>
    /// <exception cref="ArgumentException">Lengths don't agree, or the rewards are not whole groups.</exception>
    public static StepStatistics Of(
        ReadOnlySpan<Reward> rewards, int groupSize, ReadOnlySpan<int> lengths, ReadOnlySpan<bool> truncated, ReadOnlySpan<float> entropies, PolicyLoss loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        PolicyBatch.Require(lengths.Length, rewards.Length, nameof(lengths));
        PolicyBatch.Require(truncated.Length, rewards.Length, nameof(truncated));
        float[] totals = new float[rewards.Length];
        double accuracy = 0, format = 0, total = 0, tokens = 0, cut = 0, entropy = 0;
        int best = 0, worst = 0;
        for (int i = 0; i < rewards.Length; i++)
        {
            totals[i] = (float)rewards[i].Total;
            total += rewards[i].Total;
            accuracy += rewards[i].Accuracy;
            format += rewards[i].Format;
            tokens += lengths[i];
            cut += truncated[i] ? 1 : 0;
            if (rewards[i].Total > rewards[best].Total) best = i;
            if (rewards[i].Total < rewards[worst].Total) worst = i;
        }

        foreach (float nats in entropies) entropy += nats;
        double groups = groupSize == 1 ? double.NaN : (double)GroupAdvantages.GroupsWithSignal(totals, groupSize).Length * groupSize / rewards.Length;
        int n = rewards.Length;
        return new StepStatistics(
            n, total / n, accuracy / n, format / n, groups, tokens / n, cut / n, entropies.IsEmpty ? double.NaN : entropy / entropies.Length,
            loss.Divergence, loss.ClippedLow + loss.ClippedHigh, best, worst);
    }
}
