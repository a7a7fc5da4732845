using System.Text.Json.Nodes;
using Hadal.Reinforcement.Line;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>The JSON schema of all kinds of recipes, by which editors complete and check them: one of several, told apart by <c>stage</c>.</summary>
internal static class RecipeKindSchema
{
    private const string Definitions = "#/$defs/", Unnamed = "training", Suffix = "InLine";

    /// <summary>The schema as text.</summary>
    public static string Of(IReadOnlyList<RecipeKind> kinds)
    {
        JsonObject definitions = [];
        foreach (RecipeKind kind in kinds)
        {
            JsonObject recipe = Recipe(kind);
            if (kind.Stage == LineRecipe.Kind) Properties(recipe)["stages"] = new JsonObject { ["type"] = "array", ["minItems"] = 1, ["items"] = OneOf(kinds.Where(IsInLine), Suffix) };
            else definitions[Name(kind) + Suffix] = InLine(recipe.DeepClone().AsObject());
            Properties(recipe).Insert(0, "$schema", new JsonObject { ["type"] = "string" });
            definitions[Name(kind)] = recipe;
        }

        JsonObject schema = OneOf(kinds, "");
        schema.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        schema["$defs"] = definitions;
        return schema.ToJsonString(RecipeReader.Options) + "\n";
    }

    private static JsonObject Recipe(RecipeKind kind)
    {
        JsonObject recipe = RecipeSchema.Of(kind.Record);
        if (kind.Stage is { } stage) Properties(recipe)["stage"] = new JsonObject { ["const"] = stage };
        return recipe;
    }

    // As a stage of a line it has a name, and its output is the line's business.
    private static JsonObject InLine(JsonObject recipe)
    {
        Properties(recipe).Remove("output");
        Properties(recipe).Insert(0, "name", new JsonObject { ["type"] = "string" });
        IEnumerable<string> required = recipe["required"]?.AsArray().Select(key => key!.GetValue<string>()) ?? [];
        recipe["required"] = new JsonArray(["name", .. required.Where(key => key != "output")]);
        return recipe;
    }

    private static JsonObject OneOf(IEnumerable<RecipeKind> kinds, string suffix) => new()
    {
        ["oneOf"] = new JsonArray([.. kinds.Select(kind => new JsonObject { ["$ref"] = Definitions + Name(kind) + suffix })]),
    };

    private static bool IsInLine(RecipeKind kind) => kind.Stage != LineRecipe.Kind;

    private static string Name(RecipeKind kind) => kind.Stage ?? Unnamed;

    private static JsonObject Properties(JsonObject schema) => schema["properties"]!.AsObject();
}
