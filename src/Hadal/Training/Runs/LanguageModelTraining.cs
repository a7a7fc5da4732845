using System.Diagnostics;
using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Data;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Training;

/// <summary>
/// Next-token training: pretraining, and fine-tuning where the data are conversations. One step is
/// (1) draw a batch, (2) pass its micro-batches forward and back, (3) clip the gradients, (4) update the weights, (5) steer the routing
/// biases by the load, (6) average the weights. Everything that later steps depend on is saved, so a resumed run computes the bits that an
/// uninterrupted one would.
/// </summary>
public sealed class LanguageModelTraining : IDisposable
{
    private readonly PreparedRun _run;
    private readonly TrainingRecipe _recipe;
    private readonly Transformer _model;
    private readonly ITrainingObserver _observer;
    private readonly Graph _graph;
    private readonly ExpertLoad _load;
    private readonly DivergenceWatch _watch;
    private MetricsLog? _log;
    private int _step;
    private int? _savedStep;
    private long _tokens;

    private LanguageModelTraining(PreparedRun run, ITrainingObserver observer)
    {
        (_run, _recipe, _model, _observer) = (run, run.Recipe, run.Model, observer);
        _graph = new Graph(run.Workers, recording: true) { Precision = _recipe.Precision, Recomputes = _recipe.Recompute };
        _load = new ExpertLoad(_model);
        _watch = new DivergenceWatch(_recipe.Divergence.NormFactor);
    }

