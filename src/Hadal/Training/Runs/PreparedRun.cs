using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Data;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization;
using Hadal.Tokenization.Formats;
using Hadal.Training.Distillation;
using Hadal.Training.Reports;

namespace Hadal.Training;

/// <summary>All that a recipe asks for, made and checked against each other: folder, tokenizer, data, model, optimiser, schedules.</summary>
internal sealed class PreparedRun : IDisposable
{
    // How long the machine's peak is measured.
    private static readonly TimeSpan s_measure = TimeSpan.FromMilliseconds(200);

    private readonly BatchSizeSchedule _packs;
    private readonly SequenceLengthSchedule _lengths;
    private readonly LearningRateSchedule _rates;
    private readonly PlateauReduction? _plateau;
    private readonly double _peakFlops;

    private PreparedRun(TrainingRecipe recipe, RunFolder folder, int? savedStep, CheckpointStore store, ITrainingObserver observer, CancellationToken cancellation)
    {
        (Recipe, Folder, Store, SavedStep, Workers) = (recipe, folder, store, savedStep, new WorkerPool());
        try
        {
            (_packs, _lengths, _rates) = (recipe.Batch.PackSchedule(), recipe.Batch.LengthSchedule(), recipe.LearningRate.Schedule());
            _plateau = recipe.LearningRate.Plateau is { } plateau ? new PlateauReduction(plateau) : null;
            Tokenizer = RunTokenizer.Prepare(recipe, folder, observer);
            ModelConfig config = RunModel.Config(recipe, Tokenizer);
            if (config.MaxPositionEmbeddings < _lengths.Longest)
            {
                throw new RecipeException($"batch has sequences of {_lengths.Longest} tokens, expected at most the model's max_position_embeddings, {config.MaxPositionEmbeddings}.");
            }

            SampleWriter.RequireRoom(recipe.Samples, Tokenizer, config.MaxPositionEmbeddings);
            using (Transformer description = new(config))
            {
                string[] frozen = recipe.Teacher is { } named ? [named.Model] : [];
                Memory = MemoryNeeds.Of(description, recipe.Optimizer, recipe.Precision, Workers.Count, recipe.Average is not null, frozen);
            }

            StartupChecks.RequireMemory(Memory.Total);
            StartupChecks.RequireDisk(folder.Path, Memory.SavedState, Math.Max(1, recipe.Checkpoints.Keep + 2 - folder.SavedSteps().Count));
            Data = OpenData(observer, cancellation);
            TotalSteps = CountSteps();
            _ = LearningRate(0);
            if (recipe.Teacher is { } teacher) Teacher = new Teacher(teacher, config, Tokenizer, _lengths.Longest, recipe.Precision, Workers);
            Model = RunModel.Load(recipe, config, savedStep is { } step ? store.Folder(step) : recipe.Model.Path);
            Optimizer = new Optimizer(recipe.Optimizer, Model.Parameters, Workers);
            Average = recipe.Average is null ? null : new WeightAverage(recipe.Average, Optimizer.Parameters, Workers, Optimizer.Weights);
            _peakFlops = MachineCeilings.ProductGigaflops(Workers, recipe.Precision, s_measure) * 1e9;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public TrainingRecipe Recipe { get; }

    public RunFolder Folder { get; }

    public CheckpointStore Store { get; }

    /// <summary>The step whose saved state the run goes on from; null if it begins.</summary>
    public int? SavedStep { get; }

    public WorkerPool Workers { get; }

    public Tokenizer Tokenizer { get; }

    public PackedData Data { get; }

    public Transformer Model { get; }

    public Teacher? Teacher { get; }

    public Optimizer Optimizer { get; }

    public WeightAverage? Average { get; }

    public MemoryNeeds Memory { get; }

    public int TotalSteps { get; }

    /// <summary>How much the plateau rule has lowered the learning rate so far; null without one.</summary>
    public PlateauState? Plateau
    {
        get => _plateau?.State;
        set
        {
            if (_plateau is not null && value is not null) _plateau.State = value;
        }
    }

    /// <summary>Opens the folder and makes everything in it.</summary>
    /// <exception cref="CheckpointException">The folder holds a run and it is not to be resumed, or it can't be used.</exception>
    /// <exception cref="RecipeException">The recipe contradicts itself, its data or the run that it resumes.</exception>
    public static PreparedRun Open(TrainingRecipe recipe, ITrainingObserver observer, bool resume, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        RunFolder folder = RunFolder.Open(recipe.Output);
        try
        {
            RecipeValidation.Check(recipe);
            CheckpointStore store = new(folder);
            int? saved = store.Begin(recipe, resume, observer);
            return new PreparedRun(recipe, folder, saved, store, observer, cancellation);
        }
        catch (Exception e)
        {
            folder.Dispose();
            if (e is ArgumentException argument) throw new RecipeException($"the recipe can't be used: {Sentence(argument)}", e);
            throw;
        }
    }

    // Without the runtime's note of which parameter of ours it was.
    private static string Sentence(ArgumentException e) => e.Message.Replace($" (Parameter '{e.ParamName}')", "", StringComparison.Ordinal);

    public int LongestSequence => _lengths.Longest;

    public TrainingStart Start(int step)
    {
        ModelSize size = ModelSize.Of(Model);
        return new TrainingStart
        {
            Name = Recipe.Description ?? Recipe.Output,
            TotalSteps = TotalSteps,
            StepsBefore = step,
            Parameters = size.Main + size.Modules,
            ActiveParameters = size.ActivePerToken,
        };
    }

    public int Packs(long tokens) => _packs.At(tokens);

    public int SequenceLength(int step) => _lengths.At(step);

    public double LearningRate(int step) => _rates.At(step, TotalSteps) * (_plateau?.Multiplier ?? 1);

    public void ObserveHeldOut(double loss) => _plateau?.Observe(loss);

    /// <summary>Training arithmetic by what the machine can do, 0 to 1.</summary>
    public double Utilisation(long tokens, int length, double seconds) => tokens * TrainingFlops(length) / seconds / _peakFlops;

    /// <summary>The tensors that a saved state has beside the model's own files: the optimiser's, the average, and weights that the model's files round.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> StateTensors() => [.. CheckpointStore.StateTensors(Model, Optimizer), .. Average?.State ?? []];

    /// <summary>Writes the trained model, of averaged weights if there is an average, with its tokenizer.</summary>
    public void WriteModel()
    {
        using IDisposable? applied = Average?.Applied(Workers);
        ModelWriter.Write(Model, Folder.Model, overwrite: true);
        TokenizerConversion.CopyFiles(Folder.Tokenizer, Folder.Model);
    }

    /// <summary>Writes the page that shows the run from its metrics.</summary>
    public void WriteReport()
    {
        TrainingRun run = new() { Name = Recipe.Output, Events = [.. MetricsLog.Read(Folder.Metrics)], Recipe = RecipeReader.ToJson(Recipe) };
        run = FinishedRun.Sized(run, Model, _lengths.At(TotalSteps));
        TrainingReport.Write(Folder.Report, Recipe.Description ?? "Training", [run]);
    }

    public void Dispose()
    {
        // Any of them is missing if making the run failed half way.
        Average?.Dispose();
        Optimizer?.Dispose();
        Teacher?.Dispose();
        Model?.Dispose();
        Data?.Dispose();
        Workers.Dispose();
        Folder.Dispose();
    }

    private double TrainingFlops(int length) => ModelFlops.OfSequences(Model, length).Training;

    private PackedData OpenData(ITrainingObserver observer, CancellationToken cancellation)
    {
        long next = 0;
        ChatFormat? chat = ChatFormat.Of(Tokenizer, Folder.Tokenizer);
        DataOptions options = Recipe.Data with { Seed = Recipe.Seed, ChunkLength = _lengths.Longest };
        return PackedData.Open(options, Tokenizer, chat, Folder.TokenCache, Report, cancellation);

        void Report(DataProgress progress)
        {
            if (Environment.TickCount64 < next) return;
            next = Environment.TickCount64 + 2000;
            observer.Message($"reading {progress.Path}: {progress.Bytes / 1e6:F0} of {progress.TotalBytes / 1e6:F0} MB, {progress.Tokens / 1e6:F1} million tokens");
        }
    }

    // Batches are cheap to make beside training on them, and how many an epoch has depends on how its documents fit: so they are counted.
    private int CountSteps()
    {
        if (Recipe.Steps is { } steps) return steps;
        DataState start = Data.State;
        int count = 0;
        for (long tokens = 0; Data.Sources.Min(source => source.Epochs) < Recipe.Epochs; count++) tokens += Data.Next(Packs(tokens), SequenceLength(count)).TokenCount;
        Data.Restore(start);
        return count;
    }
}
