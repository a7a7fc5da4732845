using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Hadal.Tokenization.Formats;

/// <summary>
/// A value in a JSON file that knows where it stands, so that every complaint about it names the place: "model.vocab". Strings are
/// checked once when the file is opened; after that nothing but a <see cref="TokenizerException"/> comes of reading.
/// </summary>
internal readonly struct JsonPlace
{
    private readonly string _path;
    private readonly JsonElement _element;

    private JsonPlace(string path, string place, JsonElement element)
    {
        _path = path;
        Place = place;
        _element = element;
    }

    /// <summary>Where the value stands.</summary>
    public string Place { get; }

    /// <summary>What the value is.</summary>
    public JsonValueKind Kind => _element.ValueKind;

    /// <summary>Whether there is no value.</summary>
    public bool IsNull => Kind is JsonValueKind.Null or JsonValueKind.Undefined;

    /// <summary>Opens a file whose root is an object and hands it on; the document lives as long as the call.</summary>
    public static T Read<T>(string path, Func<JsonPlace, T> read)
    {
        byte[] text = TokenizerException.ReadFile(path);
        ReadOnlyMemory<byte> json = text.AsSpan().StartsWith("\uFEFF"u8) ? text.AsMemory(3) : text;
        CheckStrings(path, json.Span);
        using JsonDocument document = JsonDocument.Parse(json);
        JsonPlace root = new(path, "", document.RootElement);
        if (root.Kind != JsonValueKind.Object) throw root.Wrong("an object");
        return read(root);
    }

    /// <summary>The value of a property; a place without value if there is none.</summary>
    public JsonPlace this[string name]
    {
        get
        {
            if (Kind != JsonValueKind.Object) throw Wrong("an object");
            string place = Place.Length == 0 ? name : $"{Place}.{name}";
            return new JsonPlace(_path, place, _element.TryGetProperty(name, out JsonElement value) ? value : default);
        }
    }

    /// <summary>Whether the value is an object with a property that isn't null.</summary>
    public bool Has(string name) => Kind == JsonValueKind.Object && !this[name].IsNull;

    /// <summary>The items of an array; none if there is no value.</summary>
    public IEnumerable<JsonPlace> Items()
    {
        if (IsNull) yield break;
        if (Kind != JsonValueKind.Array) throw Wrong("an array");
        int index = 0;
        foreach (JsonElement item in _element.EnumerateArray()) yield return new JsonPlace(_path, $"{Place}[{index++}]", item);
    }

    /// <summary>Number of items of an array.</summary>
    public int Count => Kind == JsonValueKind.Array ? _element.GetArrayLength() : throw Wrong("an array");

    /// <summary>The properties of an object.</summary>
    public IEnumerable<(string Name, JsonPlace Value)> Properties()
    {
        if (Kind != JsonValueKind.Object) throw Wrong("an object");
        foreach (JsonProperty property in _element.EnumerateObject())
        {
            string name = property.Name;
            yield return (name, new JsonPlace(_path, Place, property.Value));
        }
    }

    /// <summary>A string.</summary>
    public string Text() => Kind == JsonValueKind.String ? _element.GetString()! : throw Wrong("a string");

    /// <summary>A string, or null if there is no value.</summary>
    public string? TextOrNull() => IsNull ? null : Text();

    /// <summary>A whole number.</summary>
    public long Number() => Kind == JsonValueKind.Number && _element.TryGetInt64(out long value) ? value : throw Wrong("a whole number");

    /// <summary>True or false; what is said here if there is no value.</summary>
    public bool Flag(bool otherwise) => Kind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null or JsonValueKind.Undefined => otherwise,
        _ => throw Wrong("true or false"),
    };

    /// <summary>The single character of a string.</summary>
    public char Character(char otherwise)
    {
        if (IsNull) return otherwise;
        string text = Text();
        return text.Length == 1 ? text[0] : throw Wrong("one character");
    }

    /// <summary>The complaint that the value isn't what it should be.</summary>
    public TokenizerException Wrong(string expected)
    {
        string found = Kind switch
        {
            JsonValueKind.Undefined => "nothing",
            JsonValueKind.Null => "null",
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "an array",
            JsonValueKind.String => TokenizerException.Quote(_element.GetString()!),
            JsonValueKind.Number => _element.GetRawText() is { Length: <= 40 } digits ? digits : "a long number",
            JsonValueKind.True => "true",
            _ => "false",
        };
        return Problem($"found {found}, expected {expected}");
    }

    /// <summary>A complaint about this place.</summary>
    public TokenizerException Problem(string problem) =>
        new(_path, Place.Length == 0 ? $"the root of the JSON: {problem}" : $"{Place}: {problem}");

    /// <summary>Refuses a value that would change the result and that nothing here can do.</summary>
    public void Refuse([DoesNotReturnIf(true)] bool condition, string why)
    {
        if (condition) throw Problem(why);
    }

    // A lone surrogate in an escape makes any look at the string fail, even a comparison, and is found by looking only.
    private static void CheckStrings(string path, ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json);
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName)) continue;
                if (reader.ValueIsEscaped || !System.Text.Unicode.Utf8.IsValid(reader.ValueSpan)) _ = reader.GetString();
            }
        }
        catch (JsonException e)
        {
            throw new TokenizerException(path, $"it is not valid JSON at line {e.LineNumber + 1}", e);
        }
        catch (InvalidOperationException e)
        {
            throw new TokenizerException(path, $"it has a string that is not Unicode before byte {reader.BytesConsumed}", e);
        }
    }
}
