using Hadal.Reinforcement.Diagnosis;
using Hadal.Reinforcement.Evaluation;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>Seconds that the parts of a step took.</summary>
/// <param name="Rollout">Sampling and scoring.</param>
/// <param name="Update">The rest.</param>
internal readonly record struct PolicyStepTimes(double Rollout, double Update);

/// <summary>Makes of a step's responses and updates what is shown and logged of it.</summary>
internal static class PolicyMetrics
{
    /// <summary>A step, which is noted in the run's history.</summary>
    /// <param name="stage">The run.</param>
    /// <param name="totalSteps">Steps that the whole run makes.</param>
    /// <param name="rollouts">The responses, groups one after the other.</param>
    /// <param name="groupSize">Responses to one prompt; 1 where they are not compared with each other.</param>
    /// <param name="update">The updates.</param>
    /// <param name="rate">The learning rate.</param>
    /// <param name="times">How long it took.</param>
    /// <param name="transcript">A response with its prompt.</param>
    public static PolicyStepMetrics Step(
        StageRun stage, int totalSteps, IReadOnlyList<Rollout> rollouts, int groupSize, PolicyUpdate update, double rate, PolicyStepTimes times,
        Func<Rollout, string> transcript)
    {
        Reward[] rewards = [.. rollouts.Select(rollout => rollout.Reward)];
        StepStatistics sampled = StepStatistics.Of(
            rewards, groupSize, [.. rollouts.Select(r => r.Response.Length)], [.. rollouts.Select(r => r.Truncated)], [], update.Loss);
        StepStatistics statistics = sampled with { Entropy = update.Entropy };
        stage.History.Add(statistics);
        return new PolicyStepMetrics
        {
            Step = stage.Step + 1,
            TotalSteps = totalSteps,
            Reward = statistics.Reward,
            Accuracy = statistics.Accuracy,
            Format = statistics.Format,
            LengthReward = rewards.Average(reward => reward.Length),
            LanguageReward = rewards.Average(reward => reward.Language),
            GroupsWithSignal = statistics.GroupsWithSignal,
            ResponseTokens = statistics.Length,
            Truncated = statistics.Truncated,
            Entropy = statistics.Entropy,
            Divergence = statistics.Divergence,
            Clipped = statistics.Clipped,
            Loss = update.Loss.Value,
            GradientNorm = update.GradientNorm,
            LearningRate = rate,
            RolloutSeconds = times.Rollout,
            UpdateSeconds = times.Update,
            RolloutTokensPerSecond = rollouts.Sum(rollout => (long)rollout.Response.Length) / times.Rollout,
            Best = transcript(rollouts[statistics.Best]),
            Worst = transcript(rollouts[statistics.Worst]),
            Diagnosis = LearningDiagnosis.Of(stage.History).Sentence,
        };
    }

    /// <summary>A measurement.</summary>
    /// <param name="step">Steps made.</param>
    /// <param name="answers">One to each held-out problem.</param>
    public static PolicyEvaluationMetrics Evaluation(int step, IReadOnlyList<Rollout> answers) => new()
    {
        Step = step,
        Problems = answers.Count,
        Accuracy = answers.Average(answer => answer.Reward.Accuracy),
        AccuracyByTask = TaskScore.AccuracyByTask(answers),
        ResponseTokens = answers.Average(answer => answer.Response.Length),
        Reward = answers.Average(answer => answer.Reward.Total),
    };
}
