using System.Text.Json;
using Hadal.Tokenization.Templates;

namespace Hadal.Tests.Tokenization.Templates;

/// <summary>Conversations and options written as JSON, and templates rendered with them.</summary>
internal static class Chat
{
    /// <summary>What the language tests' templates find.</summary>
    private static readonly ChatTemplateOptions _values = new()
    {
        Clock = new FixedClock(),
        Variables = Json("""
            {
              "a": 1, "b": 2, "s": "Hello World", "u": "naïve 😀 ß", "l": [1, 2, 3], "d": {"x": 1, "y": "two", "z": null},
              "n": null, "t": true, "f": false, "r": 3.5, "e": "",
              "users": [
                {"name": "bob", "age": 30, "x": {"k": 1}}, {"name": "Al", "age": 20, "x": {"k": 2}}, {"name": "carl", "age": 30, "x": {"k": 0}}
              ],
              "mixed": [1, "a", null, true, 2.5, {"k": [1, 2]}, ["q'\"", "it's", "d\"q"]],
              "multi": "one\ntwo\n\nthree\n", "js": "{\"a\": [1, 2.0, null], \"b\": \"ü\"}"
            }
            """),
    };

    public static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;

    /// <summary>Messages as the ecosystem writes them.</summary>
    public static IReadOnlyList<ChatMessage> Messages(string json) => [.. Json(json).EnumerateArray().Select(Message)];

    /// <summary>
    /// Options with the tokens of the tests, and of a JSON object the member "tools" as tools and the others as variables.
    /// </summary>
    public static ChatTemplateOptions Options(string json = "{}") => new()
    {
        BosToken = "<BOS>",
        EosToken = "<EOS>",
        Tools = Json(json).TryGetProperty("tools", out JsonElement tools) ? [.. tools.EnumerateArray()] : null,
        Variables = Json(json),
    };

    /// <summary>Renders a template of the language tests, which name the values that they use by a letter.</summary>
    public static string Render(string template) => ChatTemplate.Parse(template, "test").Render([], addGenerationPrompt: false, _values);

    private static ChatMessage Message(JsonElement json) => new(json.GetProperty("role").GetString()!, Text(json, "content"))
    {
        Name = Text(json, "name"),
        ReasoningContent = Text(json, "reasoning_content"),
        ToolCalls = json.TryGetProperty("tool_calls", out JsonElement calls) ? calls : null,
        ToolCallId = Text(json, "tool_call_id"),
        Extra = json.TryGetProperty("extra", out JsonElement extra) ? extra : null,
    };

    private static string? Text(JsonElement json, string member) => json.TryGetProperty(member, out JsonElement value) ? value.GetString() : null;

    // 2 January 2025, 03:04:05.
    private sealed class FixedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2025, 1, 2, 3, 4, 5, TimeSpan.Zero);
    }
}
