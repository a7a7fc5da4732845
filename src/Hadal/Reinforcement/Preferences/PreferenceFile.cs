using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Data;
using Hadal.Data.Reading;
using Hadal.Tokenization.Templates;

namespace Hadal.Reinforcement.Preferences;

/// <summary>
/// Pairs of a better and a worse answer, from a file with a JSON object a line or with one list of them all. The prompt is
/// <c>prompt</c> (text or messages), <c>messages</c>, or <c>instruction</c> with an optional <c>input</c>; the answers are
/// <c>chosen</c> and <c>rejected</c>, each a text or a list of the assistant's one message. Other members are passed over.
/// </summary>
public static class PreferenceFile
{
    /// <summary>Reads pairs.</summary>
    /// <exception cref="DataException">The file can't be read or holds something else: file and line are named.</exception>
    public static IReadOnlyList<PreferencePair> Read(string path) =>
        Entries(path, static (entry, json) => new PreferencePair(Prompt(entry, json), Answer(entry, json, "chosen"), Answer(entry, json, "rejected")));

    /// <summary>Reads prompts only, from a file of pairs or one without answers.</summary>
    /// <exception cref="DataException">The file can't be read or holds something else: file and line are named.</exception>
    public static IReadOnlyList<IReadOnlyList<ChatMessage>> ReadPrompts(string path) => Entries(path, Prompt);

    private static List<T> Entries<T>(string path, Func<RawDocument, JsonElement, T> read)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        List<T> items = [];
        foreach (RawDocument entry in BeginsWithList(path) ? Elements(path) : Lines(path))
        {
            using JsonDocument json = DocumentText.Json(entry);
            items.Add(read(entry, json.RootElement));
        }

        return items.Count > 0 ? items : throw new DataException(path, "it holds nothing, expected a JSON object with a prompt and answers a line, or a list of such");
    }

    private static bool BeginsWithList(string path)
    {
        using DelimitedReader reader = new(path, "\n"u8.ToArray());
        for (RawDocument? line = reader.Next(); line is not null; line = reader.Next())
        {
            if (!DocumentText.IsBlank(line)) return line.Bytes.AsSpan().TrimStart(" \t\r"u8)[0] == (byte)'[';
        }

        return false;
    }

    private static IEnumerable<RawDocument> Lines(string path)
    {
        using DelimitedReader reader = new(path, "\n"u8.ToArray());
        while (reader.Next() is { } line)
        {
            if (!DocumentText.IsBlank(line)) yield return line;
        }
    }

    private static List<RawDocument> Elements(string path)
    {
        using DelimitedReader reader = new(path, []);
        return Elements(reader.Next()!);
    }

    // The elements of a list, each with the line that it begins in.
    private static List<RawDocument> Elements(RawDocument list)
    {
        List<RawDocument> elements = [];
        Utf8JsonReader json = new(list.Bytes);
        long line = list.Line;
        int counted = 0;
        try
        {
            json.Read();
            while (json.Read() && json.TokenType != JsonTokenType.EndArray)
            {
                int start = (int)json.TokenStartIndex;
                json.Skip();
                line += list.Bytes.AsSpan(counted, start - counted).Count((byte)'\n');
                counted = start;
                elements.Add(new RawDocument(list.Path, line, list.Offset + start, list.Bytes[start..(int)json.BytesConsumed]));
            }

            // Whatever follows the list is an error that the reader finds.
            json.Read();
            return elements;
        }
        catch (JsonException e)
        {
            throw new DataException(list.Path, list.Line + (e.LineNumber ?? 0), $"the list is not JSON at byte {e.BytePositionInLine} of the line", e);
        }
    }

    private static IReadOnlyList<ChatMessage> Prompt(RawDocument entry, JsonElement json)
    {
        string field = json.TryGetProperty("prompt", out JsonElement prompt) || !json.TryGetProperty("messages", out prompt) ? "prompt" : "messages";
        if (prompt.ValueKind == JsonValueKind.Array) return Messages(entry, prompt, field);
        if (prompt.ValueKind != JsonValueKind.Undefined || !json.TryGetProperty("instruction", out _)) return [User(DocumentText.Text(entry, json, field))];
        string instruction = DocumentText.Text(entry, json, "instruction");
        string input = json.TryGetProperty("input", out _) ? DocumentText.Text(entry, json, "input") : "";
        return [User(string.IsNullOrWhiteSpace(input) ? instruction : $"{instruction}\n\n{input}")];

        static ChatMessage User(string text) => new("user", text);
    }

    private static ChatMessage[] Messages(RawDocument entry, JsonElement array, string field)
    {
        ChatMessage[] messages = [.. array.EnumerateArray().Select((message, i) => Message(entry, message, field, i))];
        if (messages.Length > 0 && messages[^1].Role != "assistant") return messages;
        string found = messages.Length == 0 ? "empty" : "a conversation that ends with the assistant";
        throw new DataException(entry.Path, entry.Line, $"'{field}' is {found}, expected messages up to the one that is to be answered");
    }

    private static ChatMessage Message(RawDocument entry, JsonElement message, string field, int index)
    {
        if (message.ValueKind == JsonValueKind.Object) return new ChatMessage(DocumentText.Text(entry, message, "role"), DocumentText.Text(entry, message, "content"));
        throw new DataException(entry.Path, entry.Line, $"message {index + 1} of '{field}' is a {DocumentText.Name(message.ValueKind)}, expected an object");
    }

    private static string Answer(RawDocument entry, JsonElement json, string field)
    {
        if (!json.TryGetProperty(field, out JsonElement answer) || answer.ValueKind != JsonValueKind.Array) return DocumentText.Text(entry, json, field);
        ChatMessage[] messages = [.. answer.EnumerateArray().Select((message, i) => Message(entry, message, field, i))];
        if (messages is [{ Role: "assistant", Content: { } text }]) return text;
        throw new DataException(entry.Path, entry.Line, $"'{field}' has {messages.Length} messages, expected a text or one message of the assistant");
    }
}
