using System.Text.Json.Nodes;
using Hadal.Training;

namespace Hadal.Reinforcement.Line;

/// <summary>What a stage has made.</summary>
/// <param name="Output">A file or folder within the stage's folder: what later stages rest on.</param>
/// <param name="Tokens">Tokens trained on or sampled, where that means something.</param>
public sealed record StageResult(string Output, long Tokens = 0);

/// <summary>A stage of a line: a recipe, or a piece of C#.</summary>
public sealed class LineStage
{
    private const string OutputKey = "output";

    /// <summary>Makes a stage of a piece of C#.</summary>
    /// <param name="name">Its name: letters, digits, - and _.</param>
    /// <param name="definition">
    /// Everything that decides what it makes, such as its settings. A stage that was begun or is finished is refused if this has changed.
    /// <c>${name}</c> in it must name an earlier stage.
    /// </param>
    /// <param name="run">
    /// Makes something in the folder that it is given. It may run again after it was interrupted at any point: it then starts over or goes on, and
    /// must make the same. Cancelled, it throws <see cref="OperationCanceledException"/>.
    /// </param>
    public LineStage(string name, JsonObject definition, Func<StageContext, CancellationToken, StageResult> run)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(definition);
        ArgumentNullException.ThrowIfNull(run);
        (Name, Definition, Run) = (name, definition, run);
    }

    private LineStage(string name, RecipeKind kind, JsonObject recipe, string text)
        : this(name, recipe, (context, cancellation) => RunRecipe(kind, text, context, cancellation)) => Kind = kind;

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>What decides what it makes; of a recipe all of it, defaults included, but for its output.</summary>
    public JsonObject Definition { get; }

    internal Func<StageContext, CancellationToken, StageResult> Run { get; }

    /// <summary>The kind of recipe; null for C#.</summary>
    internal RecipeKind? Kind { get; }

    /// <summary>Makes a stage of a recipe.</summary>
    /// <param name="name">Its name: letters, digits, - and _.</param>
    /// <param name="recipe">The recipe as JSON; <c>${name}</c> in its texts stands for what an earlier stage made. An output is not needed, and replaced.</param>
    /// <exception cref="RecipeException">The recipe can't be used by itself, or is a line.</exception>
    public static LineStage OfRecipe(string name, JsonObject recipe)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        string described = $"the stage '{name}'";
        RecipeKind kind = RecipeKind.Of(recipe["stage"]?.ToString(), described);
        if (kind.Stage == LineRecipe.Kind) throw new RecipeException($"{described} is a line, expected a recipe that makes one thing.");
        JsonObject complete = Complete(kind, described, recipe);
        return new LineStage(name, kind, complete, complete.ToJsonString());
    }

    /// <summary>Makes a stage of a recipe.</summary>
    /// <param name="name">Its name: letters, digits, - and _.</param>
    /// <param name="recipe">A recipe of one of <see cref="RecipeKind.All"/>; its output is replaced.</param>
    /// <exception cref="RecipeException">The recipe can't be used by itself, or is a line.</exception>
    public static LineStage OfRecipe<T>(string name, T recipe)
        where T : class => OfRecipe(name, JsonNode.Parse(RecipeReader.ToJson(recipe))!.AsObject());

    /// <summary>What was written down of a stage's definition, as this version of the program would write it.</summary>
    internal JsonObject Reread(JsonObject saved, string path) => Complete(Kind!, path, saved);

    private static JsonObject Complete(RecipeKind kind, string name, JsonObject recipe)
    {
        JsonObject placed = recipe.DeepClone().AsObject();
        placed[OutputKey] = ".";
        JsonObject complete = kind.Complete(placed.ToJsonString(), name);
        complete.Remove(OutputKey);
        return complete;
    }

    private static StageResult RunRecipe(RecipeKind kind, string text, StageContext context, CancellationToken cancellation)
    {
        JsonObject recipe = StageReferences.Resolve(JsonNode.Parse(text), context.Output)!.AsObject();
        recipe[OutputKey] = context.Folder;
        TrainingEnd end = kind.Run(recipe.ToJsonString(), $"the stage '{context.Name}'", [], context.Observer, context.Resumes, cancellation);
        if (end.Outcome != TrainingOutcome.Completed) throw new OperationCanceledException(cancellation);
        return new StageResult(end.Folder, end.Tokens);
    }
}
