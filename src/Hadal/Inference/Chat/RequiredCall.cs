using System.Text.Json;
using System.Text.Json.Nodes;

namespace Hadal.Inference.Chat;

/// <summary>
/// How a model is made to call a tool: the prompt goes on with the beginning of a call, a schema holds the model to the rest, and what ends a
/// call is added. Thoughts that the prompt opened are closed first.
/// </summary>
/// <param name="Opening">Markup that begins the call.</param>
/// <param name="Name">The tool's name, where it stands in the markup; empty where the model writes it.</param>
/// <param name="Middle">Markup between the name and what the model writes.</param>
/// <param name="Closing">Markup that ends the call.</param>
/// <param name="Schema">What the model writes.</param>
internal sealed record RequiredCall(string Opening, string Name, string Middle, string Closing, JsonElement Schema)
{
    /// <summary>The text before what the model writes.</summary>
    public string Before => Opening + Name + Middle;

    /// <summary>A schema for one object with the name of a tool and, under the given key, what its own schema asks for.</summary>
    public static JsonElement NameAnd(string key, IReadOnlyList<Tool> tools) => JsonSerializer.SerializeToElement(new JsonObject
    {
        ["anyOf"] = new JsonArray([.. tools.Select(tool => new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject { ["name"] = new JsonObject { ["const"] = tool.Name }, [key] = JsonSerializer.SerializeToNode(tool.Parameters) },
            ["required"] = new JsonArray("name", key),
            ["additionalProperties"] = false,
        })]),
    });
}
