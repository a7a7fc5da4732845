using System.Text.Json.Nodes;
using Hadal.Reinforcement.Line;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>
/// A kind of recipe, told apart by its key <c>stage</c>: the one list of what <c>hadal train</c> runs, what a line is made of, and what the
/// schema describes.
/// </summary>
public abstract class RecipeKind
{
    private protected RecipeKind(string? stage, Type record) => (Stage, Record) = (stage, record);

    /// <summary>All kinds. Next-token training comes first.</summary>
    public static IReadOnlyList<RecipeKind> All { get; } =
    [
        new RecipeKind<TrainingRecipe>(null, RecipeValidation.Check, static (recipe, observer, resume, cancellation) =>
        {
            using LanguageModelTraining training = LanguageModelTraining.Open(recipe, observer, resume, cancellation);
            return training.Run(cancellation);
        }),
        new RecipeKind<GroupPolicyRecipe>(GroupPolicyRecipeChecks.Stage, GroupPolicyRecipeChecks.Check, static (recipe, observer, resume, cancellation) =>
        {
            using GroupPolicyTraining training = GroupPolicyTraining.Open(recipe, observer, resume);
            return training.Run(cancellation);
        }),
        new RecipeKind<ProximalPolicyRecipe>(ProximalPolicyRecipeChecks.Stage, ProximalPolicyRecipeChecks.Check, static (recipe, observer, resume, cancellation) =>
        {
            using ProximalPolicyTraining training = ProximalPolicyTraining.Open(recipe, observer, resume);
            return training.Run(cancellation);
        }),
        new RecipeKind<DirectPreferenceRecipe>(PreferenceRecipeChecks.DirectPreferenceStage, PreferenceRecipeChecks.Check, static (recipe, observer, resume, cancellation) =>
        {
            using DirectPreferenceTraining training = DirectPreferenceTraining.Open(recipe, observer, resume);
            return training.Run(cancellation);
        }),
        new RecipeKind<RewardModelRecipe>(PreferenceRecipeChecks.RewardModelStage, PreferenceRecipeChecks.Check, static (recipe, observer, resume, cancellation) =>
        {
            using RewardModelTraining training = RewardModelTraining.Open(recipe, observer, resume);
            return training.Run(cancellation);
        }),
        new RecipeKind<SamplingRecipe>(SamplingRecipe.Kind, static recipe => recipe.Check(), static (recipe, observer, resume, cancellation) =>
        {
            using SamplingRun sampling = SamplingRun.Open(recipe, observer, resume);
            return sampling.Run(cancellation);
        }),
        new RecipeKind<WorkedSolutionsRecipe>(WorkedSolutionsRecipe.Kind, static recipe => recipe.Check(), WorkedSolutions.Run),
        new RecipeKind<LineRecipe>(LineRecipe.Kind, static recipe => recipe.Check(), static (recipe, observer, resume, cancellation) =>
        {
            using StageLine line = StageLine.Open(recipe.Output, recipe.ToStages(), observer, resume);
            return line.Run(cancellation);
        }),
    ];

    /// <summary>What recipes of the kind have as <c>stage</c>; null for next-token training, which has none.</summary>
    public string? Stage { get; }

    /// <summary>What they are read into.</summary>
    public Type Record { get; }

    /// <summary>The JSON schema of all kinds.</summary>
    public static string Schema() => RecipeKindSchema.Of(All);

    /// <summary>The kind of a recipe.</summary>
    /// <param name="stage">Its <c>stage</c>; null if it has none.</param>
    /// <param name="name">What messages call the recipe.</param>
    /// <exception cref="RecipeException">There is no such kind.</exception>
    public static RecipeKind Of(string? stage, string name) => All.FirstOrDefault(kind => kind.Stage == stage) ?? throw new RecipeException(
        $"{name}: 'stage' is '{stage}', expected one of {string.Join(", ", All.Select(kind => kind.Stage).OfType<string>())}, or none for pretraining and fine-tuning.");

    /// <summary>The kind of recipe that a file holds.</summary>
    /// <exception cref="RecipeException">The file can't be read, or there is no such kind.</exception>
    public static RecipeKind OfFile(string path) => Of(RecipeReader.Stage(path), path);

    /// <summary>Runs the recipe of a file to its end, or until it is cancelled, after which it can be resumed.</summary>
    /// <param name="path">The recipe.</param>
    /// <param name="settings">Overrides such as <c>optimizer.weightDecay=0.1</c>; an item of an array is named by its <c>name</c> or place.</param>
    /// <param name="observer">Watches; stays the caller's.</param>
    /// <param name="resume">Whether to go on with a run that is in the output folder already.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <exception cref="RecipeException">The file can't be read, or a key or value can't be.</exception>
    public TrainingEnd RunFile(string path, IReadOnlyList<string> settings, ITrainingObserver observer, bool resume = false, CancellationToken cancellation = default) =>
        Run(RecipeReader.ReadText(path), path, settings, observer, resume, cancellation);

    /// <summary>The same recipe with every default spelt out, checked by itself.</summary>
    /// <param name="recipe">The recipe as JSON.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="RecipeException">A key or value can't be.</exception>
    internal abstract JsonObject Complete(string recipe, string name);

    /// <summary>Runs a recipe, as <see cref="RunFile"/> does.</summary>
    internal abstract TrainingEnd Run(
        string recipe, string name, IReadOnlyList<string> settings, ITrainingObserver observer, bool resume, CancellationToken cancellation = default);
}

/// <summary>A kind whose recipes are read into <typeparamref name="T"/>.</summary>
/// <param name="stage">What they have as <c>stage</c>.</param>
/// <param name="check">Finds what can be wrong with a recipe by itself.</param>
/// <param name="run">Runs one: the recipe, who watches, whether to resume.</param>
internal sealed class RecipeKind<T>(string? stage, Action<T> check, Func<T, ITrainingObserver, bool, CancellationToken, TrainingEnd> run)
    : RecipeKind(stage, typeof(T))
{
    internal override JsonObject Complete(string recipe, string name) =>
        JsonNode.Parse(RecipeReader.ToJson(Read(recipe, name, [])))!.AsObject();

    internal override TrainingEnd Run(
        string recipe, string name, IReadOnlyList<string> settings, ITrainingObserver observer, bool resume, CancellationToken cancellation = default) =>
        run(Read(recipe, name, settings), observer, resume, cancellation);

    private T Read(string recipe, string name, IReadOnlyList<string> settings)
    {
        T read = RecipeReader.Parse<T>(recipe, name, settings);
        try
        {
            check(read);
            return read;
        }
        catch (RecipeException e)
        {
            // A check knows the key, but not which of several recipes it is in.
            throw new RecipeException($"{name}: {e.Message}", e);
        }
    }
}
