using System.Text.Json;
using Hadal.Server.Contracts;
using Hadal.Server.Http;
using Hadal.Tokenization.Templates;

namespace Hadal.Server.Endpoints;

/// <summary>Reads the messages of a conversation.</summary>
internal static class MessageReader
{
    /// <summary>Checks and converts messages.</summary>
    /// <exception cref="ApiException">There are none, or one can't be.</exception>
    public static IReadOnlyList<ChatMessage> Read(List<RequestMessage?>? messages)
    {
        if (messages is null or { Count: 0 }) throw ApiException.BadValue("messages", "is missing or empty, expected at least one message");
        return [.. messages.Select((message, i) => Read(message, $"messages[{i}]"))];
    }

    private static ChatMessage Read(RequestMessage? message, string param)
    {
        if (message is null) throw ApiException.BadValue(param, "is null, expected a message");
        string role = message.Role switch
        {
            "system" or "user" or "assistant" or "tool" => message.Role,
            "developer" => "system", // OpenAI's newer name of it, which templates don't know
            _ => throw ApiException.BadValue($"{param}.role", "must be 'system', 'developer', 'user', 'assistant' or 'tool'"),
        };
        string? content = JsonTexts.IsGiven(message.Content) ? Content(message.Content!.Value, $"{param}.content") : null;
        JsonElement? calls = JsonTexts.IsGiven(message.ToolCalls) ? ToolCalls(message.ToolCalls!.Value, role, $"{param}.tool_calls") : null;
        if (content is null && calls is null && role != "assistant") throw ApiException.BadValue($"{param}.content", "is missing");
        if (role == "tool" && message.ToolCallId is null) throw ApiException.BadValue($"{param}.tool_call_id", "is missing");
        return new ChatMessage(role, content)
        {
            Name = message.Name,
            ReasoningContent = message.ReasoningContent,
            ToolCalls = calls,
            ToolCallId = message.ToolCallId,
            Extra = Others(message.Others, param),
        };
    }

    // Several parts are lines of one text, as templates take texts.
    private static string Content(JsonElement content, string param) => content.ValueKind switch
    {
        JsonValueKind.String => JsonTexts.Read(content, param),
        JsonValueKind.Array => string.Join('\n', Checked(content, param).EnumerateArray().Select((part, i) => Part(part, $"{param}[{i}]"))),
        _ => throw ApiException.BadValue(param, "must be a string or an array of parts"),
    };

    private static JsonElement Checked(JsonElement content, string param)
    {
        JsonTexts.Check(content, param);
        return content;
    }

    private static string Part(JsonElement part, string param)
    {
        if (part.ValueKind != JsonValueKind.Object || !part.TryGetProperty("type", out JsonElement type) || type.ValueKind != JsonValueKind.String)
        {
            throw ApiException.BadValue(param, "must be an object with a 'type'");
        }

        string member = type.ValueEquals("text") ? "text" : type.ValueEquals("refusal") ? "refusal"
            : throw ApiException.BadValue($"{param}.type", "must be 'text': this server's models read nothing else");
        return part.TryGetProperty(member, out JsonElement text) && text.ValueKind == JsonValueKind.String
            ? JsonTexts.Read(text, $"{param}.{member}")
            : throw ApiException.BadValue($"{param}.{member}", "must be a string");
    }

    private static JsonElement? ToolCalls(JsonElement calls, string role, string param)
    {
        if (role != "assistant") throw ApiException.BadValue(param, "is only allowed in messages of the assistant");
        JsonTexts.Check(calls, param);
        if (calls.ValueKind != JsonValueKind.Array) throw ApiException.BadValue(param, "must be an array");
        foreach (JsonElement call in calls.EnumerateArray())
        {
            if (call.ValueKind != JsonValueKind.Object || !call.TryGetProperty("function", out JsonElement function) || function.ValueKind != JsonValueKind.Object
                || !IsText(function, "name") || !IsText(function, "arguments"))
            {
                throw ApiException.BadValue(param, "must have objects with a 'function' that has 'name' and 'arguments', two strings");
            }
        }

        return calls.GetArrayLength() == 0 ? null : calls;
    }

    private static bool IsText(JsonElement parent, string member) => parent.TryGetProperty(member, out JsonElement value) && value.ValueKind == JsonValueKind.String;

    // What only a template may know, such as DeepSeek's "prefix". Clients send answers back whole, with members that are null or empty.
    private static JsonElement? Others(Dictionary<string, JsonElement>? others, string param)
    {
        Dictionary<string, JsonElement> given = [];
        foreach ((string name, JsonElement value) in others ?? [])
        {
            if (!JsonTexts.IsGiven(value) || name is "refusal" or "annotations") continue;
            if (name is "function_call" or "audio") throw ApiException.BadValue($"{param}.{name}", "is not supported");
            JsonTexts.Check(value, $"{param}.{name}");
            given[name] = value;
        }

        return given.Count == 0 ? null : JsonSerializer.SerializeToElement(given, ServerJson.Relaxed.DictionaryStringJsonElement);
    }
}
