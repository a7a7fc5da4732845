using System.Text.Json.Nodes;
using System.Text.Json.Schema;

namespace Hadal.Training;

/// <summary>The JSON schema of a recipe, by which editors complete and check it.</summary>
public static class RecipeSchema
{
    /// <summary>The schema of what <typeparamref name="T"/> is read from.</summary>
    public static string Of<T>()
    {
        JsonSchemaExporterOptions options = new() { TreatNullObliviousAsNonNullable = true };
        JsonObject schema = RecipeReader.Options.GetJsonSchemaAsNode(typeof(T), options).AsObject();
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
        schema["properties"]!.AsObject().Insert(0, "$schema", new JsonObject { ["type"] = "string" });
        return schema.ToJsonString(RecipeReader.Options) + "\n";
    }
}
