using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;

namespace Hadal.Reinforcement.Environments;

/// <summary>Problems of a task whose answers a program checks.</summary>
internal sealed class VerifiedEnvironment(VerifiableTask task, RewardFunction rewards, PromptWriter prompts, RolloutSampler sampler, int seed, int heldOut) : IPolicyEnvironment
{
    private readonly RewardFunction _rewards = rewards with { ThinkOpened = prompts.OpensThinking };
    private readonly IReadOnlyList<Problem> _heldOut = heldOut == 0 ? [] : task.HeldOut(heldOut);

    /// <inheritdoc/>
    public int HeldOut => _heldOut.Count;

    /// <inheritdoc/>
    public int[] SomePrompt => prompts.Tokens(task.Generate(ProblemSplit.Training, (ulong)seed, 0).Prompt);

    /// <inheritdoc/>
    public IReadOnlyList<Rollout> Respond(int step, RolloutOptions options, CancellationToken cancellation)
    {
        Problem[] problems = [.. Enumerable.Range(0, options.Problems).Select(i => task.Generate(ProblemSplit.Training, (ulong)seed, step * options.Problems + i))];
        return sampler.Sample(
            task, _rewards, problems, options.GroupSize, options.MaxTokens, options.Temperature, RolloutSampler.StepSeed(seed, step), cancellation: cancellation);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Rollout> Measure(int maxTokens, CancellationToken cancellation) =>
        sampler.Sample(task, _rewards, _heldOut, groupSize: 1, maxTokens, temperature: 0, seed: 0, cancellation: cancellation);

    /// <inheritdoc/>
    public string Transcript(Rollout rollout) => prompts.Text(rollout.Problem.Prompt) + rollout.Text;

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
