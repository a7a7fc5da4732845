using System.Diagnostics;
using Hadal.Autograd;
using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Preferences;
using Hadal.Reinforcement.Rollouts;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>Judges pairs: rewards and loss, on a graph that may record.</summary>
internal delegate JudgedPairs PairJudge(Graph g, EncodedPair[] pairs);

/// <summary>
/// Training on pairs, whatever is learnt of them: a step is (1) the next pairs, (2) the judgment and its gradient, micro-batch by
/// micro-batch, (3) the update.
/// </summary>
internal sealed class PreferenceRun : IDisposable
{
    private readonly PreferenceRecipe _recipe;
    private readonly PreferenceData _data;
    private readonly EncodedPair[] _heldOut;
    private readonly Graph _graph;
    private readonly Graph _measuring;
    private readonly int _totalSteps;

    private PreferenceRun(PreferenceRecipe recipe, StageRun stage, ITrainingObserver observer)
    {
        (_recipe, Stage) = (recipe, stage);
        try
        {
            PromptWriter prompts = new(recipe.Prompt ?? PromptWriter.StyleOf(stage.Tokenizer), stage.Tokenizer);
            _data = PreferenceData.Load(recipe.Data, prompts, stage.Model.Config.MaxPositionEmbeddings, recipe.Seed, observer.Message);
            stage.ReadsData(_data.Fingerprint, recipe.Data.Path);
            _heldOut = [.. _data.HeldOut.Take(recipe.Evaluation.Pairs)];
            _totalSteps = recipe.Steps ?? checked((int)Math.Ceiling(recipe.Epochs!.Value * _data.Training.Count / recipe.Batch.Pairs));
            _graph = new Graph(stage.Workers, recording: true) { Precision = recipe.Precision };
            _measuring = new Graph(stage.Workers, recording: false) { Precision = recipe.Precision };
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public StageRun Stage { get; }

    /// <summary>Opens the folder, reads the pairs, and loads the model.</summary>
    /// <param name="recipe">The recipe, checked.</param>
    /// <param name="observer">Watches; stays the caller's.</param>
    /// <param name="resume">Whether a run that is there may be gone on with.</param>
    /// <param name="model">What is trained; by default a language model alone.</param>
    public static PreferenceRun Open<T>(T recipe, ITrainingObserver observer, bool resume, StageModel? model = null)
        where T : PreferenceRecipe => new(recipe, StageRun.Open(recipe, observer, resume, model), observer);

    /// <summary>Fails if the activations of a micro-batch would not fit, by those of the longest pair.</summary>
    /// <exception cref="InsufficientMemoryException">They would not.</exception>
    public void RequireMemoryForActivations(PairJudge judge) => Stage.RequireMemoryForActivations(
        _graph,
        () =>
        {
            JudgedPairs judged = judge(_graph, [_data.Training.MaxBy(pair => pair.Tokens)!]);
            return judged.Loss.OnGraph(_graph, judged.Output);
        },
        _recipe.Batch.MicroPairs ?? _recipe.Batch.Pairs, "set batch.microPairs or data.maxTokens lower");

    /// <summary>Trains until the last step, or until it is cancelled.</summary>
    public TrainingEnd Run(PairJudge judge, CancellationToken cancellation) => Stage.Run(
        _totalSteps, _recipe.Evaluation.Every, _ => TakeStep(judge), _heldOut.Length == 0 ? null : c => Evaluate(judge, c), Stage.WriteModel, cancellation);

    /// <summary>Frees all memory and unlocks the folder.</summary>
    public void Dispose()
    {
        // Missing if making the run failed half way.
        _graph?.Dispose();
        _measuring?.Dispose();
        Stage.Dispose();
    }

    private PreferenceStepMetrics TakeStep(PairJudge judge)
    {
        long start = Stopwatch.GetTimestamp();

        // 1. Pairs.
        EncodedPair[] pairs = _data.Batch(Stage.Step, _recipe.Batch.Pairs);
        long tokens = pairs.Sum(pair => (long)pair.Tokens);

        // 2. The gradient of the mean loss over all of them.
        PairStatistics statistics = new();
        foreach (EncodedPair[] part in pairs.Chunk(_recipe.Batch.MicroPairs ?? pairs.Length))
        {
            JudgedPairs judged = judge(_graph, part);
            statistics.Add(judged);
            LossAndGradient loss = judged.Loss.Times((double)part.Length / pairs.Length);
            Stage.Backward(_graph, loss.OnGraph(_graph, judged.Output));
        }

        // 3. The update.
        double rate = Stage.Rates.At(Stage.Step, _totalSteps), norm = Stage.Update(rate);
        Stage.Tokens += tokens;
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new PreferenceStepMetrics
        {
            Step = Stage.Step + 1,
            TotalSteps = _totalSteps,
            Tokens = Stage.Tokens,
            Epoch = (Stage.Step + 1.0) * _recipe.Batch.Pairs / _data.Training.Count,
            Loss = statistics.Loss,
            ChosenReward = statistics.Chosen,
            RejectedReward = statistics.Rejected,
            Margin = statistics.Margin,
            Accuracy = statistics.Accuracy,
            ChosenLogProbability = statistics.ChosenLogProbability,
            RejectedLogProbability = statistics.RejectedLogProbability,
            GradientNorm = norm,
            LearningRate = rate,
            StepSeconds = seconds,
            TokensPerSecond = tokens / seconds,
        };
    }

    private PreferenceEvaluationMetrics Evaluate(PairJudge judge, CancellationToken cancellation)
    {
        PairStatistics statistics = new();
        foreach (EncodedPair[] part in _heldOut.Chunk(_recipe.Batch.MicroPairs ?? _recipe.Batch.Pairs))
        {
            cancellation.ThrowIfCancellationRequested();
            statistics.Add(judge(_measuring, part));
            _measuring.Reset();
        }

        return new PreferenceEvaluationMetrics
        {
            Step = Stage.Step,
            Pairs = statistics.Pairs,
            Loss = statistics.Loss,
            Margin = statistics.Margin,
            Accuracy = statistics.Accuracy,
        };
    }
}
