using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;

namespace Hadal.Cli.Chat;

/// <summary>What was said, and how it is kept in a file: an object with <c>messages</c>, as OpenAI's interface has them.</summary>
internal sealed class Conversation
{
    private static readonly JsonSerializerOptions s_json = new(Commands.JsonOutput.Options) { WriteIndented = true };

    private readonly List<ChatMessage> _messages = [];

    /// <summary>All of it, the system's message first if there is one.</summary>
    public IReadOnlyList<ChatMessage> Messages => _messages;

    /// <summary>What the system says; null if nothing.</summary>
    public string? System
    {
        get => _messages is [{ Role: "system" } first, ..] ? first.Content : null;
        set
        {
            if (System is not null) _messages.RemoveAt(0);
            if (value is not null) _messages.Insert(0, new ChatMessage("system", value));
        }
    }

    /// <summary>Whether the user said something.</summary>
    public bool HasTurns => _messages.Exists(message => message.Role != "system");

    public void Add(ChatMessage message) => _messages.Add(message);

    /// <summary>Forgets all but what the system says.</summary>
    public void Clear() => _messages.RemoveRange(System is null ? 0 : 1, _messages.Count - (System is null ? 0 : 1));

    /// <summary>Takes back the last thing that the user said and all that came of it; null if there is none.</summary>
    public string? Undo()
    {
        int last = _messages.FindLastIndex(message => message.Role == "user");
        if (last < 0) return null;
        string said = _messages[last].Content ?? "";
        _messages.RemoveRange(last, _messages.Count - last);
        return said;
    }

    /// <summary>Writes it to a file.</summary>
    /// <exception cref="CheckpointException">The file can't be written.</exception>
    public void Save(string path) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(
        new { Messages = _messages.Select(message => new { message.Role, message.Content, message.ReasoningContent }) }, s_json));

    /// <summary>Takes over what a file has.</summary>
    /// <exception cref="TokenizerException">The file can't be read or is no conversation.</exception>
    public void Load(string path)
    {
        List<ChatMessage> read = [];
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            foreach (JsonElement message in document.RootElement.GetProperty("messages").EnumerateArray())
            {
                read.Add(new ChatMessage(message.GetProperty("role").GetString()!, message.GetProperty("content").GetString())
                {
                    ReasoningContent = message.TryGetProperty("reasoning_content", out JsonElement thought) ? thought.GetString() : null,
                });
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new TokenizerException(path, "it is no conversation, expected an object with 'messages', each with a 'role' and a 'content'", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException(path, $"it could not be read: {e.Message.TrimEnd('.')}", e);
        }

        _messages.Clear();
        _messages.AddRange(read);
    }
}
