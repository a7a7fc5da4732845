using System.CommandLine;
using System.Globalization;
using Hadal.Training;
using Hadal.Training.Reports;

namespace Hadal.Cli.Commands;

/// <summary>`hadal compare`: several training runs over each other in one page.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        Argument<string[]> runs = new("runs") { Description = "Folders of training runs, two or more.", Arity = new ArgumentArity(2, 16) };
        Option<string> output = new("--output") { Description = "The page to write.", DefaultValueFactory = _ => "comparison.html" };
        Option<bool> json = JsonOutput.Option();
        Command command = new("compare", "Lay the curves of training runs over each other.") { runs, output, json };
        command.SetAction(parsed => Run(parsed.GetRequiredValue(runs), parsed.GetRequiredValue(output), parsed.GetValue(json)));
        return command;
    }

    private static int Run(string[] folders, string output, bool json)
    {
        TrainingRun[] runs = [.. folders.Select(FinishedRun.Read)];
        TrainingReport.Write(output, "Training runs compared", runs);
        var rows = runs.Select(run => new
        {
            Run = run.Name,
            Steps = run.Events.OfType<StepMetrics>().LastOrDefault()?.Step,
            Tokens = run.Events.OfType<StepMetrics>().LastOrDefault()?.Tokens,
            HeldOutLoss = run.Events.OfType<EvaluationMetrics>().LastOrDefault()?.Loss,
            BestHeldOutLoss = run.Events.OfType<EvaluationMetrics>().Select(e => (double?)e.Loss).Min(),
            MaxVioOfLastTenth = LoadBalance.OfLastTenth(run.Events)?.Mean,
            WorstMaxVioOfLastTenth = LoadBalance.OfLastTenth(run.Events)?.Worst,
            RlSteps = run.Events.OfType<PolicyStepMetrics>().LastOrDefault()?.Step,
            Reward = run.Events.OfType<PolicyStepMetrics>().LastOrDefault()?.Reward,
            HeldOutAccuracy = run.Events.OfType<PolicyEvaluationMetrics>().LastOrDefault()?.Accuracy,
            BestHeldOutAccuracy = run.Events.OfType<PolicyEvaluationMetrics>().Select(e => (double?)e.Accuracy).Max(),
        }).ToArray();
        if (json)
        {
            JsonOutput.Write(new { Report = output, Runs = rows });
            return CommandLine.Ok;
        }

        foreach (var row in rows)
        {
            if (row.RlSteps is { } steps)
            {
                Console.Out.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{row.Run}: {steps:N0} steps, reward {row.Reward:F3}, held-out problems solved {row.HeldOutAccuracy:P1} (best {row.BestHeldOutAccuracy:P1})"));
                continue;
            }

            Console.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{row.Run}: {row.Steps:N0} steps, {row.Tokens:N0} tokens, held-out loss {row.HeldOutLoss:F4} (best {row.BestHeldOutLoss:F4}){(row.MaxVioOfLastTenth is { } vio ? $", MaxVio of the last tenth {vio:F3}, worst layer {row.WorstMaxVioOfLastTenth:F3}" : "")}"));
        }

        Console.Out.WriteLine($"curves: {output}");
        return CommandLine.Ok;
    }
}
