using System.Globalization;
using System.Text.Json;

namespace Hadal.Models;

/// <summary>
/// Typed access to one JSON object of a config.json. Every getter names the file and the key when it fails; keys that nobody asked for
/// are known at the end, so that they can be reported and written back.
/// </summary>
internal sealed class ConfigReader
{
    private readonly Dictionary<string, JsonElement> _values = new(StringComparer.Ordinal);
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly string _file;
    private readonly string _prefix;

    public ConfigReader(JsonElement element, string file, string prefix = "")
    {
        _file = file;
        _prefix = prefix;
        if (element.ValueKind != JsonValueKind.Object) throw Error("the top level", Describe(element), "an object");
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (!_values.TryAdd(property.Name, property.Value)) throw Error(Quote(_prefix + property.Name), "the key twice", "it once");
        }
    }

    /// <summary>Keys that were never asked for, with their values.</summary>
    public IReadOnlyDictionary<string, JsonElement> Unasked =>
        _values.Where(pair => !_asked.Contains(pair.Key)).ToDictionary(pair => pair.Key, pair => pair.Value.Clone(), StringComparer.Ordinal);

    public static ConfigReader Open(string path)
    {
        try
        {
            long bytes = new FileInfo(path).Length;
            if (bytes > SizeLimits.FileBytes)
            {
                throw new ConfigurationException($"{path}: the file has {bytes} bytes, expected a config.json of at most {SizeLimits.FileBytes}.");
            }

            return Parse(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{path}: the file can't be read, expected a config.json that can: {e.Message}", e);
        }
    }

    /// <summary>Reads the text of a config.json that lies elsewhere.</summary>
    public static ConfigReader Parse(byte[] json, string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            RequireUnicode(document.RootElement, path);
            return new ConfigReader(document.RootElement.Clone(), path);
        }
        catch (JsonException e)
        {
            long line = (e.LineNumber ?? 0) + 1, position = (e.BytePositionInLine ?? 0) + 1;
            throw new ConfigurationException($"{path}: line {line}, position {position} is not JSON (NaN and Infinity are not): expected an object of settings.", e);
        }
    }

    /// <summary>Whether the key is there and not null.</summary>
    public bool Has(string key) => Find(key) is not null;

    public int Positive(string key, int? fallback = null, int most = SizeLimits.Length) => Integer(key, fallback, 1, most);

    public int NonNegative(string key, int? fallback = null, int most = SizeLimits.Length) => Integer(key, fallback, 0, most);

    public int? OptionalPositive(string key) => Has(key) ? Positive(key) : null;

    /// <summary>A number that single precision, in which models compute, can hold.</summary>
    public double Real(string key, double? fallback = null, bool orZero = false)
    {
        if (Find(key) is not { } value) return fallback ?? throw Missing(key, "a number");
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) &&
            (float.IsNormal((float)number) ? number > 0 : orZero && number == 0))
        {
            return number;
        }

        throw Error(key, value, $"a positive finite number of single precision{(orZero ? " or 0" : "")}");
    }

    public double? OptionalReal(string key, bool orZero = false) => Has(key) ? Real(key, orZero: orZero) : null;

    public bool Flag(string key, bool fallback)
    {
        if (Find(key) is not { } value) return fallback;
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Error(key, value, "true or false"),
        };
    }

    public string? Text(string key)
    {
        if (Find(key) is not { } value) return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Error(key, value, "a string");
    }

    /// <summary>A string that must be one of <paramref name="choices"/>.</summary>
    public T Choice<T>(string key, T fallback, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        if (Text(key) is not { } text) return fallback;
        List<string> names = [];
        foreach ((string name, T value) in choices)
        {
            if (name == text) return value;
            names.Add($"'{name}'");
        }

        throw Error($"'{_prefix}{key}'", Quote(text), string.Join(" or ", names));
    }

    public string[] Strings(string key)
    {
        if (Find(key) is not { } value) return [];
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.String))
        {
            throw Error(key, value, "an array of strings");
        }

        return [.. value.EnumerateArray().Select(item => item.GetString()!)];
    }

    /// <summary>One non-negative integer or an array of them: how config.json writes end-of-text ids.</summary>
    public int[] Ids(string key)
    {
        if (Find(key) is not { } value) return [];
        IEnumerable<JsonElement> items = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [value];
        return [.. items.Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int id) && id >= 0
            ? id
            : throw Error(key, value, "a token id or an array of them"))];
    }

    public int[] Integers(string key, int count)
    {
        if (Find(key) is not { } value) throw Missing(key, $"{count} integers");
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == count &&
            value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int n) && n > 0))
        {
            return [.. value.EnumerateArray().Select(item => item.GetInt32())];
        }

        throw Error(key, value, $"{count} positive integers");
    }

    public ConfigReader? Object(string key) =>
        Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? new ConfigReader(value, _file, $"{_prefix}{key}.")
        : throw Error(key, value, "an object");

    /// <summary>Fails with a sentence unless <paramref name="holds"/>.</summary>
    public void Require(bool holds, string key, string found, string expected)
    {
        if (!holds) throw Error($"'{_prefix}{key}'", found, expected);
    }

    /// <summary>Fails with a sentence unless the key is missing, null, or has a value that changes nothing. The key stays unasked.</summary>
    public void RequireNeutral(string key, Func<JsonElement, bool> isNeutral, string expected)
    {
        if (!_values.TryGetValue(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null || isNeutral(value)) return;
        throw Error(key, value, $"{expected}: anything else changes the mathematics in a way that is not built");
    }

    /// <summary>A text in quotes on one line, cut where it is long.</summary>
    public static string Quote(string text) => $"'{Shorten(text)}'";

    private int Integer(string key, int? fallback, int least, int most)
    {
        string expected = $"a {(least > 0 ? "positive" : "non-negative")} integer{(most < int.MaxValue ? $" of at most {most}" : "")}";
        if (Find(key) is not { } value) return fallback ?? throw Missing(key, expected);
        if (value.ValueKind == JsonValueKind.Number)
        {
            // Some writers store whole numbers as 64.0.
            if (value.TryGetInt32(out int number) && number >= least && number <= most) return number;
            if (value.TryGetDouble(out double real) && real == Math.Floor(real) && real >= least && real <= most) return (int)real;
        }

        throw Error(key, value, expected);
    }

    // The parser lets through escapes and bytes that are no text; asking for them later would fail without a name.
    private static void RequireUnicode(JsonElement element, string path)
    {
        try
        {
            Visit(element);
        }
        catch (InvalidOperationException e)
        {
            throw new ConfigurationException($"{path}: a string or a key is not valid Unicode, expected UTF-8 text.", e);
        }

        static void Visit(JsonElement element)
        {
            if (element.ValueKind == JsonValueKind.String) _ = element.GetString();
            if (element.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement item in element.EnumerateArray()) Visit(item);
            }

            if (element.ValueKind != JsonValueKind.Object) return;
            foreach (JsonProperty property in element.EnumerateObject())
            {
                _ = property.Name;
                Visit(property.Value);
            }
        }
    }

    private JsonElement? Find(string key)
    {
        _asked.Add(key);
        return _values.TryGetValue(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    private ConfigurationException Missing(string key, string expected) => Error($"'{_prefix}{key}'", "nothing", expected);

    private ConfigurationException Error(string key, JsonElement found, string expected) => Error($"'{_prefix}{key}'", Describe(found), expected);

    private ConfigurationException Error(string place, string found, string expected) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{_file}: {place} is {found}, expected {expected}."));

    private static string Describe(JsonElement element) => Shorten(element.GetRawText());

    private static string Shorten(string text)
    {
        string line = string.Concat(text.Take(64).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? ' ' : c));
        return text.Length <= 60 ? line : string.Concat(line.AsSpan(0, 57), "...");
    }
}
