using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Tasks;

namespace Hadal.Reinforcement.Rollouts;

/// <summary>A response that a policy sampled to a problem.</summary>
/// <param name="Problem">What was asked.</param>
/// <param name="Prompt">The tokens that the policy was given.</param>
/// <param name="Response">The tokens that it drew, its end of text included; one or more.</param>
/// <param name="Text">The response in words.</param>
/// <param name="Truncated">Whether the limit of tokens cut it off.</param>
/// <param name="Reward">What it earned.</param>
public sealed record Rollout(Problem Problem, int[] Prompt, int[] Response, string Text, bool Truncated, Reward Reward)
{
    /// <summary>A response of the greatest length that a run allows, to see what one takes; null if the prompt leaves no room for any.</summary>
    /// <param name="prompt">The tokens of a prompt.</param>
    /// <param name="maxTokens">Most tokens of a response.</param>
    /// <param name="context">Most tokens of both.</param>
    internal static Rollout? Longest(int[] prompt, int maxTokens, int context)
    {
        int room = Math.Min(maxTokens, context - prompt.Length);
        return room < 1 ? null : new Rollout(new Problem("", ""), prompt, new int[room], "", Truncated: true, default);
    }
}
