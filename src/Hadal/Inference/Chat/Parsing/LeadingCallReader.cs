using System.Text.Json;

namespace Hadal.Inference.Chat.Parsing;

/// <summary>
/// Calls as Llama 3.1 writes them: the whole answer is an object with the name of a tool and its parameters, or several with semicolons
/// between them. As any JSON could begin like that, an answer that begins with such an object is held back until its end.
/// </summary>
/// <param name="names">The tools that there are; an object that names another is content.</param>
internal sealed class LeadingCallReader(IReadOnlySet<string> names) : ToolCallReader
{
    private const string PythonTag = "<|python_tag|>";
    private static readonly string[] s_keys = ["name", "type", "function", "parameters"];

    private string _held = "";
    private bool _isContent;

    public override void Add(string text, List<ResponsePart> parts)
    {
        _held += text;
        _isContent = _isContent || !MayBeCall(_held);
        if (!_isContent) return;
        if (_held.Length > 0) parts.Add(new ResponsePart(Content: _held));
        _held = "";
    }

    public override void Finish(List<ResponsePart> parts)
    {
        if (_held.Length == 0) return;
        if (Calls() is { } calls) parts.AddRange(calls.Select(call => new ResponsePart(Call: call)));
        else parts.Add(new ResponsePart(Content: _held));
    }

    // By what an object begins with: its first key.
    private static bool MayBeCall(string text)
    {
        string start = text.TrimStart();
        if (PythonTag.StartsWith(start, StringComparison.Ordinal)) return true;
        if (start.StartsWith(PythonTag, StringComparison.Ordinal)) start = start[PythonTag.Length..].TrimStart();
        if (start.Length == 0) return true;
        if (start[0] != '{') return false;
        start = start[1..].TrimStart();
        return start.Length == 0 || Array.Exists(s_keys, key => Agree($"\"{key}\"", start));
    }

    private static bool Agree(string one, string other) => one.StartsWith(other, StringComparison.Ordinal) || other.StartsWith(one, StringComparison.Ordinal);

    private List<ToolCall>? Calls()
    {
        List<ToolCall> calls = [];
        string rest = _held.Trim();
        if (rest.StartsWith(PythonTag, StringComparison.Ordinal)) rest = rest[PythonTag.Length..];
        while ((rest = rest.TrimStart([' ', '\t', '\r', '\n', ';'])).Length > 0)
        {
            if (ObjectLength(rest) is not { } length || CallJson.Parse(rest[..length], "parameters", "arguments") is not { } call) return null;
            if (!names.Contains(call.Name)) return null;
            calls.Add(call);
            rest = rest[length..];
        }

        return calls.Count > 0 ? calls : null;
    }

    private static int? ObjectLength(string text)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        Utf8JsonReader reader = new(bytes, isFinalBlock: true, default);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
            reader.Skip();
            return System.Text.Encoding.UTF8.GetCharCount(bytes.AsSpan(0, (int)reader.BytesConsumed));
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
