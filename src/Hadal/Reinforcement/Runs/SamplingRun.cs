using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Data;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Sampling;
using Hadal.Reinforcement.Tasks;
using Hadal.Tokenization;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>
/// Rejection sampling of a model on a task: (1) ask problems, several answers to each, (2) check them, (3) keep those fit to train on, (4)
/// write them as examples. What was sampled is in the run's log, so that a run that is stopped or killed goes on at the problems it was at
/// and writes what an uninterrupted one would.
/// </summary>
public sealed class SamplingRun : IDisposable
{
    private const string ExamplesFile = "samples.jsonl", SummaryFile = "summary.json";
    private static readonly TimeSpan s_reportEvery = TimeSpan.FromSeconds(2);

    private readonly SamplingRecipe _recipe;
    private readonly ITrainingObserver _observer;
    private readonly RunFolder _folder;
    private readonly WorkerPool _workers = new();
    private readonly VerifiableTask _task;
    private readonly Transformer _model;
    private readonly PromptWriter _prompts;
    private readonly RolloutSampler _sampler;
    private readonly MetricsLog _log;
    private int _done;

    private SamplingRun(SamplingRecipe recipe, ITrainingObserver observer, RunFolder folder)
    {
        (_recipe, _observer, _folder) = (recipe, observer, folder);
        try
        {
            _task = recipe.Task.Create();
            Tokenizer tokenizer = Tokenizer.Load(recipe.Model);
            _prompts = new PromptWriter(recipe.Prompt, tokenizer);
            _model = ModelReader.Read(recipe.Model, recipe.Precision.WeightType());
            _sampler = new RolloutSampler(_model, tokenizer, _workers, _prompts) { Precision = recipe.Precision };

            // Of problems that were asked together a kill may have left only some.
            int logged = File.Exists(folder.Metrics) ? MetricsLog.Read(folder.Metrics).LastOrDefault()?.Step ?? 0 : 0;
            _done = logged >= recipe.Problems ? recipe.Problems : logged / recipe.AtOnce * recipe.AtOnce;
            _log = MetricsLog.OpenForResume(folder.Metrics, _done);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Prepares a run: makes its folder and loads the model.</summary>
    /// <param name="recipe">What to do.</param>
    /// <param name="observer">Watches; stays the caller's.</param>
    /// <param name="resume">Whether to go on with a run that the output folder holds.</param>
    /// <exception cref="RecipeException">The recipe contradicts itself, its model, or the run that it is to resume.</exception>
    /// <exception cref="CheckpointException">The model or the folder can't be used, or the folder holds a run and <paramref name="resume"/> is false.</exception>
    public static SamplingRun Open(SamplingRecipe recipe, ITrainingObserver observer, bool resume = false)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(observer);
        recipe.Check();
        RunFolder folder = RunFolder.Open(recipe.Output);
        try
        {
            folder.RequireNew(resume);
            if (File.Exists(folder.Metrics)) SavedRecipe.RequireSame(folder.Recipe, recipe);
            AtomicFile.Write(folder.Recipe, Encoding.UTF8.GetBytes(RecipeReader.ToJson(recipe)));
            return new SamplingRun(recipe, observer, folder);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Samples until the last problem, or until it is cancelled, and writes the examples.</summary>
    /// <returns>How it ended; its steps are the problems asked, its folder is the file of examples.</returns>
    /// <exception cref="CheckpointException">The disk refused.</exception>
    /// <exception cref="DataException">Fewer examples were kept than the recipe asks for.</exception>
    public TrainingEnd Run(CancellationToken cancellation = default)
    {
        Stopwatch elapsed = Stopwatch.StartNew(), sinceReport = Stopwatch.StartNew();
        ModelSize size = ModelSize.Of(_model);
        _observer.Started(new TrainingStart
        {
            Name = _recipe.Description ?? _recipe.Output,
            TotalSteps = _recipe.Problems,
            StepsBefore = _done,
            Parameters = size.Main + size.Modules,
            ActiveParameters = size.ActivePerToken,
        });
        while (_done < _recipe.Problems)
        {
            try
            {
                Ask(cancellation);
            }
            catch (OperationCanceledException)
            {
                return End(TrainingOutcome.Stopped, elapsed.Elapsed, _folder.Path);
            }

            if (sinceReport.Elapsed < s_reportEvery) continue;
            sinceReport.Restart();
            _observer.Message($"{_done:N0} of {_recipe.Problems:N0} problems asked");
        }

        return End(TrainingOutcome.Completed, elapsed.Elapsed, Write());
    }

    /// <summary>Frees all memory and unlocks the folder.</summary>
    public void Dispose()
    {
        // Any of them is missing if making the run failed half way.
        _log?.Dispose();
        _model?.Dispose();
        _workers.Dispose();
        _folder.Dispose();
    }

    // 1. and 2. The next problems, which are the same whether or not the run was interrupted before them.
    private void Ask(CancellationToken cancellation)
    {
        int count = Math.Min(_recipe.AtOnce, _recipe.Problems - _done);
        Problem[] problems = [.. Enumerable.Range(_done, count).Select(i => _task.Generate(ProblemSplit.Training, (ulong)_recipe.Seed, i))];
        long seed = ((long)_recipe.Seed << 32) + _done / _recipe.AtOnce;
        RewardFunction rewards = new() { ThinkOpened = _prompts.OpensThinking };
        IReadOnlyList<Rollout> rollouts = _sampler.Sample(
            _task, rewards, problems, _recipe.Answers, _recipe.MaxTokens, _recipe.Temperature, seed, cancellation: cancellation);
        foreach (Rollout[] answers in rollouts.Chunk(_recipe.Answers))
        {
            _log.Append(new SampledProblem
            {
                Step = ++_done,
                Question = answers[0].Problem.Prompt,
                Answers = [.. answers.Select(answer => new SampledAnswer(answer.Text, answer.Response.Length, answer.Reward.Accuracy == 1, answer.Truncated))],
            });
        }
    }

    // 3. and 4. Judged from the log, in the order of the problems.
    private string Write()
    {
        string opening = _prompts.OpensThinking ? ResponseFormat.ThinkOpening : "", path = Path.Combine(_folder.Path, ExamplesFile);
        SamplingSummary summary = new();
        (IReadOnlyList<SampledResponse> kept, IReadOnlyDictionary<Rejection, int> rejected) = _recipe.Keep.Select(
            MetricsLog.Read(_folder.Metrics).OfType<SampledProblem>().SelectMany(problem => Responses(problem, opening, summary)));
        TrainingExample.Write(
            path, kept.Select(response => new TrainingExample(response.Prompt, response.Response, _prompts.Text(response.Prompt) + response.Response[opening.Length..])),
            _recipe.Format);
        summary.Kept = kept.Count;
        summary.KeptQuestions = kept.Select(response => response.Prompt).Distinct().Count();
        summary.Rejected = rejected;
        AtomicFile.Write(Path.Combine(_folder.Path, SummaryFile), Encoding.UTF8.GetBytes(RecipeReader.ToJson(summary) + "\n"));
        string reasons = string.Join(", ", rejected.OrderBy(pair => pair.Key).Select(pair => $"{pair.Value} {JsonNamingPolicy.CamelCase.ConvertName(pair.Key.ToString())}"));
        _observer.Message($"kept {kept.Count} of {summary.Answers} answers, {summary.Verified} of them right; turned down: {(reasons.Length > 0 ? reasons : "none")}");
        if (kept.Count >= _recipe.LeastExamples) return path;
        throw new DataException(
            path, $"it has {kept.Count} examples, expected {_recipe.LeastExamples} or more to train on; of {summary.Answers} answers {summary.Verified} were right: {Cause(summary)}");
    }

    // Why there is too little, as far as the counts tell.
    private static string Cause(SamplingSummary summary) => summary switch
    {
        { Verified: > 0 } => "keep turned down the others, or there were too few problems",
        _ when summary.Truncated * 2 > summary.Answers => $"{summary.Truncated} were cut off, so a higher maxTokens may help",
        _ => "the model does not solve this task yet, so train it further or ask easier problems",
    };

    private static IEnumerable<SampledResponse> Responses(SampledProblem problem, string opening, SamplingSummary summary)
    {
        summary.Problems++;
        foreach (SampledAnswer answer in problem.Answers)
        {
            summary.Answers++;
            summary.Tokens += answer.Tokens;
            summary.Verified += answer.Verified ? 1 : 0;
            summary.Truncated += answer.Truncated ? 1 : 0;
            yield return new SampledResponse(problem.Question, opening + answer.Text, answer.Tokens, answer.Verified);
        }
    }

    private TrainingEnd End(TrainingOutcome outcome, TimeSpan elapsed, string folder)
    {
        long tokens = MetricsLog.Read(_folder.Metrics).OfType<SampledProblem>().Sum(problem => problem.Answers.Sum(answer => (long)answer.Tokens));
        TrainingEnd end = new() { Outcome = outcome, Steps = _done, Tokens = tokens, Elapsed = elapsed, Folder = folder };
        _observer.Finished(end);
        return end;
    }
}
