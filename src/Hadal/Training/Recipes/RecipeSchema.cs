using System.Text.Json.Nodes;
using System.Text.Json.Schema;

namespace Hadal.Training;

/// <summary>The JSON schema of a record that recipes are read into.</summary>
internal static class RecipeSchema
{
    /// <summary>What the reader takes for a type: its keys, which of them must be there, and nothing else.</summary>
    public static JsonObject Of(Type type) =>
        RecipeReader.Options.GetJsonSchemaAsNode(type, new JsonSchemaExporterOptions { TreatNullObliviousAsNonNullable = true }).AsObject();
}
