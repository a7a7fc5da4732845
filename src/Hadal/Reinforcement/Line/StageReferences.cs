using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Hadal.Training;

namespace Hadal.Reinforcement.Line;

/// <summary>Names of stages, which are parts of folder names, and <c>${name}</c> in recipes, which stands for what a stage made.</summary>
internal static partial class StageReferences
{
    /// <summary>Fails unless all names can be told apart and every <c>${name}</c> names an earlier stage.</summary>
    /// <exception cref="RecipeException">There is no stage, or one can't; the message names it.</exception>
    public static void Require(IReadOnlyList<LineStage> stages)
    {
        if (stages.Count == 0) throw new RecipeException("the line has no stage, expected one or more.");
        List<string> earlier = [];
        foreach (LineStage stage in stages)
        {
            if (!Name().IsMatch(stage.Name)) throw new RecipeException($"a stage is called '{stage.Name}', expected letters, digits, - and _.");
            if (earlier.Contains(stage.Name, StringComparer.OrdinalIgnoreCase)) throw new RecipeException($"two stages are called '{stage.Name}', expected names that differ.");
            foreach (Match reference in Reference().Matches(stage.Definition.ToJsonString(RecipeReader.Options)))
            {
                if (earlier.Contains(reference.Groups[1].Value)) continue;
                string expected = earlier.Count == 0 ? "none, since no stage comes before it" : $"one of the stages before it: {string.Join(", ", earlier)}";
                throw new RecipeException($"the stage '{stage.Name}' rests on {reference.Value}, expected {expected}.");
            }

            earlier.Add(stage.Name);
        }
    }

    /// <summary>The same JSON with every <c>${name}</c> in its texts replaced.</summary>
    public static JsonNode? Resolve(JsonNode? node, Func<string, string> output) => node switch
    {
        JsonObject o => new JsonObject(o.Select(pair => KeyValuePair.Create(pair.Key, Resolve(pair.Value, output)))),
        JsonArray a => new JsonArray([.. a.Select(item => Resolve(item, output))]),
        JsonValue v when v.GetValueKind() == JsonValueKind.String => Reference().Replace(v.GetValue<string>(), match => output(match.Groups[1].Value)),
        _ => node?.DeepClone(),
    };

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    private static partial Regex Name();

    [GeneratedRegex(@"\$\{([^{}]*)\}")]
    private static partial Regex Reference();
}
