using System.Text.Json.Nodes;
using Hadal.Cli.Quickstart;
using Hadal.Reinforcement.Line;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Training.Runs;
using Hadal.Training;
using Hadal.Training.Reports;

namespace Hadal.Tests.Cli.Quickstart;

/// <summary>A whole quickstart at the smallest size that has every part.</summary>
[Collection(ConsoleRun.Name)]
public sealed class QuickstartRunTests
{
    private static readonly QuickstartPlan s_tiny = new()
    {
        Seed = 3,
        BudgetMinutes = 10,
        Documents = 120,
        Packs = 2,
        BaseSteps = 2,
        ZeroProblems = 2,
        GroupSize = 2,
        ZeroSteps = 1,
        SampleProblems = 2,
        TunedSteps = 1,
        StudentSteps = 2,
        DistilledSteps = 1,
        Problems = 2,
        VoteProblems = 1,
        MaxTokens = 8,
    };

    [Fact]
    public void Stopped_at_every_stage_and_gone_on_with_it_comes_to_the_figures_of_an_uninterrupted_run()
    {
        using TemporaryFolder whole = new(), parts = new();
        using SilentObserver silent = new();
        QuickstartSummary expected = Run(whole, silent)!;

        int stops = 0, most = QuickstartStages.Of(s_tiny).Count;
        QuickstartSummary? found = null;
        HashSet<string> stopped = [];
        while (found is null && stops <= 2 * most)
        {
            using CancellationTokenSource cancellation = new();
            using WatchingObserver observer = new() { OnStage = stage => Stop(stopped.Add(stage.Name), cancellation) };
            found = Run(parts, observer, cancellation.Token);
            if (found is null) stops++;
        }

        // Stages that are too short to notice end before they look.
        Assert.InRange(stops, most / 2, most);
        Assert.Equal(Timeless(expected), Timeless(found!));
        Assert.Equal(File.ReadAllText(HeldOutEvaluation.TranscriptsOf(whole.Path)), File.ReadAllText(HeldOutEvaluation.TranscriptsOf(parts.Path)));
    }

    [Fact]
    public void The_page_shows_the_figures_of_the_summary_and_others_can_check_every_answer()
    {
        using TemporaryFolder folder = new();
        using SilentObserver silent = new();
        QuickstartSummary summary = Run(folder, silent)!;
        QuickstartSummary read = RecipeReader.Read<QuickstartSummary>(QuickstartReport.SummaryOf(folder.Path));
        Assert.Equal(RecipeReader.ToJson(summary), RecipeReader.ToJson(read));

        string page = File.ReadAllText(QuickstartReport.PageOf(folder.Path));
        foreach (ModelScore model in read.Models)
        {
            Assert.All(QuickstartReport.Figures(model), figure => Assert.Contains($">{figure.Value}<", page, StringComparison.Ordinal));
            Assert.Contains(model.Title, page, StringComparison.Ordinal);
        }

        foreach (Finding finding in read.Findings) Assert.Contains($"{(finding.Holds ? "Yes" : "No")}. {finding.Name}", page, StringComparison.Ordinal);
        Assert.Contains(Quantity.Duration(TimeSpan.FromSeconds(read.Seconds)), page, StringComparison.Ordinal);

        Assert.Equal(s_tiny.Problems, File.ReadAllLines(folder.At("problems.jsonl")).Length);
        JsonNode[] answers = [.. File.ReadAllLines(HeldOutEvaluation.TranscriptsOf(folder.Path)).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(read.Models.Count * (s_tiny.Problems + s_tiny.VoteProblems * HeldOutEvaluation.Samples), answers.Length);
        Assert.Equal(read.Models.Select(model => model.Model), answers.Select(answer => answer["model"]!.GetValue<string>()).Distinct());
    }

    [Fact]
    public void A_folder_of_another_quickstart_is_refused_and_left_alone()
    {
        using TemporaryFolder folder = new();
        WritePlan(folder);
        Dictionary<string, string> before = TemporaryFolder.Snapshot(folder.Path);
        using SilentObserver silent = new();
        RecipeException e = Assert.Throws<RecipeException>(() => QuickstartRun.Run(Options(folder) with { Seed = 4 }, silent, CancellationToken.None));
        Assert.Contains("seed 3 was begun here, found 4", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<RecipeException>(() => QuickstartRun.Run(Options(folder) with { Budget = TimeSpan.FromMinutes(60) }, silent, CancellationToken.None));
        Assert.Contains("budget 10 was begun here, found 60", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, TemporaryFolder.Snapshot(folder.Path));
    }

    private static QuickstartSummary? Run(TemporaryFolder folder, ITrainingObserver observer, CancellationToken cancellation = default)
    {
        if (!File.Exists(folder.At("plan.json"))) WritePlan(folder);
        return QuickstartRun.Run(Options(folder), observer, cancellation);
    }

    private static void WritePlan(TemporaryFolder folder) => File.WriteAllText(folder.At("plan.json"), RecipeReader.ToJson(s_tiny));

    private static QuickstartOptions Options(TemporaryFolder folder) => new(TimeSpan.FromMinutes(10), folder.Path, 3, Smoke: false);

    private static void Stop(bool now, CancellationTokenSource cancellation)
    {
        if (now) cancellation.Cancel();
    }

    // All figures but how long things took.
    private static string Timeless(QuickstartSummary summary) => RecipeReader.ToJson(summary with
    {
        Seconds = 0,
        Stages = [.. summary.Stages.Select(stage => stage with { Seconds = 0 })],
        Models = [.. summary.Models.Select(model => model with { TokensPerSecond = 0 })],
    });
}
