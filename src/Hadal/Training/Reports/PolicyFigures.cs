namespace Hadal.Training.Reports;

/// <summary>The numbers of reinforcement learning at the head of a report.</summary>
internal static class PolicyFigures
{
    // The end of a run is judged by more than its last step, which is one batch.
    private const double LastShare = 0.05;

    public static IReadOnlyList<Figure> Of(TrainingRun run)
    {
        PolicyStepMetrics[] steps = [.. run.Events.OfType<PolicyStepMetrics>()];
        PolicyEvaluationMetrics[] evaluations = [.. run.Events.OfType<PolicyEvaluationMetrics>().Where(e => double.IsFinite(e.Accuracy))];
        List<Figure> figures = [];
        if (evaluations.Length > 0)
        {
            PolicyEvaluationMetrics first = evaluations[0], last = evaluations[^1], best = evaluations.MaxBy(e => e.Accuracy)!;
            figures.Add(new("Held out", Quantity.Percent(last.Accuracy), $"of {last.Problems:N0} problems solved, {Quantity.Percent(first.Accuracy)} at step {first.Step:N0}"));
            figures.Add(new("Best held out", Quantity.Percent(best.Accuracy), $"at step {best.Step:N0}"));
        }

        if (steps.Length == 0) return figures;
        int window = Math.Max(1, (int)(steps.Length * LastShare));
        PolicyStepMetrics[] end = [.. steps[^window..]], start = [.. steps[..window]];
        string of = window == 1 ? "last step" : $"mean of the last {window} steps";
        figures.Add(new("Reward", Quantity.Number(end.Average(s => s.Reward), 3), $"{of}; {Quantity.Number(start.Average(s => s.Reward), 3)} at first"));
        if (double.IsFinite(end[^1].Accuracy)) figures.Add(new("Right answers", Quantity.Percent(end.Average(s => s.Accuracy)), $"{of}; {Quantity.Percent(start.Average(s => s.Accuracy))} at first"));
        figures.Add(new("Response length", Quantity.Number(end.Average(s => s.ResponseTokens), 3), $"tokens, {of}; {Quantity.Number(start.Average(s => s.ResponseTokens), 3)} at first"));
        figures.Add(new("RL steps", $"{steps[^1].Step:N0}", steps[^1].Step < steps[^1].TotalSteps ? $"of {steps[^1].TotalSteps:N0}" : ""));
        double rollout = steps.Sum(s => s.RolloutSeconds), update = steps.Sum(s => s.UpdateSeconds);
        figures.Add(new("RL time", Quantity.Duration(TimeSpan.FromSeconds(rollout + update)), $"{Quantity.Percent(rollout / (rollout + update))} in rollouts"));
        figures.Add(new("Rollouts", Quantity.Count(steps.Average(s => s.RolloutTokensPerSecond)), "tokens/s, mean"));
        return figures;
    }
}
