using System.Globalization;
using System.Text;
using Hadal.Checkpoints;
using Hadal.Training;
using Hadal.Training.Reports;

namespace Hadal.Cli.Quickstart;

/// <summary>The page of a quickstart. It shows what <see cref="QuickstartSummary"/> holds and nothing else.</summary>
internal static class QuickstartReport
{
    private const string StepLabel = "step";

    /// <summary>Writes summary.json and report.html.</summary>
    /// <exception cref="CheckpointException">A file can't be written.</exception>
    public static void Write(string folder, QuickstartSummary summary)
    {
        AtomicFile.Write(SummaryOf(folder), Encoding.UTF8.GetBytes(RecipeReader.ToJson(summary) + "\n"));
        ReportPage.Write(PageOf(folder), "Hadal quickstart", Subtitle(summary), page =>
        {
            page.Cards(Cards(summary));
            page.Heading("Models on held-out problems");
            page.Table([.. summary.Models.Select(model => model.Model)], [.. summary.Models.Select(Figures)]);
            foreach (ModelScore model in summary.Models) page.Paragraph($"{model.Model}: {model.Title}");
            page.Paragraph($"Tuned and distilled have learnt from zero: {summary.Samples}.");
            page.Heading("What the papers say, and what came out here");
            foreach (Finding finding in summary.Findings) page.Paragraph($"{(finding.Holds ? "Yes" : "No")}. {finding.Name}: {finding.Text}.");
            page.Heading("Curves");
            page.Plots(Plots(summary));
            Answers(page, summary);
            page.Heading("Time");
            page.Table([.. summary.Stages.Select(stage => stage.Name)], [.. summary.Stages.Select(stage => Times(stage))]);
            page.Heading("Plan");
            page.Text("plan.json", "", RecipeReader.ToJson(summary.Plan), open: false);
        });
    }

    /// <summary>The page in the output folder.</summary>
    public static string PageOf(string folder) => Path.Combine(folder, "report.html");

    /// <summary>The figures in the output folder.</summary>
    public static string SummaryOf(string folder) => Path.Combine(folder, "summary.json");

    private static string Subtitle(QuickstartSummary summary)
    {
        QuickstartPlan plan = summary.Plan;
        return plan.Smoke
            ? "The smoke test: sizes that teach nothing, to see that every part runs"
            : string.Create(CultureInfo.InvariantCulture, $"Seed {plan.Seed}, budget {plan.BudgetMinutes:0.#} minutes, taken {Quantity.Duration(TimeSpan.FromSeconds(summary.Seconds))}");
    }

    private static Figure[] Cards(QuickstartSummary summary)
    {
        ModelScore before = summary.Model(QuickstartStages.Base), after = summary.Model(QuickstartStages.Zero), student = summary.Model(QuickstartStages.Distilled);
        return
        [
            new("Base", Quantity.Percent(before.Greedy), $"of {before.Problems} held-out problems"),
            new("After GRPO", Quantity.Percent(after.Greedy), $"{Quantity.Number(100 * (after.Greedy - before.Greedy), 3)} points more"),
            new("Vote of 64 after", Quantity.Percent(after.Vote[HeldOutEvaluation.Samples]), $"of {after.VoteProblems} problems"),
            new("Distilled student", Quantity.Percent(student.Greedy), $"{Quantity.Count(student.Parameters)} parameters"),
            new("Search", Quantity.Number(after.SearchLines, 3), $"first steps tried, {Quantity.Number(before.SearchLines, 3)} before"),
            new("Kept samples", $"{summary.Samples.Kept:N0}", $"of {summary.Samples.Answers:N0} answers"),
            new("Time", Quantity.Duration(TimeSpan.FromSeconds(summary.Seconds))),
        ];
    }

    /// <summary>The rows of the models' table.</summary>
    internal static IReadOnlyList<Figure> Figures(ModelScore model) =>
    [
        new("Solved greedily", Quantity.Percent(model.Greedy), $"of {model.Problems} held-out problems"),
        new("One sample", Quantity.Percent(model.Sampled), $"of {model.VoteProblems} problems, temperature 1"),
        .. HeldOutEvaluation.Votes.Skip(1).Select(k => new Figure($"Vote of {k}", Quantity.Percent(model.Vote[k]), $"of {model.VoteProblems} problems")),
        new("Greedy on these", Quantity.Percent(model.GreedyOnVoteProblems), $"of {model.VoteProblems} problems"),
        new("One of 64 right", Quantity.Percent(model.Pass[HeldOutEvaluation.Samples]), $"of {model.VoteProblems} problems"),
        new("Of R1's form", Quantity.Percent(model.Format), "greedily"),
        new("Response", Quantity.Number(model.ResponseTokens, 3), "tokens, greedily"),
        new("Search", Quantity.Number(model.SearchLines, 3), "first steps tried, greedily"),
        new("Parameters", Quantity.Count(model.Parameters)),
        new("Active", Quantity.Count(model.ActiveParameters), "parameters for a token"),
        new("Weights", Quantity.Bytes(model.Bytes), "on disk"),
        new("Architecture", model.Architecture),
    ];

    private static IReadOnlyList<Figure> Times(StageFigures stage) =>
        [new("Time", Quantity.Duration(TimeSpan.FromSeconds(stage.Seconds))), new("Tokens", stage.Tokens == 0 ? "–" : Quantity.Count(stage.Tokens))];

    private static IEnumerable<LinePlot> Plots(QuickstartSummary summary)
    {
        yield return Plot(summary, "Held-out problems solved", "share, greedily", "heldOutAccuracy", SeriesForm.Points);
        yield return Plot(summary, "Training problems solved", "share of samples", "accuracy");
        yield return Plot(summary, "Length of responses", "tokens", "responseTokens");
        yield return Plot(summary, "Groups with signal", "share", "groupsWithSignal");
        yield return Plot(summary, "Entropy", "nats per token", "entropy");
        yield return Plot(summary, "Cut-off responses", "share", "truncated");
        yield return Plot(summary, "Pretraining loss", "nats per token", "loss");
        yield return new LinePlot("Vote", "answers, as a power of two", "share of problems solved", [.. summary.Models.Select((model, i) => new PlotSeries(
            model.Model, [.. HeldOutEvaluation.Votes.Select(k => Math.Log2(k))], [.. HeldOutEvaluation.Votes.Select(k => model.Vote[k])])
        {
            Form = SeriesForm.Points, Colour = i % ReportStyle.Colours,
        })]);
    }

    private static LinePlot Plot(QuickstartSummary summary, string title, string label, string quantity, SeriesForm form = SeriesForm.Line) =>
        new(title, StepLabel, label, [.. summary.Curves.Where(curve => curve.Quantity == quantity).Select((curve, i) => new PlotSeries(curve.Stage, curve.Step, curve.Value)
        {
            Form = form, Colour = i,
        })]);

    private static void Answers(ReportPage page, QuickstartSummary summary)
    {
        string[] shown = [QuickstartStages.Base, QuickstartStages.Zero, QuickstartStages.Distilled];
        page.Heading("Answers before and after");
        for (int i = 0; i < summary.Model(shown[0]).Shown.Count; i++)
        {
            foreach (string name in shown)
            {
                ShownAnswer answer = summary.Model(name).Shown[i];
                page.Text($"{answer.Prompt.Split('\n')[0]}, {name}: {(answer.Correct ? "right" : "wrong")}", answer.Prompt, answer.Response, open: i == 0);
            }
        }
    }
}
