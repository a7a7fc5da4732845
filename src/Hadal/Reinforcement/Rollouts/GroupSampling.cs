using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Tasks;

namespace Hadal.Reinforcement.Rollouts;

/// <summary>What a step of a group policy sampled.</summary>
/// <param name="All">All responses, groups one after the other: what the step tells of.</param>
/// <param name="Trained">Those that are trained on, whole groups.</param>
/// <param name="Rounds">Rounds of sampling.</param>
internal sealed record GroupRollouts(IReadOnlyList<Rollout> All, IReadOnlyList<Rollout> Trained, int Rounds);

/// <summary>
/// Asks the problems of a step. Where groups without signal are dropped it can ask others in their place, in rounds, until there are enough
/// (dynamic sampling, DAPO, arXiv 2503.14476, section 3.2) or the rounds are over. Which problems a round asks depends on the step and the round alone.
/// </summary>
/// <param name="task">What to ask.</param>
/// <param name="rewards">What answers earn.</param>
/// <param name="sampler">Lets the policy answer.</param>
/// <param name="options">How many, and how.</param>
/// <param name="seed">The recipe's.</param>
internal sealed class GroupSampling(VerifiableTask task, RewardFunction rewards, RolloutSampler sampler, RolloutOptions options, int seed)
{
    /// <summary>Whether groups without signal are not trained on.</summary>
    public bool DropsGroups { get; init; }

    /// <summary>Most rounds of a step.</summary>
    public int MostRounds { get; init; } = 1;

    /// <summary>Samples the groups of a step.</summary>
    /// <param name="step">Steps before it: no other step asks the same problems.</param>
    /// <param name="cancellation">Checked before every token.</param>
    public GroupRollouts Sample(int step, CancellationToken cancellation)
    {
        List<Rollout> all = [], trained = [];
        int round = 0;
        while (round < MostRounds && trained.Count < options.Problems * options.GroupSize)
        {
            int number = step * MostRounds + round++, missing = options.Problems - trained.Count / options.GroupSize;
            Problem[] problems = [.. Enumerable.Range(0, missing).Select(i => task.Generate(ProblemSplit.Training, (ulong)seed, number * options.Problems + i))];
            IReadOnlyList<Rollout> rollouts = sampler.Sample(
                task, rewards, problems, options.GroupSize, options.MaxTokens, options.Temperature, RolloutSampler.StepSeed(seed, number), cancellation: cancellation);
            all.AddRange(rollouts);
            trained.AddRange(DropsGroups ? WithSignal(rollouts) : rollouts);
        }

        return new GroupRollouts(all, trained, round);
    }

    private IEnumerable<Rollout> WithSignal(IReadOnlyList<Rollout> rollouts) => GroupAdvantages
        .GroupsWithSignal([.. rollouts.Select(rollout => (float)rollout.Reward.Total)], options.GroupSize)
        .SelectMany(group => rollouts.Skip(group * options.GroupSize).Take(options.GroupSize));
}
