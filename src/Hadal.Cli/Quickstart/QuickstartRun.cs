using System.Text;
using Hadal.Checkpoints;
using Hadal.Reinforcement.Line;
using Hadal.Reinforcement.Tasks.Countdown;
using Hadal.Training;

namespace Hadal.Cli.Quickstart;

/// <summary>
/// A quickstart from its plan to its report. The folder holds the plan, the line's stages, and at the end <c>report.html</c>,
/// <c>summary.json</c>, <c>problems.jsonl</c> and <c>transcripts.jsonl</c>: every problem and every answer, for others to check.
/// </summary>
internal static class QuickstartRun
{
    /// <summary>Runs what is not done yet.</summary>
    /// <param name="options">What was asked for.</param>
    /// <param name="view">Watches; stays the caller's.</param>
    /// <param name="cancellation">Stops the run where the same options go on later.</param>
    /// <returns>The figures; null if it was stopped.</returns>
    /// <exception cref="RecipeException">The folder holds a quickstart of other options, or one of another version.</exception>
    /// <exception cref="CheckpointException">The folder can't be used.</exception>
    public static QuickstartSummary? Run(QuickstartOptions options, ITrainingObserver view, CancellationToken cancellation)
    {
        try
        {
            Directory.CreateDirectory(options.Output);
            QuickstartPlan plan = Plan(options, view, cancellation);
            TimeSpan before = Spent(options.Output);
            using BudgetView watching = new(view, options.Budget, before);
            using StageLine line = StageLine.Open(options.Output, QuickstartStages.Of(plan), watching, resume: true);
            if (line.Run(cancellation).Outcome != TrainingOutcome.Completed) return null;
            QuickstartSummary summary = QuickstartSummary.Of(plan, line);
            WriteProblems(options.Output, plan);
            WriteTranscripts(options.Output, line);
            QuickstartReport.Write(options.Output, summary);
            return summary;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>The plan of a folder; made, and written down, where there is none.</summary>
    private static QuickstartPlan Plan(QuickstartOptions options, ITrainingObserver view, CancellationToken cancellation)
    {
        string path = Path.Combine(options.Output, "plan.json");
        if (File.Exists(path))
        {
            QuickstartPlan made = RecipeReader.Read<QuickstartPlan>(path);
            Require(path, "seed", made.Seed, options.Seed);
            Require(path, "budget", made.BudgetMinutes, options.Budget.TotalMinutes);
            Require(path, "smoke", made.Smoke, options.Smoke);
            return made;
        }

        if (!options.Smoke) view.Message("measuring this machine for some seconds");
        QuickstartPlan plan = options.Smoke ? QuickstartPlan.OfSmoke(options) : QuickstartPlan.Of(options, MachineSpeed.Measure(cancellation));
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(RecipeReader.ToJson(plan) + "\n"));
        if (!options.Smoke)
        {
            view.Message($"{plan.TrainedTokensPerSecond:N0} tokens a second in training, {plan.SampledTokensPerSecond:N0} in sampling: "
                + $"{plan.BaseSteps:N0} steps of pretraining, {plan.ZeroSteps:N0} of GRPO");
        }

        return plan;
    }

    private static void Require<T>(string path, string what, T found, T asked)
        where T : IEquatable<T>
    {
        if (!found.Equals(asked)) throw new RecipeException(FormattableString.Invariant($"{path}: a quickstart with {what} {found} was begun here, found {asked}, expected the same to go on with it; another --output begins a new one."));
    }

    private static TimeSpan Spent(string folder) =>
        TimeSpan.FromSeconds(LineState.Read(folder).Stages.Sum(stage => stage.Seconds));

    private static void WriteProblems(string folder, QuickstartPlan plan)
    {
        string[] lines = [.. HeldOutEvaluation.HeldOut(plan.Problems).Select(problem => ((CountdownProblem)problem).ToJson())];
        AtomicFile.Write(HeldOutEvaluation.ProblemsOf(folder), Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"));
    }

    private static void WriteTranscripts(string folder, StageLine line)
    {
        using AtomicFile file = new(HeldOutEvaluation.TranscriptsOf(folder));
        foreach ((string name, _) in QuickstartStages.Scored)
        {
            using FileStream part = File.OpenRead(HeldOutEvaluation.TranscriptsOf(Path.GetDirectoryName(line.Output(QuickstartStages.ScoreOf(name)))!));
            part.CopyTo(file.Stream);
        }

        file.Commit();
    }
}
