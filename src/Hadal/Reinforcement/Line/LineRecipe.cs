using System.Text.Json.Nodes;
using Hadal.Training;

namespace Hadal.Reinforcement.Line;

/// <summary>
/// Recipes one after the other, each resting on those before it, as R1 was made (arXiv 2501.12948, figure 2). In the recipe of a stage
/// <c>${name}</c> stands for what an earlier stage made: a model's folder, or a file of samples.
/// </summary>
public sealed record LineRecipe
{
    /// <summary>What tells a recipe of this kind apart.</summary>
    internal const string Kind = "line";

    private const string NameKey = "name", OutputKey = "output";

    /// <summary>What tells a recipe of this kind apart: <c>line</c>.</summary>
    public required string Stage { get; init; }

    /// <summary>What the recipe is for, in words.</summary>
    public string? Description { get; init; }

    /// <summary>The folder that the line makes; each stage gets a folder in it.</summary>
    public required string Output { get; init; }

    /// <summary>The recipes in their order, each with a <c>name</c> and without an output.</summary>
    public required IReadOnlyList<JsonObject> Stages { get; init; }

    /// <summary>The stages, each recipe read and checked, so that the last is refused before the first has run.</summary>
    /// <exception cref="RecipeException">A stage has no name, names an output, or its recipe can't be used.</exception>
    public IReadOnlyList<LineStage> ToStages()
    {
        List<LineStage> stages = [];
        for (int i = 0; i < Stages.Count; i++)
        {
            JsonObject recipe = Stages[i].DeepClone().AsObject();
            if (recipe[NameKey] is not JsonValue value || !value.TryGetValue(out string? name))
            {
                throw new RecipeException($"the recipe's stages[{i}].{NameKey} is {recipe[NameKey]?.ToJsonString() ?? "nothing"}, expected the stage's name.");
            }

            if (recipe.ContainsKey(OutputKey)) throw new RecipeException($"the stage '{name}' has an {OutputKey}, expected none: its folder is in the line's.");
            recipe.Remove(NameKey);
            stages.Add(LineStage.OfRecipe(name, recipe));
        }

        return stages;
    }

    /// <summary>Finds what can be wrong with the line by itself.</summary>
    /// <exception cref="RecipeException">A value can't be.</exception>
    internal void Check()
    {
        RecipeValidation.Require(Stage == Kind, "stage", Stage, Kind);
        StageReferences.Require(ToStages());
    }
}
