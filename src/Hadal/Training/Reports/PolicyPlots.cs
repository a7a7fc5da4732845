namespace Hadal.Training.Reports;

/// <summary>The plots of reinforcement learning, of one run or of several: whether the policy learns, and what the numbers say if it doesn't.</summary>
internal static class PolicyPlots
{
    /// <summary>The plots that there are values for, what counts first.</summary>
    public static IEnumerable<LinePlot> Of(IReadOnlyList<TrainingRun> runs)
    {
        StepPlots<PolicyStepMetrics> steps = new(runs);
        StepPlots<PolicyEvaluationMetrics> evaluations = new(runs);
        return new[]
        {
            evaluations.Of("Held-out problems solved", "share, one greedy answer each", e => e.Accuracy, SeriesForm.Points),
            evaluations.Together("Held-out problems solved by task", "share, one greedy answer each", [.. Tasks(runs)]),
            steps.Noisy("Reward", "mean of the total", s => s.Reward),
            steps.Together("Reward by part", "before its weight", [.. Parts(runs)]),
            runs.Count == 1 ? null : steps.Noisy("Right answers", "share", s => s.Accuracy),
            runs.Count == 1 ? null : steps.Noisy("Right form", "share", s => s.Format),
            steps.Noisy("Response length", "tokens", s => s.ResponseTokens),
            evaluations.Of("Length of greedy answers", "tokens", e => e.ResponseTokens, SeriesForm.Points),
            steps.Noisy("Groups with signal", "share, the others teach nothing", s => s.GroupsWithSignal),
            steps.Noisy("Truncated responses", "share", s => s.Truncated),
            steps.Noisy("Entropy", "nats per token", s => s.Entropy),
            steps.Noisy("KL to the reference", "nats per token", s => s.Divergence),
            steps.Noisy("Clipped", "share of tokens", s => s.Clipped),
            steps.Noisy("Value loss", "", s => s.ValueLoss),
            steps.Noisy("Explained variance", "share of the returns' that values foresaw", s => s.ExplainedVariance),
            steps.Noisy("Gradient norm of the policy", "before clipping", s => s.GradientNorm) is { } norm ? norm with { LogY = true } : null,
            steps.Of("Learning rate of the policy", "", s => s.LearningRate),
            steps.Noisy("Rollouts", "tokens per second", s => s.RolloutTokensPerSecond),
            steps.Together("Time of a step", "seconds", ("rollouts", s => s.RolloutSeconds), ("updates", s => s.UpdateSeconds)),
        }.OfType<LinePlot>();
    }

    private static IEnumerable<(string Name, Func<PolicyEvaluationMetrics, double?> Value)> Tasks(IReadOnlyList<TrainingRun> runs) => runs
        .SelectMany(run => run.Events).OfType<PolicyEvaluationMetrics>().SelectMany(e => e.AccuracyByTask?.Keys ?? []).Distinct()
        .Select(task => (task, (Func<PolicyEvaluationMetrics, double?>)(e => e.AccuracyByTask?.TryGetValue(task, out double share) == true ? share : null)));

    // Length and language are only told where they were asked for.
    private static IEnumerable<(string Name, Func<PolicyStepMetrics, double?> Value)> Parts(IReadOnlyList<TrainingRun> runs)
    {
        PolicyStepMetrics[] steps = [.. runs.SelectMany(run => run.Events).OfType<PolicyStepMetrics>()];
        yield return ("right answers", s => s.Accuracy);
        yield return ("right form", s => s.Format);
        if (steps.Any(s => s.LengthReward != 0)) yield return ("length", s => s.LengthReward);
        if (steps.Any(s => s.LanguageReward != 1)) yield return ("language", s => s.LanguageReward);
    }
}
