using System.CommandLine;
using System.Globalization;
using Hadal.Cli.Quickstart;
using Hadal.Cli.Training;
using Hadal.Training;
using Hadal.Training.Reports;

namespace Hadal.Cli.Commands;

/// <summary>`hadal quickstart`: the whole recipe in miniature, from nothing to a served reasoning model.</summary>
internal static class QuickstartCommand
{
    private const double DefaultMinutes = 10, LeastMinutes = 2, MostMinutes = 24 * 60;

    public static Command Create()
    {
        Option<double> budget = new("--budget") { Description = "Minutes that it may take on this machine.", DefaultValueFactory = _ => DefaultMinutes };
        budget.Require(value => value is >= LeastMinutes and <= MostMinutes, $"minutes from {LeastMinutes} to {MostMinutes}");
        Option<string> output = new("--output") { Description = "The folder that it makes, or goes on with.", DefaultValueFactory = _ => Path.Combine("runs", "quickstart") };
        Option<int> seed = new("--seed") { Description = "Decides the world, the weights and the samples.", DefaultValueFactory = _ => 1 };
        seed.RequireInteger();
        Option<bool> smoke = new("--smoke") { Description = "See in a minute that every part runs; teaches nothing." };
        Option<bool> plain = new("--plain") { Description = "Print lines even where there is a terminal." };
        Option<bool> json = JsonOutput.Option();
        Command command = new("quickstart", "The whole recipe in miniature: pretraining, GRPO, rejection sampling, distillation, quantisation, with a report.")
        {
            budget, output, seed, smoke, plain, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            QuickstartOptions options = new(
                TimeSpan.FromMinutes(parsed.GetValue(budget)), parsed.GetRequiredValue(output), parsed.GetValue(seed), parsed.GetValue(smoke));
            return Task.FromResult(Run(options, parsed.GetValue(plain), parsed.GetValue(json), cancellation));
        });
        return command;
    }

    private static int Run(QuickstartOptions options, bool plain, bool json, CancellationToken cancellation)
    {
        QuickstartSummary? summary;
        using (ITrainingObserver view = TrainingView.Create(plain)) summary = QuickstartRun.Run(options, view, cancellation);
        if (summary is null)
        {
            Console.Error.WriteLine("hadal: stopped; the same command goes on from here.");
            return CommandLine.Failed;
        }

        if (json)
        {
            JsonOutput.Write(new
            {
                Folder = options.Output,
                summary.Seconds,
                Models = summary.Models.Select(model => new { model.Model, model.Greedy, model.Sampled, model.Vote }),
                Findings = summary.Findings.Select(finding => new { finding.Name, finding.Holds, finding.Text }),
            });
        }
        else Print(options.Output, summary);
        return CommandLine.Ok;
    }

    private static void Print(string folder, QuickstartSummary summary)
    {
        IReadOnlyList<string> columns = ["greedy", .. HeldOutEvaluation.Votes.Skip(1).Select(k => $"vote {k}"), "tokens", "parameters"];
        Line($"{"",-14}{string.Concat(columns.Select(column => $"{column,11}"))}");
        foreach (ModelScore model in summary.Models)
        {
            string votes = string.Concat(HeldOutEvaluation.Votes.Skip(1).Select(k => $"{Quantity.Percent(model.Vote[k]),11}"));
            Line($"{model.Model,-14}{Quantity.Percent(model.Greedy),11}{votes}{model.ResponseTokens,11:F0}{Quantity.Count(model.Parameters),11}");
        }

        Line($"");
        foreach (Finding finding in summary.Findings) Line($"{(finding.Holds ? "yes" : "no "),-4}{finding.Name}: {finding.Text}");
        string model8 = Path.Combine(folder, $"{Place(summary, QuickstartStages.Zero)}", "model");
        Line($"\nreport  {QuickstartReport.PageOf(folder)}\nchat    hadal chat {model8}        (ask: a3 b7 c25 =four.six)\nserve   hadal serve {model8}");
        Line($"eval    hadal eval {model8} --task countdown --terse --read-out --max-tokens {summary.Plan.MaxTokens} --problems {HeldOutEvaluation.ProblemsOf(folder)}");
        Line($"check   every answer is in {HeldOutEvaluation.TranscriptsOf(folder)}\n{Quantity.Duration(TimeSpan.FromSeconds(summary.Seconds))}, budget {summary.Plan.BudgetMinutes:0.#} min");
    }

    // The folder of a stage, as the line numbers them.
    private static string Place(QuickstartSummary summary, string stage) =>
        string.Create(CultureInfo.InvariantCulture, $"{summary.Stages.Select(s => s.Name).ToList().IndexOf(stage) + 1:D2}-{stage}");

    private static void Line(FormattableString line) => Console.Out.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
