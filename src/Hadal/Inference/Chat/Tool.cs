using System.Text.Json;

namespace Hadal.Inference.Chat;

/// <summary>A tool of a request.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Parameters">The schema of its arguments, an object's.</param>
internal sealed record Tool(string Name, JsonElement Parameters)
{
    private static readonly JsonElement s_none = JsonSerializer.SerializeToElement(new { type = "object", properties = new { }, additionalProperties = false });

    /// <summary>Reads a tool as OpenAI describes it.</summary>
    /// <exception cref="ArgumentException">It has no name.</exception>
    public static Tool Of(JsonElement tool)
    {
        if (Member(tool, "function") is not { ValueKind: JsonValueKind.Object } function
            || Member(function, "name") is not { ValueKind: JsonValueKind.String } name || name.GetString() is not { Length: > 0 } text)
        {
            throw new ArgumentException("a tool has no name, expected an object with 'type' and 'function', which has a 'name'", nameof(tool));
        }

        return new Tool(text, Member(function, "parameters") is { ValueKind: JsonValueKind.Object } parameters ? parameters : s_none);
    }

    private static JsonElement? Member(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value) ? value : null;
}
