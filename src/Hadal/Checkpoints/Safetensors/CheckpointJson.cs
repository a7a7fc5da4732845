using System.Text.Json;
using System.Text.Unicode;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Safetensors;

/// <summary>
/// Reads the JSON of checkpoints token by token. Every way in which the text can be wrong ends in a <see cref="CheckpointException"/>
/// that names the place; nothing is built but the strings and numbers asked for, so memory stays in proportion to the text.
/// </summary>
internal ref struct CheckpointJson
{
    private readonly string _path;
    private readonly string _document;
    private Utf8JsonReader _reader;

    /// <summary>Starts at the first token, which must open an object.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="document">What the text is, for messages: "header".</param>
    /// <param name="text">The text.</param>
    public CheckpointJson(string path, string document, ReadOnlySpan<byte> text)
    {
        _path = path;
        _document = document;
        if (text.IsEmpty || text[0] != (byte)'{')
        {
            string found = text.IsEmpty ? "nothing" : $"byte 0x{text[0]:x2}";
            throw new CheckpointException(path, $"the {document} starts with {found}, expected '{{'");
        }

        if (!Utf8.IsValid(text)) throw new CheckpointException(path, $"the {document} is not valid UTF-8");
        _reader = new Utf8JsonReader(text);
        Next();
    }

    /// <summary>The token that the reader stands on.</summary>
    public readonly JsonTokenType Token => _reader.TokenType;

    /// <summary>Moves to the next token; false at the end of the text.</summary>
    public bool Next()
    {
        bool more;
        try
        {
            more = _reader.Read();
        }
        catch (JsonException e)
        {
            throw new CheckpointException(_path, $"the {_document} is not valid JSON at byte {_reader.BytesConsumed}", e);
        }

        // Any look at a string with a broken escape fails, even a comparison: it is refused here, once for all.
        if (_reader.ValueIsEscaped) Text();
        return more;
    }

    /// <summary>Moves to the next property of the object that the reader is in; false at the object's end.</summary>
    public bool NextProperty() => Next() && Token == JsonTokenType.PropertyName;

    /// <summary>Passes over the value of the property that the reader stands on.</summary>
    public void SkipValue()
    {
        try
        {
            _reader.Skip();
        }
        catch (JsonException e)
        {
            throw new CheckpointException(_path, $"the {_document} is not valid JSON at byte {_reader.BytesConsumed}", e);
        }
    }

    /// <summary>Whether the property's name or string that the reader stands on is <paramref name="expected"/>.</summary>
    public readonly bool Is(ReadOnlySpan<byte> expected) => _reader.ValueTextEquals(expected);

    /// <summary>The property's name or string that the reader stands on.</summary>
    public readonly string Text()
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            // An escape such as \ud800 on its own names no character.
            throw new CheckpointException(
                _path, $"the {_document} has a string that is not Unicode before byte {_reader.BytesConsumed}", e);
        }
    }

    /// <summary>A whole number of at least 0.</summary>
    public readonly bool TryCount(out long value)
    {
        value = -1;
        return Token == JsonTokenType.Number && _reader.TryGetInt64(out value) && value >= 0;
    }

    /// <summary>Whether the reader stands on a type name of the format, and which.</summary>
    public bool TryElementType(out ElementType type)
    {
        type = default;
        return Token == JsonTokenType.String && SafetensorsDtype.TryParse(ref _reader, out type);
    }

    /// <summary>The token that the reader stands on, for a message.</summary>
    public readonly string Found() => Token switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.EndArray => "the end of the array",
        JsonTokenType.String => CheckpointException.Quote(Text()),
        JsonTokenType.Number => ShortNumber(),
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        _ => "null",
    };

    private readonly string ShortNumber()
    {
        ReadOnlySpan<byte> digits = _reader.ValueSpan;
        string text = System.Text.Encoding.ASCII.GetString(digits[..Math.Min(digits.Length, 40)]);
        return digits.Length > 40 ? text + "..." : text;
    }
}