    /// <summary>Prepares a run: makes its folder, reads the data, makes or loads the model, and checks that memory and disk suffice.</summary>
    /// <param name="recipe">What to do.</param>
    /// <param name="observer">Watches; stays the caller's.</param>
    /// <param name="resume">Whether to go on from the last saved state of the output folder; without one the run begins.</param>
    /// <param name="cancellation">Stops the reading of data, and is checked between the other parts.</param>
    /// <exception cref="RecipeException">The recipe contradicts itself, its data, or the run that it is to resume.</exception>
    /// <exception cref="DataException">A source can't be read or used.</exception>
    /// <exception cref="CheckpointException">The folder can't be used, or holds a run and <paramref name="resume"/> is false.</exception>
    /// <exception cref="InsufficientMemoryException">The machine has too little memory for it.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static LanguageModelTraining Open(TrainingRecipe recipe, ITrainingObserver observer, bool resume = false, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(observer);
        LanguageModelTraining training = new(PreparedRun.Open(recipe, observer, resume, cancellation), observer);
        try
        {
            cancellation.ThrowIfCancellationRequested();
            training.RequireMemoryForActivations();
            cancellation.ThrowIfCancellationRequested();
            training.Restore();
            training._log = MetricsLog.OpenForResume(training._run.Folder.Metrics, training._step);
            return training;
        }
        catch
        {
            training.Dispose();
            throw;
        }
    }

    /// <summary>Trains until the last step, or until it is cancelled, which saves the state first.</summary>
    /// <exception cref="TrainingDivergedException">The loss or the gradients are no longer usable; the last usable state is saved.</exception>
    /// <exception cref="CheckpointException">The disk refused.</exception>
    public TrainingEnd Run(CancellationToken cancellation = default)
    {
        Stopwatch elapsed = Stopwatch.StartNew();
        _observer.Started(_run.Start(_step));
        try
        {
            while (_step < _run.TotalSteps)
            {
                if (cancellation.IsCancellationRequested) return End(TrainingOutcome.Stopped, elapsed.Elapsed);
                Tell(TakeStep());
                bool isLast = _step == _run.TotalSteps;
                if (IsDue(_recipe.Evaluation.Every) || isLast) Evaluate();
                if (IsDue(_recipe.Samples.Every)) WriteSamples(cancellation);
                if (IsDue(_recipe.Checkpoints.Every) || isLast) Save();
            }
        }
        catch (TrainingDivergedException)
        {
            _graph.Reset();
            End(TrainingOutcome.Diverged, elapsed.Elapsed);
            throw;
        }

        _run.WriteModel();
        return End(TrainingOutcome.Completed, elapsed.Elapsed);
    }

    /// <summary>Frees all memory and unlocks the folder.</summary>
    public void Dispose()
    {
        _graph.Dispose();
        _log?.Dispose();
        _run.Dispose();
    }

    private StepMetrics TakeStep()
    {
        long start = Stopwatch.GetTimestamp();

        // 1. A batch, cut into micro-batches that fit the memory.
        int length = _run.SequenceLength(_step);
        PackedBatch batch = _run.Data.Next(_run.Packs(_tokens), length);
        TrainingBatch[] parts = [.. MicroBatches(batch)];
        TargetTotals totals = parts.Select(part => TargetTotals.Of(part, _model.Modules.Count)).Aggregate((a, b) => a.Add(b));

        // 2. The gradient of the mean over all targets of the step. A batch can have none, of conversations that were cut: it teaches nothing.
        _load.Clear();
        StepLosses losses = new();
        foreach (TrainingBatch part in totals.Main > 0 ? parts : [])
        {
            Tensor loss = Loss(part, totals, losses, _load);
            if (!float.IsFinite(loss.Item)) throw Diverged($"the loss is {loss.Item}");
            _graph.Backward(loss);
            _graph.Reset();
        }

        // 3. Clipping by the norm of all gradients together.
        double norm = GradientNorm.Of(_run.Workers, _run.Optimizer.Parameters);
        if (!double.IsFinite(norm)) throw Diverged($"the gradient of {FirstNotFinite()} is not finite");
        if (_watch.Observe(norm) is { } problem) throw Diverged(problem);
        double scale = GradientNorm.ClipScale(norm, _recipe.Optimizer.MaxGradientNorm);

        // 4. to 6. The update, the biases, the average.
        double rate = _run.LearningRate(_step);
        _run.Optimizer.Step(_run.Workers, rate, scale, clearGradients: true);
        if (_step < _recipe.Balancing.Until * _run.TotalSteps) AuxiliaryLossFreeBalancing.UpdateBiases(_load, _recipe.Balancing.Speed);
        _run.Average?.Update(_run.Workers);

        _step++;
        _tokens += totals.Tokens;
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new StepMetrics
        {
            Step = _step,
            TotalSteps = _run.TotalSteps,
            Tokens = _tokens,
            Epoch = _run.Data.Sources.Min(source => source.Epochs),
            Loss = losses.Main.Mean,
            MtpLoss = losses.Modules.Weight > 0 ? losses.Modules.Mean : null,
            TeacherDivergence = losses.Teacher.Weight > 0 ? losses.Teacher.Mean : null,
            BalanceLoss = losses.Balance > 0 ? losses.Balance : null,
            LearningRate = rate,
            GradientNorm = norm,
            WasClipped = scale < 1,
            StepSeconds = seconds,
            TokensPerSecond = totals.Tokens / seconds,
            ModelFlopUtilisation = _run.Utilisation(totals.Tokens, length, seconds),
            MaxVio = _load.Layers.Count > 0 ? _load.Layers.Average(layer => ExpertLoad.MaxViolation(_load.Of(layer))) : null,
            MaxVioByLayer = _load.Layers.Count > 0 ? [.. _load.Layers.Select(layer => ExpertLoad.MaxViolation(_load.Of(layer)))] : null,
            ExpertLoad = _load.Layers.Count > 0 ? [.. _load.Layers.Select(layer => _load.Of(layer).ToArray().Select(count => (int)count).ToArray())] : null,
            PeakBytes = ProcessMemory.PeakBytes,
            SequenceLength = length,
            BatchTokens = (int)totals.Tokens,
        };
    }

    private Tensor Loss(TrainingBatch part, TargetTotals totals, StepLosses losses, ExpertLoad? load)
    {
        TrainingLoss loss = TrainingObjective.Build(_graph, _model, part, totals, _recipe.Objective, load);
        (Tensor whole, LossSum divergence) = _run.Teacher is { } teacher ? teacher.Add(_graph, _model, part, loss, totals) : (loss.Loss, default);
        losses.Add(loss, divergence);
        return whole;
    }

    private IEnumerable<TrainingBatch> MicroBatches(PackedBatch batch)
    {
        int size = _recipe.Batch.MicroPacks ?? batch.Packs;
        for (int first = 0; first < batch.Packs; first += size)
        {
            PackedBatch part = batch.Range(first, Math.Min(size, batch.Packs - first));
            yield return new TrainingBatch(part.Tokens, part.Targets.ToArray());
        }
    }

    private bool IsDue(int every) => every > 0 && _step % every == 0;

    private void Tell(TrainingEvent metrics)
    {
        _log!.Append(metrics);
        metrics.TellTo(_observer);
    }

    private void Evaluate()
    {
        if (_run.Data.HeldOutTokens == 0) return;
        using IDisposable? applied = _run.Average?.Applied(_run.Workers);
        EvaluationMetrics measured = HeldOutLoss.Measure(_run, _step) with { FromAverage = applied is not null };
        Tell(measured);
        _run.ObserveHeldOut(measured.Loss);
    }

    private void WriteSamples(CancellationToken cancellation)
    {
        using IDisposable? applied = _run.Average?.Applied(_run.Workers);
        foreach (SampleText sample in SampleWriter.Write(_run, _step, cancellation)) Tell(sample);
    }

    private void Save()
    {
        if (_savedStep == _step) return;
        long start = Stopwatch.GetTimestamp();
        TrainingState state = new()
        {
            Step = _step,
            Tokens = _tokens,
            Data = _run.Data.State,
            OptimizerSteps = _run.Optimizer.StepCount,
            AverageUpdates = _run.Average?.UpdateCount ?? 0,
            Norms = _watch.Norms,
            Exploded = _watch.Exploded,
            Plateau = _run.Plateau,
        };
        string folder = _run.Store.Save(_step, _model, RecipeReader.ToJson(state), _run.StateTensors(), _recipe.Checkpoints.Keep);
        _savedStep = _step;
        _observer.Saved(_step, folder, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    private void Restore()
    {
        if (_run.SavedStep is not { } saved) return;
        string folder = _run.Store.Folder(saved);
        TrainingState state = RecipeReader.Parse<TrainingState>(_run.Store.ReadState(saved), folder);
        _run.Store.ReadTensors(saved, _run.StateTensors());
        _run.Optimizer.StepCount = state.OptimizerSteps;
        if (_run.Average is { } average) average.UpdateCount = state.AverageUpdates;
        _run.Plateau = state.Plateau;
        try
        {
            _run.Data.Restore(state.Data);
        }
        catch (ArgumentException e)
        {
            throw new CheckpointException(folder, $"the run can't go on from it: {e.Message}", e);
        }

        _watch.Restore(state.Norms, state.Exploded);
        (_step, _savedStep, _tokens) = (state.Step, state.Step, state.Tokens);
    }

    private TrainingEnd End(TrainingOutcome outcome, TimeSpan elapsed)
    {
        if (outcome != TrainingOutcome.Completed) Save();
        _run.WriteReport();
        TrainingEnd end = new()
        {
            Outcome = outcome,
            Steps = _step,
            Tokens = _tokens,
            Elapsed = elapsed,
            Folder = outcome == TrainingOutcome.Completed ? _run.Folder.Model : _run.Store.Folder(_step),
        };
        _observer.Finished(end);
        return end;
    }

    // The state that is saved then is the one before this step: what someone will want to look at, or to go on from with other settings.
    private TrainingDivergedException Diverged(string problem) => new(
        $"{_recipe.Output}: training diverged at step {_step + 1}, since {problem}; the weights before that step are in {_run.Store.Folder(_step)}, and a lower learningRate.peak or a longer warm-up is the usual cure.");

    private string FirstNotFinite() => _run.Optimizer.Parameters
        .First(p => p.Value.Gradient is { } gradient && !double.IsFinite(Elementwise.SumOfSquares(_run.Workers, gradient.AsMatrix()))).Name;

    // One pack passes forward and back and leaves what it took in the graph's pool; a micro-batch takes that many times over.
    private void RequireMemoryForActivations()
    {
        int longest = _run.LongestSequence;
        int[] ids = [.. Enumerable.Range(0, longest).Select(i => i % _model.Config.VocabSize)];
        TrainingBatch pack = TrainingBatch.Within(TokenBatch.Of(ids));
        if (longest > 1) _graph.Backward(Loss(pack, TargetTotals.Of(pack, _model.Modules.Count), new StepLosses(), load: null));
        _graph.Reset();
        foreach (Parameter parameter in _run.Optimizer.Parameters) parameter.Value.ZeroGradient();
        long pass = _graph.PooledBytes + (_run.Teacher?.PassBytes ?? 0);
        StartupChecks.RequireMemoryForActivations(pass * (_recipe.Batch.MicroPacks ?? _recipe.Batch.Packs), "set batch.microPacks lower or recompute to true");
        _graph.Trim();
        _run.Teacher?.Trim();
    }
}
