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
    /// <param name="rate">Its learning rate.</param>
    /// <exception cref="RecipeException">A key that matters differs; the message names it and both values.</exception>
    public static void RequireSame<T>(string path, T recipe, LearningRateOptions rate)
    {
        // Both are written by the same code, so that defaults are spelt out in both.
        JsonNode saved = JsonNode.Parse(RecipeReader.ToJson(RecipeReader.Read<T>(path)))!;
        JsonNode now = JsonNode.Parse(RecipeReader.ToJson(recipe))!;
        string[] free = rate.Plateau is null ? s_free : [.. s_free.Except(["evaluation"])];
        foreach (string key in free)
        {
            saved.AsObject().Remove(key);
            now.AsObject().Remove(key);
        }

        Compare(saved, now, "", path);
    }

    private static void Compare(JsonNode? saved, JsonNode? now, string key, string path)
    {
        if (saved is JsonObject a && now is JsonObject b)
        {
            foreach (string name in a.Select(p => p.Key).Union(b.Select(p => p.Key)).ToArray()) Compare(a[name], b[name], key.Length == 0 ? name : $"{key}.{name}", path);
        }
        else if (!JsonNode.DeepEquals(saved, now))
        {
            throw new RecipeException(
                $"{path}: the run was begun with {key} = {saved?.ToJsonString() ?? "nothing"}, found {now?.ToJsonString() ?? "nothing"} in the recipe, expected the same to resume it.");
        }
    }
}
