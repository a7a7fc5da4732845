using System.Diagnostics;
using System.Text;
using Hadal.Checkpoints;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Sampling;
using Hadal.Reinforcement.Tasks;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>Writes worked solutions of a task's training problems as examples, in R1's form.</summary>
public static class WorkedSolutions
{
    private const string ExamplesFile = "worked.jsonl";

    // So many problems in a row without a known way: the task knows none.
    private const int MostUnknown = 1000;

    /// <summary>The first solutions of a seed: problems that the task can't work are passed over.</summary>
    /// <param name="task">The task.</param>
    /// <param name="seed">Decides problems and ways.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="InvalidOperationException">The task knows no way to its answers, or has too few problems.</exception>
    public static IEnumerable<(Problem Problem, WorkedSolution Solution)> Of(VerifiableTask task, ulong seed, int count)
    {
        ArgumentNullException.ThrowIfNull(task);
        for (int index = 0, found = 0, last = 0; found < count; index++)
        {
            Problem problem = task.Generate(ProblemSplit.Training, seed, index);
            if (task.Work(problem, seed + (ulong)index) is { } solution)
            {
                last = index;
                found++;
                yield return (problem, solution);
            }
            else if (index - last >= MostUnknown)
            {
                throw new InvalidOperationException($"the task {task.Name} knows no way to the answers of its problems, expected one that does, such as countdown, arithmetic or chain");
            }
        }
    }

    /// <summary>Writes the file that a recipe asks for into its folder.</summary>
    /// <param name="recipe">What to write.</param>
    /// <param name="observer">Watches; stays the caller's.</param>
    /// <param name="resume">Whether the folder may hold the file already, or a part of the work on it.</param>
    /// <param name="cancellation">Stops the work; nothing of it is left then.</param>
    /// <returns>How it ended; its steps are the solutions, its folder is the file.</returns>
    /// <exception cref="RecipeException">The recipe contradicts itself or what the folder holds, or its task can't be worked.</exception>
    /// <exception cref="CheckpointException">The folder can't be used, or holds the file and <paramref name="resume"/> is false.</exception>
    public static TrainingEnd Run(WorkedSolutionsRecipe recipe, ITrainingObserver observer, bool resume = false, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(observer);
        recipe.Check();
        Stopwatch elapsed = Stopwatch.StartNew();
        using RunFolder folder = RunFolder.Open(recipe.Output);
        string path = Path.Combine(folder.Path, ExamplesFile);
        if (File.Exists(path))
        {
            if (!resume) throw new CheckpointException(folder.Path, $"it holds {ExamplesFile} already, expected --resume to write it again or another folder");
            SavedRecipe.RequireSame(folder.Recipe, recipe);
        }

        AtomicFile.Write(folder.Recipe, Encoding.UTF8.GetBytes(RecipeReader.ToJson(recipe)));
        try
        {
            TrainingExample.Write(path, Of(recipe.Task.Create(), (ulong)recipe.Seed, recipe.Problems).Select(worked => Example(worked.Problem, worked.Solution, cancellation)), recipe.Format);
        }
        catch (InvalidOperationException e)
        {
            throw new RecipeException($"the recipe's task can't be worked: {e.Message}.", e);
        }
        catch (OperationCanceledException)
        {
            return End(TrainingOutcome.Stopped, 0, folder.Path);
        }

        return End(TrainingOutcome.Completed, recipe.Problems, path);

        TrainingEnd End(TrainingOutcome outcome, int written, string output)
        {
            TrainingEnd end = new() { Outcome = outcome, Steps = written, Tokens = 0, Elapsed = elapsed.Elapsed, Folder = output };
            observer.Finished(end);
            return end;
        }
    }

    private static TrainingExample Example(Problem problem, WorkedSolution solution, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        string response = ResponseFormat.Compose(solution.Reasoning, solution.Answer);
        return new TrainingExample(problem.Prompt, response, $"{problem.Prompt}\n{response}");
    }
}
