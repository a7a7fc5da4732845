using System.Text.Json.Nodes;

namespace Hadal.Training;

/// <summary>The recipe that a run was begun with: what decides its numbers can't change half way.</summary>
internal static class SavedRecipe
{
    // What only decides when something is shown or kept. Evaluations matter to a learning rate that looks at them.
    private static readonly string[] s_free = ["description", "output", "evaluation", "samples", "checkpoints", "divergence"];

    /// <summary>Fails if a resumed run would go on by another recipe.</summary>
    /// <param name="path">The saved recipe.</param>
    /// <param name="recipe">The recipe of now.</param>
    /// <exception cref="RecipeException">A key that matters differs; the message names it and both values.</exception>
    public static void RequireSame<T>(string path, T recipe)
    {
        // Both are written by the same code, so that defaults are spelt out in both.
        JsonNode saved = JsonNode.Parse(RecipeReader.ToJson(RecipeReader.Read<T>(path)))!;
        JsonNode now = JsonNode.Parse(RecipeReader.ToJson(recipe))!;
        if (RecipeDifference(saved.AsObject(), now.AsObject()) is { } difference)
        {
            throw new RecipeException($"{path}: the run was begun with {difference} in the recipe, expected the same to resume it.");
        }
    }

    /// <summary>The first key of a recipe that differs and matters, with both values, as part of a sentence; null if none does.</summary>
    /// <param name="saved">What was written down.</param>
    /// <param name="now">What is asked for.</param>
    public static string? RecipeDifference(JsonObject saved, JsonObject now)
    {
        string[] free = now["learningRate"]?["plateau"] is null ? s_free : [.. s_free.Except(["evaluation"])];
        return Difference(saved, now, free);
    }

    /// <summary>The first key that differs, with both values, as part of a sentence; null if none does.</summary>
    /// <param name="saved">What was written down.</param>
    /// <param name="now">What is asked for.</param>
    /// <param name="free">Keys at the top that may differ.</param>
    public static string? Difference(JsonObject saved, JsonObject now, params IReadOnlyList<string> free) =>
        Keys(saved, now).Except(free).Select(key => Difference(saved[key], now[key], key)).FirstOrDefault(found => found is not null);

    private static string? Difference(JsonNode? saved, JsonNode? now, string key)
    {
        if (saved is JsonObject a && now is JsonObject b)
        {
            return Keys(a, b).Select(name => Difference(a[name], b[name], $"{key}.{name}")).FirstOrDefault(found => found is not null);
        }

        return JsonNode.DeepEquals(saved, now) ? null : $"{key} = {saved?.ToJsonString() ?? "nothing"}, found {now?.ToJsonString() ?? "nothing"}";
    }

    private static IEnumerable<string> Keys(JsonObject a, JsonObject b) => a.Select(pair => pair.Key).Union(b.Select(pair => pair.Key));
}
