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
public sealed record Rollout(Problem Problem, int[] Prompt, int[] Response, string Text, bool Truncated, Reward Reward);
