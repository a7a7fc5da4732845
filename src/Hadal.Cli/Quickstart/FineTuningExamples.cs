using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Hadal.Checkpoints;
using Hadal.Reinforcement.Line;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Sampling;
using Hadal.Reinforcement.Tasks;
using Hadal.Reinforcement.Tasks.Countdown;
using Hadal.Training;

namespace Hadal.Cli.Quickstart;

/// <summary>
/// What is fine-tuned on: the answers that rejection sampling has kept. Where they are too few to learn from, the world's own solutions stand in,
/// and the report says how many.
/// </summary>
internal static class FineTuningExamples
{
    /// <summary>Fewer examples are no data to fine-tune on.</summary>
    public const int Least = 64;

    private const ulong Seed = 0x73616d70;

    /// <summary>The stage that puts the examples together.</summary>
    public static LineStage Stage(QuickstartPlan plan)
    {
        JsonObject definition = new() { ["of"] = "${samples}", ["least"] = Least, ["seed"] = plan.Seed };
        return new LineStage(QuickstartStages.Examples, definition, (context, _) =>
        {
            string[] kept = File.ReadAllLines(context.Output(QuickstartStages.Samples));
            string[] worked = [.. Enumerable.Range(0, Math.Max(0, Least - kept.Length)).Select(i => Worked(plan.Seed, i))];
            string path = Path.Combine(context.Folder, "examples.jsonl");
            AtomicFile.Write(path, Encoding.UTF8.GetBytes(string.Concat(kept.Concat(worked).Select(line => line + "\n"))));
            ExampleFigures figures = new(plan.SampleProblems * QuickstartPlan.RepliesPerProblem, kept.Length, worked.Length);
            AtomicFile.Write(FiguresOf(path), Encoding.UTF8.GetBytes(RecipeReader.ToJson(figures)));
            context.Observer.Message(figures.ToString());
            return new StageResult(path);
        });
    }

    /// <summary>How many there were, beside the examples.</summary>
    public static string FiguresOf(string examples) => Path.Combine(Path.GetDirectoryName(examples)!, "figures.json");

    // A patient writer's solution to a training problem.
    private static string Worked(int seed, int index)
    {
        for (int draw = index; ; draw += Least)
        {
            CountdownProblem problem = (CountdownProblem)World.Task.Generate(ProblemSplit.Training, Seed + (ulong)seed, draw);
            CountdownSearch search = CountdownNotes.Search(problem, int.MaxValue);
            if (!search.IsSolved) continue; // a few need results beyond what notes have
            string response = ResponseFormat.Compose(search.Solution.Reasoning, search.Solution.Answer);
            return new TrainingExample(problem.Prompt, response, $"{problem.Prompt}\n{response}").ToLine(ExampleFormat.Chat);
        }
    }
}

/// <summary>Examples to fine-tune on.</summary>
/// <param name="Answers">Answers that were sampled.</param>
/// <param name="Kept">Those that were right, well formed and no duplicates.</param>
/// <param name="Worked">Solutions of the world's own, for lack of answers.</param>
internal sealed record ExampleFigures(int Answers, int Kept, int Worked)
{
    /// <summary>The figures in a sentence.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Kept:N0} of {Answers:N0} answers kept{(Worked > 0 ? $", and for lack of more {Worked:N0} solutions of the world's own" : "")}");
}
