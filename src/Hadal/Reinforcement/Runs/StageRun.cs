using System.Diagnostics;
using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement.Diagnosis;
using Hadal.Tokenization;
using Hadal.Tokenization.Formats;
using Hadal.Training;
using Hadal.Training.Reports;

namespace Hadal.Reinforcement;

/// <summary>
/// What the run of any stage stands on: its folder, the model being trained, the optimiser, the log, and the loop of steps with its
/// evaluations and saved states. What a step does is the stage's own.
/// </summary>
internal sealed class StageRun : IDisposable
{
    private readonly StageRecipe _recipe;
    private readonly ITrainingObserver _observer;
    private readonly MetricsLog _log;
    private int? _savedStep;
    private ulong? _data;

    private StageRun(StageRecipe recipe, RunFolder folder, CheckpointStore store, int? saved, StageModel model, ITrainingObserver observer)
    {
        (_recipe, _observer, Folder, Store, Workers) = (recipe, observer, folder, store, new WorkerPool());
        try
        {
            Rates = recipe.LearningRate.Schedule();
            TokenizerConversion.CopyFiles(recipe.Model, folder.Tokenizer);
            Tokenizer = Tokenizer.Load(folder.Tokenizer);
            Model = model.Load(saved is { } step ? store.Folder(step) : recipe.Model, MatrixType);
            Heads = model.Heads(Model.Config);
            Optimizer = new Optimizer(recipe.Optimizer, [.. Model.Parameters, .. Heads], Workers);
            if (saved is not null) Restore(saved.Value);
            if (Step == 0) File.Delete(folder.Metrics); // a kill may have left the evaluation before the first step, which is made again
            _log = MetricsLog.OpenForResume(folder.Metrics, Step);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public RunFolder Folder { get; }

    public CheckpointStore Store { get; }

    public WorkerPool Workers { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>The model being trained.</summary>
    public Transformer Model { get; }

    /// <summary>Parameters trained beside the model's.</summary>
    public IReadOnlyList<Parameter> Heads { get; } = [];

    public Optimizer Optimizer { get; }

    public LearningRateSchedule Rates { get; }

    /// <summary>How matrices are held.</summary>
    public ElementType MatrixType => _recipe.Precision.WeightType();

    /// <summary>Steps made.</summary>
    public int Step { get; private set; }

    /// <summary>Tokens trained on.</summary>
    public long Tokens { get; set; }

    /// <summary>The last steps' statistics, which outlive a resume; empty where a stage has no such.</summary>
    public List<StepStatistics> History { get; } = [];

    /// <summary>Opens the folder, loads the model, and goes on from the last saved state if there is one.</summary>
    /// <param name="recipe">The recipe, checked.</param>
    /// <param name="observer">Watches; stays the caller's.</param>
    /// <param name="resume">Whether a run that is there may be gone on with.</param>
    /// <param name="model">What is trained; by default a language model alone.</param>
    /// <exception cref="RecipeException">The recipe is not that of the run to resume.</exception>
    /// <exception cref="CheckpointException">The model or the folder can't be used, or the disk has too little room.</exception>
    /// <exception cref="InsufficientMemoryException">The machine has too little memory for it.</exception>
    public static StageRun Open<T>(T recipe, ITrainingObserver observer, bool resume, StageModel? model = null)
        where T : StageRecipe
    {
        RunFolder folder = RunFolder.Open(recipe.Output);
        try
        {
            CheckpointStore store = new(folder);
            int? saved = store.Begin(recipe, resume, observer);
            RequireRoom(recipe, folder);
            return new StageRun(recipe, folder, store, saved, model ?? StageModel.Language, observer);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>What stands on a run, once a check of it has passed; if it fails, all is freed.</summary>
    public static T Checked<T>(T training, Action<T> check)
        where T : IDisposable
    {
        try
        {
            check(training);
            return training;
        }
        catch
        {
            training.Dispose();
            throw;
        }
    }

    /// <summary>Notes what the run reads; a run that is resumed must find the same.</summary>
    /// <param name="fingerprint">Tells the data from others.</param>
    /// <param name="path">Where they are.</param>
    /// <exception cref="CheckpointException">The run was begun on other data.</exception>
    public void ReadsData(ulong fingerprint, string path)
    {
        if (_data is { } begun && begun != fingerprint) throw new CheckpointException(path, "it is not as it was when the run began, expected the same to resume it");
        _data = fingerprint;
    }

    /// <summary>Takes steps until the last, or until it is cancelled, which saves the state of the last whole step.</summary>
    /// <param name="totalSteps">Steps of the whole run.</param>
    /// <param name="evaluateEvery">Steps between evaluations; there is one before the first step and one after the last.</param>
    /// <param name="takeStep">Makes a step. If it is cancelled on the way, it has changed nothing.</param>
    /// <param name="evaluate">Measures the model; null if there is nothing to measure.</param>
    /// <param name="writeModel">Writes the finished model.</param>
    /// <param name="cancellation">Stops the run.</param>
    public TrainingEnd Run(
        int totalSteps, int evaluateEvery, Func<CancellationToken, TrainingEvent> takeStep, Func<CancellationToken, TrainingEvent>? evaluate, Action writeModel,
        CancellationToken cancellation)
    {
        Stopwatch elapsed = Stopwatch.StartNew();
        _observer.Started(Start(totalSteps));
        try
        {
            if (Step == 0 && evaluate is not null) Tell(evaluate(cancellation));
            while (Step < totalSteps)
            {
                cancellation.ThrowIfCancellationRequested();
                TrainingEvent metrics = takeStep(cancellation);
                Step = metrics.Step;
                Tell(metrics);
                bool isLast = Step == totalSteps;
                if (evaluate is not null && (isLast || IsDue(evaluateEvery))) Tell(evaluate(cancellation));
                if (isLast || IsDue(_recipe.Checkpoints.Every)) Save();
            }
        }
        catch (OperationCanceledException)
        {
            // What was computed for a step that was not made is computed again, the same.
            Save();
            return End(TrainingOutcome.Stopped, elapsed.Elapsed, Store.Folder(Step));
        }

        writeModel();
        return End(TrainingOutcome.Completed, elapsed.Elapsed, Folder.Model);
    }

    /// <summary>Updates the weights by the gradients that have been added up, which are cleared.</summary>
    /// <returns>The norm of all gradients together, before clipping.</returns>
    /// <exception cref="TrainingDivergedException">A gradient is not finite.</exception>
    public double Update(double rate)
    {
        double norm = GradientNorm.Of(Workers, Optimizer.Parameters);
        if (!double.IsFinite(norm)) throw Diverged("a gradient is not finite");
        Optimizer.Step(Workers, rate, GradientNorm.ClipScale(norm, _recipe.Optimizer.MaxGradientNorm), clearGradients: true);
        return norm;
    }

    /// <summary>Passes a loss back, and makes room for the next.</summary>
    /// <exception cref="TrainingDivergedException">The loss is not finite.</exception>
    public void Backward(Graph g, Tensor loss)
    {
        if (!float.IsFinite(loss.Item)) throw Diverged($"the loss is {loss.Item}");
        g.Backward(loss);
        g.Reset();
    }

    /// <summary>
    /// Fails if the activations of a micro-batch need more memory than the machine can still give: one of its greatest passes forward and back and
    /// leaves what it took in the graph's pool.
    /// </summary>
    /// <param name="g">The graph that will record.</param>
    /// <param name="one">Makes the loss of the greatest on it.</param>
    /// <param name="together">How many pass at once.</param>
    /// <param name="advice">What makes it less.</param>
    /// <exception cref="InsufficientMemoryException">They do.</exception>
    public void RequireMemoryForActivations(Graph g, Func<Tensor> one, int together, string advice)
    {
        g.Backward(one());
        g.Reset();
        foreach (Parameter parameter in Optimizer.Parameters) parameter.Value.ZeroGradient();
        StartupChecks.RequireMemoryForActivations(g.PooledBytes * together, advice);
        g.Trim();
    }

    /// <summary>Writes the finished model with its tokenizer.</summary>
    public void WriteModel()
    {
        ModelWriter.Write(Model, Folder.Model, overwrite: true);
        TokenizerConversion.CopyFiles(Folder.Tokenizer, Folder.Model);
    }

    /// <summary>Frees all memory and unlocks the folder.</summary>
    public void Dispose()
    {
        // Any of them is missing if making the run failed half way.
        _log?.Dispose();
        Optimizer?.Dispose();
        foreach (Parameter head in Heads) head.Free();
        Model?.Dispose();
        Workers.Dispose();
        Folder.Dispose();
    }

    // What would otherwise fail when the first state is saved, or in the first update. Heads are small beside the model.
    private static void RequireRoom(StageRecipe recipe, RunFolder folder)
    {
        using Transformer description = ModelReader.Describe(recipe.Model);
        MemoryNeeds needs = MemoryNeeds.Of(
            description, recipe.Optimizer, recipe.Precision, Environment.ProcessorCount, isAveraged: false, [.. recipe.ReadModels]);
        StartupChecks.RequireMemory(needs.Total);
        StartupChecks.RequireDisk(folder.Path, needs.SavedState, Math.Max(1, recipe.Checkpoints.Keep + 2 - folder.SavedSteps().Count));
    }

    private TrainingStart Start(int totalSteps)
    {
        ModelSize size = ModelSize.Of(Model);
        long heads = Heads.Sum(head => head.Count);
        return new TrainingStart
        {
            Name = _recipe.Description ?? _recipe.Output,
            TotalSteps = totalSteps,
            StepsBefore = Step,
            Parameters = size.Main + size.Modules + heads,
            ActiveParameters = size.ActivePerToken + heads,
        };
    }

    private void Tell(TrainingEvent metrics)
    {
        _log.Append(metrics);
        metrics.TellTo(_observer);
    }

    private void Save()
    {
        if (_savedStep == Step) return;
        long start = Stopwatch.GetTimestamp();
        StageState state = new(Step, Tokens, Optimizer.StepCount) { History = [.. History.TakeLast(LearningDiagnosis.Window)], Data = _data };
        string folder = Store.Save(Step, Model, RecipeReader.ToJson(state), StateTensors(), _recipe.Checkpoints.Keep);
        _savedStep = Step;
        _observer.Saved(Step, folder, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    private void Restore(int step)
    {
        StageState state = RecipeReader.Parse<StageState>(Store.ReadState(step), Store.Folder(step));
        Store.ReadTensors(step, StateTensors());
        Optimizer.StepCount = state.OptimizerSteps;
        History.AddRange(state.History);
        _data = state.Data;
        (Step, _savedStep, Tokens) = (state.Step, state.Step, state.Tokens);
    }

    private IReadOnlyList<(string Name, Tensor Value)> StateTensors() =>
        [.. CheckpointStore.StateTensors(Model, Optimizer), .. Heads.Select(head => (head.Name, head.Value))];

    private TrainingEnd End(TrainingOutcome outcome, TimeSpan elapsed, string folder)
    {
        TrainingReport.Write(Folder.Report, _recipe.Description ?? "Reinforcement", [FinishedRun.Read(Folder.Path)]);
        TrainingEnd end = new() { Outcome = outcome, Steps = Step, Tokens = Tokens, Elapsed = elapsed, Folder = folder };
        _observer.Finished(end);
        return end;
    }

    private bool IsDue(int every) => every > 0 && Step % every == 0;

    private TrainingDivergedException Diverged(string problem) =>
        new($"{_recipe.Output}: training diverged at step {Step + 1}, since {problem}; a lower learningRate.peak is the usual cure.");
}
