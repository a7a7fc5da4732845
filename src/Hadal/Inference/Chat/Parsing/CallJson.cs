using System.Text.Json;

namespace Hadal.Inference.Chat.Parsing;

/// <summary>Reads calls that models write as JSON.</summary>
internal static class CallJson
{
    /// <summary>A call in the text of an object with a name and, under one of the given names, its arguments; null if it is none.</summary>
    public static ToolCall? Parse(string text, params ReadOnlySpan<string> argumentNames)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) return null;
            if (!root.TryGetProperty("name", out JsonElement name) || name.ValueKind != JsonValueKind.String) return null;
            string arguments = "{}";
            foreach (string argumentName in argumentNames)
            {
                if (!root.TryGetProperty(argumentName, out JsonElement given)) continue;
                string? read = given.ValueKind == JsonValueKind.String ? Object(given.GetString()!) : Object(given);
                if (read is null) return null;
                arguments = read;
            }

            return name.GetString() is { Length: > 0 } function ? Call(function, arguments) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Half a surrogate pair in an escape is an InvalidOperationException.
            return null;
        }
    }

    /// <summary>A call with arguments that are the text of an object; null if they are none.</summary>
    public static ToolCall? Of(string name, string arguments)
    {
        try
        {
            return name.Length > 0 && Object(arguments) is { } read ? Call(name, read) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A call under a new id.</summary>
    public static ToolCall Call(string name, string arguments) => new($"call_{Guid.NewGuid():N}"[..29], name, arguments);

    private static string? Object(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return Object(document.RootElement);
    }

    private static string? Object(JsonElement element) => element.ValueKind == JsonValueKind.Object ? element.GetRawText() : null;
}
