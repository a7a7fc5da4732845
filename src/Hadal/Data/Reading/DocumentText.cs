using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Hadal.Tokenization.Templates.Evaluation;

namespace Hadal.Data.Reading;

/// <summary>Makes text of what stands in files.</summary>
internal static class DocumentText
{
    /// <summary>Deepest nesting of a JSON line: what templates accept.</summary>
    private static readonly JsonDocumentOptions s_json = new() { MaxDepth = Run.DeepestValue };

    /// <summary>The text of a plain document.</summary>
    /// <exception cref="DataException">It is not UTF-8.</exception>
    public static string Plain(RawDocument document)
    {
        CheckUtf8(document);
        return Encoding.UTF8.GetString(document.Bytes);
    }

    /// <summary>The member of a JSON line that is the document.</summary>
    /// <exception cref="DataException">The line is not a JSON object, or the member is missing or no text.</exception>
    public static string Member(RawDocument line, string field)
    {
        using JsonDocument json = Json(line);
        if (!json.RootElement.TryGetProperty(field, out JsonElement lines) || lines.ValueKind != JsonValueKind.Array) return Text(line, json.RootElement, field);
        if (lines.EnumerateArray().FirstOrDefault(item => item.ValueKind != JsonValueKind.String) is { ValueKind: not JsonValueKind.Undefined } other)
        {
            throw new DataException(line.Path, line.Line, $"{DataException.Quote(field)} has a {Name(other.ValueKind)}, expected an array of strings");
        }

        return string.Join('\n', lines.EnumerateArray().Select(item => Unicode(line, item, field)));
    }

    /// <summary>A JSON line, an object; to be disposed.</summary>
    /// <exception cref="DataException">The line is not a JSON object.</exception>
    public static JsonDocument Json(RawDocument line)
    {
        CheckUtf8(line);
        JsonDocument json;
        try
        {
            json = JsonDocument.Parse(line.Bytes, s_json);
        }
        catch (JsonException e)
        {
            string found = DataException.Quote(Encoding.UTF8.GetString(line.Bytes));
            throw new DataException(line.Path, line.Line, $"the line is not JSON at its byte {e.BytePositionInLine}, found {found}", e);
        }

        if (json.RootElement.ValueKind == JsonValueKind.Object) return json;
        JsonValueKind kind = json.RootElement.ValueKind;
        json.Dispose();
        throw new DataException(line.Path, line.Line, $"the line is a JSON {Name(kind)}, expected an object");
    }

    /// <summary>A member that must be text.</summary>
    public static string Text(RawDocument line, JsonElement json, string field)
    {
        if (!json.TryGetProperty(field, out JsonElement value))
        {
            string members = string.Join(", ", json.EnumerateObject().Take(8).Select(member => DataException.Quote(member.Name)));
            string found = members.Length == 0 ? "no member" : members;
            throw new DataException(line.Path, line.Line, $"found {found}, expected a member {DataException.Quote(field)}");
        }

        if (value.ValueKind == JsonValueKind.String) return Unicode(line, value, field);
        throw new DataException(line.Path, line.Line, $"{DataException.Quote(field)} is a {Name(value.ValueKind)}, expected a string");
    }

    private static string Unicode(RawDocument line, JsonElement value, string field)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new DataException(line.Path, line.Line, $"{DataException.Quote(field)} has half a surrogate pair, expected Unicode", e);
        }
    }

    /// <summary>Whether a line of JSONL has nothing in it.</summary>
    public static bool IsBlank(RawDocument line) => line.Bytes.AsSpan().IndexOfAnyExcept(" \t\r\n"u8) < 0;

    /// <summary>JSON's name of a kind of value.</summary>
    public static string Name(JsonValueKind kind) => kind is JsonValueKind.True or JsonValueKind.False ? "boolean" : kind.ToString().ToLowerInvariant();

    private static void CheckUtf8(RawDocument document)
    {
        ReadOnlySpan<byte> bytes = document.Bytes;
        if (Utf8.IsValid(bytes)) return;
        int at = 0;
        while (Rune.DecodeFromUtf8(bytes[at..], out _, out int length) == OperationStatus.Done) at += length;
        long line = document.Line + bytes[..at].Count((byte)'\n');
        throw new DataException(document.Path, line, $"byte {document.Offset + at} of the file is 0x{bytes[at]:x2}, expected UTF-8");
    }
}
