using System.Text.Json;

namespace Hadal.Tokenization.Templates;

/// <summary>A message of a conversation. What is null is not there for a template, but for <see cref="Content"/>, which is none.</summary>
/// <param name="Role">Who speaks: <c>system</c>, <c>user</c>, <c>assistant</c>, <c>tool</c>, or whatever else the template knows.</param>
/// <param name="Content">What is said.</param>
public sealed record ChatMessage(string Role, string? Content)
{
    /// <summary>The speaker's name: <c>name</c>.</summary>
    public string? Name { get; init; }

    /// <summary>What the assistant thought before it spoke: <c>reasoning_content</c>.</summary>
    public string? ReasoningContent { get; init; }

    /// <summary>The calls that the assistant makes, a JSON array: <c>tool_calls</c>.</summary>
    public JsonElement? ToolCalls { get; init; }

    /// <summary>The call that a tool answers: <c>tool_call_id</c>.</summary>
    public string? ToolCallId { get; init; }

    /// <summary>
    /// A JSON object with further members, such as <c>{"prefix": true}</c>; they replace members of the same name, so a content of several
    /// parts can be given as <c>{"content": [...]}</c>.
    /// </summary>
    public JsonElement? Extra { get; init; }
}
