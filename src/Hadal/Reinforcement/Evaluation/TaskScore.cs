using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;

namespace Hadal.Reinforcement.Evaluation;

/// <summary>How well a model solves problems, of several answers to each.</summary>
/// <param name="Problems">Problems asked.</param>
/// <param name="Samples">Answers to each.</param>
/// <param name="Accuracy">Share of right answers: the mean of pass@1.</param>
/// <param name="PassAtK">For each k up to the samples, doubling: the chance that one of k answers is right, unbiased (Chen et al. 2021, arXiv 2107.03374, equation 1).</param>
/// <param name="ConsensusAtK">The same of the most frequent answer among the first k, the earliest of equals (self-consistency, arXiv 2203.11171).</param>
/// <param name="Format">Share of responses of the required form.</param>
/// <param name="ResponseTokens">Mean tokens of a response.</param>
public sealed record TaskScore(
    int Problems, int Samples, double Accuracy, IReadOnlyDictionary<int, double> PassAtK, IReadOnlyDictionary<int, double> ConsensusAtK, double Format,
    double ResponseTokens)
{
    /// <summary>Scores rollouts.</summary>
    /// <param name="task">The task, which says when two answers are the same.</param>
    /// <param name="rollouts">[problems * samples], the answers to a problem one after the other.</param>
    /// <param name="samples">Answers to each problem.</param>
    /// <exception cref="ArgumentException">There are no rollouts, or not as many for each problem.</exception>
    public static TaskScore Of(VerifiableTask task, IReadOnlyList<Rollout> rollouts, int samples)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(rollouts);
        if (samples < 1 || rollouts.Count == 0 || rollouts.Count % samples != 0)
        {
            throw new ArgumentException($"{rollouts.Count} rollouts are not {samples} to each problem", nameof(rollouts));
        }

        Rollout[][] problems = [.. rollouts.Chunk(samples)];
        int[] ks = [.. Enumerable.Range(0, 31).Select(i => 1 << i).TakeWhile(k => k <= samples)];
        return new TaskScore(
            problems.Length, samples, rollouts.Average(r => r.Reward.Accuracy),
            ks.ToDictionary(k => k, k => problems.Average(answers => PassAt(k, answers))),
            ks.ToDictionary(k => k, k => problems.Average(answers => IsRight(Consensus(task, answers.AsSpan(0, k))) ? 1.0 : 0)),
            rollouts.Average(r => r.Reward.Format), rollouts.Average(r => r.Response.Length));
    }

    /// <summary>The share of right answers to the problems of each task of a mix; null where the problems are of one task.</summary>
    /// <param name="rollouts">Answers in any order.</param>
    public static IReadOnlyDictionary<string, double>? AccuracyByTask(IReadOnlyList<Rollout> rollouts)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        ILookup<string?, Rollout> byTask = rollouts.ToLookup(rollout => (rollout.Problem as MixedProblem)?.TaskName);
        return byTask.Count == 0 || byTask.Contains(null)
            ? null
            : byTask.OrderBy(task => task.Key, StringComparer.Ordinal).ToDictionary(task => task.Key!, task => task.Average(rollout => rollout.Reward.Accuracy));
    }

    // 1 - C(n - c, k) / C(n, k), as a product.
    private static double PassAt(int k, Rollout[] answers)
    {
        int n = answers.Length, wrong = answers.Count(answer => !IsRight(answer));
        double allWrong = 1;
        for (int i = 0; i < k; i++) allWrong *= Math.Max(0, (double)(wrong - i)) / (n - i);
        return 1 - allWrong;
    }

    // A response without an answer has no vote.
    private static Rollout? Consensus(VerifiableTask task, ReadOnlySpan<Rollout> answers)
    {
        Dictionary<string, (Rollout First, int Votes)> votes = [];
        Rollout? winner = null;
        int most = 0;
        foreach (Rollout answer in answers)
        {
            if (ResponseFormat.Answer(answer.Text) is { } text) votes[task.Normalise(text)] = votes.TryGetValue(task.Normalise(text), out (Rollout First, int Votes) seen) ? (seen.First, seen.Votes + 1) : (answer, 1);
        }

        foreach ((Rollout first, int count) in votes.Values)
        {
            if (count > most) (winner, most) = (first, count);
        }

        return winner;
    }

    private static bool IsRight(Rollout? answer) => answer?.Reward.Accuracy == 1;
}
