using System.Text.Json;
using Hadal.Tokenization.Templates;

namespace Hadal.Data.Reading;

/// <summary>A conversation of a JSON line: messages, and the tools that the assistant may call.</summary>
/// <param name="Messages">The messages.</param>
/// <param name="Tools">The tools; null if the line names none.</param>
internal sealed record Conversation(IReadOnlyList<ChatMessage> Messages, IReadOnlyList<JsonElement>? Tools)
{
    /// <summary>Reads a line; the JSON must live as long as the conversation.</summary>
    /// <exception cref="DataException">The line holds no conversation, or one in which the assistant says nothing.</exception>
    public static Conversation Read(RawDocument line, JsonElement json, DataSource source)
    {
        if (source is { QuestionField: { } question, AnswerField: { } answer })
        {
            string asked = DocumentText.Text(line, json, question), answered = DocumentText.Text(line, json, answer);
            return new Conversation([new ChatMessage("user", asked), new ChatMessage("assistant", answered)], null);
        }

        ChatMessage[] messages = [.. Items(line, json, "messages", isRequired: true)!.Select((message, i) => Message(line, message, i))];
        if (!messages.Any(message => message.Role == "assistant"))
        {
            throw new DataException(line.Path, line.Line, $"none of the {messages.Length} messages is the assistant's, expected one or more");
        }

        return new Conversation(messages, Items(line, json, "tools", isRequired: false));
    }

    // The template sees the message's members as the line has them.
    private static ChatMessage Message(RawDocument line, JsonElement message, int index)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            throw new DataException(line.Path, line.Line, $"message {index + 1} is a {DocumentText.Name(message.ValueKind)}, expected an object");
        }

        string role = DocumentText.Text(line, message, "role");
        bool hasContent = message.TryGetProperty("content", out JsonElement content);
        if (hasContent && content.ValueKind is not (JsonValueKind.String or JsonValueKind.Null or JsonValueKind.Array))
        {
            string kind = DocumentText.Name(content.ValueKind);
            throw new DataException(line.Path, line.Line, $"the content of message {index + 1} is a {kind}, expected a string");
        }

        string? text = hasContent && content.ValueKind == JsonValueKind.String ? DocumentText.Text(line, message, "content") : null;
        return new ChatMessage(role, text) { Extra = message };
    }

    private static List<JsonElement>? Items(RawDocument line, JsonElement json, string member, bool isRequired)
    {
        bool isThere = json.TryGetProperty(member, out JsonElement items) && items.ValueKind != JsonValueKind.Null;
        if (!isThere && !isRequired) return null;
        if (isThere && items.ValueKind == JsonValueKind.Array) return [.. items.EnumerateArray()];
        string found = isThere ? $"a {DocumentText.Name(items.ValueKind)}" : "nothing";
        throw new DataException(line.Path, line.Line, $"{DataException.Quote(member)} is {found}, expected an array");
    }
}
