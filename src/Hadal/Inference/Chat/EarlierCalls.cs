using System.Text.Json;
using System.Text.Json.Nodes;
using Hadal.Tokenization.Templates;

namespace Hadal.Inference.Chat;

/// <summary>
/// How a template wants the calls that the assistant made before. OpenAI gives arguments as the text of an object; most templates write
/// objects, some only texts. And where an assistant says nothing but calls, some want no content and others an empty one. Each template is
/// asked once, by rendering a call in all four ways.
/// </summary>
internal sealed record EarlierCalls(bool AsObjects, bool EmptyContent)
{
    private const string Needle = "\"needle\": \"in the haystack\"";

    /// <summary>Asks a template; null if it writes no calls.</summary>
    public static EarlierCalls? Of(ChatTemplate template, ChatTemplateOptions options)
    {
        foreach (EarlierCalls way in (ReadOnlySpan<EarlierCalls>)[new(true, false), new(true, true), new(false, false), new(false, true)])
        {
            ChatMessage call = new("assistant", null)
            {
                ToolCalls = JsonSerializer.SerializeToElement<object[]>(
                    [new { id = "call00001", type = "function", function = new { name = "search", arguments = $"{{{Needle}}}" } }]),
            };
            try
            {
                ChatMessage result = new("tool", "found") { ToolCallId = "call00001", Name = "search" };
                string text = template.Render([new("user", "Search."), way.Apply(call), result], addGenerationPrompt: true, options);
                if (text.Contains(Needle, StringComparison.Ordinal)) return way;
            }
            catch (TemplateException)
            {
                // Not in this way.
            }
        }

        return null;
    }

    /// <summary>The message as the template wants it.</summary>
    public ChatMessage Apply(ChatMessage message)
    {
        if (message.ToolCalls is not { ValueKind: JsonValueKind.Array } calls) return message;
        JsonArray rewritten = JsonSerializer.SerializeToNode(calls)!.AsArray();
        foreach (JsonNode? call in rewritten)
        {
            JsonObject? function = call is JsonObject whole ? whole["function"] as JsonObject ?? whole : null;
            if (function?["arguments"] is { } arguments) function["arguments"] = Written(arguments);
        }

        string? content = EmptyContent ? message.Content ?? "" : message.Content is { Length: > 0 } said ? said : null;
        return message with { Content = content, ToolCalls = JsonSerializer.SerializeToElement(rewritten) };
    }

    private JsonNode? Written(JsonNode arguments)
    {
        bool isText = arguments.GetValueKind() == JsonValueKind.String;
        if (isText != AsObjects) return arguments.DeepClone();
        if (!isText) return JsonValue.Create(arguments.ToJsonString());
        try
        {
            return JsonNode.Parse(arguments.GetValue<string>()) is JsonObject parsed ? parsed : arguments.DeepClone();
        }
        catch (JsonException)
        {
            return arguments.DeepClone();
        }
    }
}
