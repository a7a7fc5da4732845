namespace Hadal.Training.Reports;

/// <summary>What a policy wrote, best and worst, over the run, and what the numbers say about its learning.</summary>
internal static class PolicyTexts
{
    private const int MostSteps = 12;

    public static void Write(ReportPage page, IReadOnlyList<TrainingRun> runs)
    {
        foreach (TrainingRun run in runs)
        {
            PolicyStepMetrics[] steps = [.. run.Events.OfType<PolicyStepMetrics>()];
            if (steps.Length == 0) continue;
            string of = runs.Count == 1 ? "" : $" of {run.Name}";
            page.Heading($"Diagnosis{of}");
            page.Text($"after step {steps[^1].Step:N0}", "", steps[^1].Diagnosis, open: true);
            PolicyStepMetrics[] shown = Series.Spread(steps, MostSteps);
            page.Heading(shown.Length == steps.Length ? $"Best and worst responses{of}" : $"Best and worst responses{of}, {shown.Length} of {steps.Length} steps");
            for (int i = 0; i < shown.Length; i++)
            {
                page.Text($"step {shown[i].Step:N0}, best", "", shown[i].Best, open: i == shown.Length - 1);
                page.Text($"step {shown[i].Step:N0}, worst", "", shown[i].Worst, open: i == shown.Length - 1);
            }
        }
    }
}
