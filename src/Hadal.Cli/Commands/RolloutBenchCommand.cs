using System.CommandLine;
using System.Globalization;
using Hadal.Cli.Bench;
using Hadal.Cli.Quickstart;
using Hadal.Numerics;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;

namespace Hadal.Cli.Commands;

/// <summary>`hadal bench rollouts`: the samples of a step of GRPO on quickstart's problems, with and without what makes them fast.</summary>
internal static class RolloutBenchCommand
{
    public static Command Create(Option<int> rounds, Option<int> threads, Option<bool> json)
    {
        Argument<string> model = new("model") { Description = "Folder of a model that quickstart made." };
        Option<int> problems = Count("--problems", "Problems of a step.", 16), samples = Count("--samples", "Answers to each.", 16);
        Option<int> maxTokens = Count("--max-tokens", "Most tokens of an answer.", 256), atOnce = Count("--at-once", "Sequences side by side.", 64);
        Option<float> temperature = new("--temperature") { Description = "Sampling temperature.", DefaultValueFactory = _ => 1 };
        temperature.Require(value => value is >= 0 and < float.PositiveInfinity, "a number from 0 on");
        Command command = new("rollouts", "Measure the rollouts of a step of GRPO with and without shared prompts and speculation.") { model, problems, samples, maxTokens, atOnce, temperature };
        command.SetAction(parsed =>
        {
            using LoadedModel loaded = new(parsed.GetRequiredValue(model), ElementType.BF16);
            using WorkerPool workers = new(parsed.GetValue(threads));
            PromptWriter prompts = new(PromptStyle.Plain, loaded.Tokenizer);
            int[][] tokens = [.. Enumerable.Range(0, parsed.GetValue(problems)).Select(i => prompts.Tokens(World.Task.Generate(ProblemSplit.Training, 1, i).Prompt))];
            RolloutBenchResult result = new RolloutBench(loaded.Model, workers, ProductPrecision.BF16, parsed.GetValue(atOnce)).Run(
                tokens, parsed.GetValue(samples), parsed.GetValue(maxTokens), parsed.GetValue(temperature), parsed.GetValue(rounds));
            if (parsed.GetValue(json)) JsonOutput.Write(new { Threads = workers.Count, Rollouts = result.Rows, result.SameSamples });
            else Print(result);
            return result.SameSamples ? CommandLine.Ok : CommandLine.Failed;
        });
        return command;
    }

    private static void Print(RolloutBenchResult result)
    {
        foreach (RolloutBenchRow row in result.Rows)
        {
            Line($"prompts {(row.SharesPrompts ? "shared" : "alone "),-6} {(row.Speculates ? "speculating" : ""),-11} {row.Best,9:F0} tokens/s best (median {row.Median:F0}), {row.Tokens} tokens behind {row.PromptTokens} of prompts in {row.Passes} passes{(row.Speculates ? $", {row.AcceptanceRate:P0} of drafts accepted" : "")}");
        }

        Line($"{(result.SameSamples ? "all drew the same samples" : "the samples DIFFER, which is a defect")}");
    }

    private static Option<int> Count(string name, string description, int byDefault)
    {
        Option<int> option = new(name) { Description = description, DefaultValueFactory = _ => byDefault };
        option.RequireAtLeast(1);
        return option;
    }

    private static void Line(FormattableString line) => Console.Out.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
