using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Training;

/// <summary>
/// Reads recipes: JSON with comments and trailing commas, in camel case, into records. Unknown keys are errors, and every value can be
/// overridden by a setting <c>a.b=value</c> before the records are made.
/// </summary>
public static class RecipeReader
{
    private static readonly RecipeNames s_names = new();

    /// <summary>How recipes are written and read.</summary>
    internal static JsonSerializerOptions Options { get; } = MakeOptions();

    /// <summary>Reads a file.</summary>
    /// <param name="path">The recipe.</param>
    /// <param name="settings">Overrides such as <c>optimizer.weightDecay=0.1</c>; the value is JSON, or else text.</param>
    /// <typeparam name="T">The record that holds the recipe.</typeparam>
    /// <exception cref="RecipeException">The file can't be read, is not JSON, or has a key or value that can't be.</exception>
    public static T Read<T>(string path, params IReadOnlyList<string> settings)
    {
        return Parse<T>(ReadText(path), path, settings);
    }

    /// <summary>Reads a text.</summary>
    /// <param name="text">The recipe.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="settings">Overrides such as <c>optimizer.weightDecay=0.1</c>; the value is JSON, or else text.</param>
    /// <typeparam name="T">The record that holds the recipe.</typeparam>
    /// <exception cref="RecipeException">The text is not JSON, or has a key or value that can't be.</exception>
    public static T Parse<T>(string text, string name, params IReadOnlyList<string> settings)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(settings);
        JsonNode? root;
        try
        {
            JsonDocumentOptions options = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false };
            root = JsonNode.Parse(text, documentOptions: options);
        }
        catch (JsonException e)
        {
            // Of a key that is there twice the parser tells the name, of anything else the place.
            string problem = e.LineNumber is { } line
                ? $"line {line + 1}, position {(e.BytePositionInLine ?? 0) + 1} is not JSON, expected a recipe in JSON (comments are allowed)"
                : $"a key is there twice, expected it once: {e.Message.TrimEnd('.')}";
            throw new RecipeException($"{name}: {problem}.", e);
        }

        if (root is not JsonObject recipe) throw new RecipeException($"{name}: the top level is {Describe(root)}, expected an object.");
        recipe.Remove("$schema");
        foreach (string setting in settings) Override(recipe, setting, typeof(T));
        CheckKeys(recipe, Options.GetTypeInfo(typeof(T)), name, "");
        try
        {
            return recipe.Deserialize<T>(Options)!;
        }
        catch (JsonException e)
        {
            string key = (e.Path ?? "$").TrimStart('$').TrimStart('.');
            throw new RecipeException($"{name}: {(key.Length > 0 ? $"'{key}' is {Describe(Find(recipe, key))}" : "a key is missing")}, expected {Expected(e)}.", e);
        }
    }

    /// <summary>The kind of recipe that a file holds: its <c>stage</c>; null where it names none.</summary>
    /// <exception cref="RecipeException">The file can't be read.</exception>
    public static string? Stage(string path)
    {
        JsonDocumentOptions options = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
        try
        {
            return JsonNode.Parse(ReadText(path), documentOptions: options) is JsonObject recipe && recipe["stage"] is JsonValue stage ? stage.ToString() : null;
        }
        catch (JsonException)
        {
            // Whoever reads it as a recipe says what is wrong and where.
            return null;
        }
    }

    /// <summary>Writes a recipe as it is used, with all its defaults.</summary>
    public static string ToJson<T>(T recipe) => JsonSerializer.Serialize(recipe, Options);

    internal static string ReadText(string path)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > SizeLimits.FileBytes } file)
            {
                throw new RecipeException($"{path}: the file has {file.Length} bytes, expected a recipe of at most {SizeLimits.FileBytes}.");
            }

            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RecipeException($"{path}: the recipe can't be read: {e.Message}", e);
        }
    }

    private static JsonSerializerOptions MakeOptions()
    {
        JsonSerializerOptions options = new()
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            RespectNullableAnnotations = true,
            WriteIndented = true,
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
        };
        options.Converters.Add(new JsonStringEnumConverter(s_names, allowIntegerValues: false));
        options.MakeReadOnly();
        return options;
    }

    private static void Override(JsonObject recipe, string setting, Type type)
    {
        int equals = setting.IndexOf('=', StringComparison.Ordinal);
        string[] keys = equals > 0 ? setting[..equals].Split('.') : [];
        if (keys.Length == 0 || keys.Any(string.IsNullOrWhiteSpace))
        {
            throw new RecipeException($"--set {setting}: found no key and value, expected a form like learningRate.peak=3e-4.");
        }

        JsonNode place = recipe;
        foreach (string key in keys[..^1]) place = Within(place, key, setting);
        if (place is not JsonObject holder) throw new RecipeException($"--set {setting}: '{keys[^2]}' is {Describe(place)}, expected an object to set a key of.");
        holder[keys[^1]] = Value(setting[(equals + 1)..]);
        CheckKeys(recipe, Options.GetTypeInfo(type), $"--set {setting}", "");
    }

    // Of an object a key, which is made if it is missing; of an array an item by its name or its place.
    private static JsonNode Within(JsonNode place, string key, string setting)
    {
        if (place is JsonObject values) return values[key] ??= new JsonObject();
        JsonNode? item = place is not JsonArray items ? null
            : int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? items.ElementAtOrDefault(index)
            : items.FirstOrDefault(named => named is JsonObject o && o["name"]?.ToString() == key);
        return item ?? throw new RecipeException($"--set {setting}: nothing is called '{key}' in {Describe(place)}, expected a key, or the name or place of an item.");
    }

    // 3e-4, true, null, [..] and {..} are themselves; anything else is text, so that paths need no quotes.
    private static JsonNode? Value(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }

    // The serialiser would refuse unknown keys too, but not say where, nor which was meant.
    private static void CheckKeys(JsonNode? node, JsonTypeInfo type, string name, string prefix)
    {
        if (node is JsonArray array && type.Kind == JsonTypeInfoKind.Enumerable && type.ElementType is { } element)
        {
            for (int i = 0; i < array.Count; i++) CheckKeys(array[i], Options.GetTypeInfo(element), name, $"{prefix.TrimEnd('.')}[{i}].");
        }

        if (node is not JsonObject values || type.Kind != JsonTypeInfoKind.Object) return;
        foreach ((string key, JsonNode? value) in values)
        {
            JsonPropertyInfo? property = type.Properties.FirstOrDefault(p => p.Name == key && p.Set is not null);
            if (property is null)
            {
                string[] known = [.. type.Properties.Where(p => p.Set is not null).Select(p => p.Name)];
                throw new RecipeException($"{name}: '{prefix}{key}' is not a key of a recipe, expected one of {string.Join(", ", known)}.");
            }

            CheckKeys(value, Options.GetTypeInfo(property.PropertyType), name, $"{prefix}{key}.");
        }
    }

    private static JsonNode? Find(JsonNode? node, string path)
    {
        foreach (string part in path.Replace("[", ".", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal).Split('.'))
        {
            node = node switch
            {
                JsonObject o => o[part],
                JsonArray a when int.TryParse(part, out int index) && index < a.Count => a[index],
                _ => node,
            };
        }

        return node;
    }

    private static string Describe(JsonNode? node)
    {
        string text = node?.ToJsonString() ?? "null";
        return text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 57), "...");
    }

    // The serialiser's sentence ends with the type that it wanted; for enumerations the choices are worth more.
    private static string Expected(JsonException e)
    {
        if (e.Message.Contains("required properties", StringComparison.Ordinal))
        {
            return "the key" + e.Message[e.Message.LastIndexOf(':')..].TrimEnd('.').Replace(":", "", StringComparison.Ordinal);
        }

        const string Marker = "could not be converted to ";
        int at = e.Message.IndexOf(Marker, StringComparison.Ordinal);
        if (at < 0) return "a value that fits";
        string type = e.Message[(at + Marker.Length)..].Split(". Path")[0];
        if ((typeof(RecipeReader).Assembly.GetType(type) ?? typeof(Matrix).Assembly.GetType(type)) is { IsEnum: true } choices)
        {
            return "one of " + string.Join(", ", Enum.GetNames(choices).Select(s_names.ConvertName));
        }

        return type switch
        {
            _ when type.Contains("Int32", StringComparison.Ordinal) || type.Contains("Int64", StringComparison.Ordinal) => "a whole number",
            _ when type.Contains("Double", StringComparison.Ordinal) || type.Contains("Single", StringComparison.Ordinal) => "a number",
            _ when type.Contains("Boolean", StringComparison.Ordinal) => "true or false",
            "System.String" => "text",
            _ => "an object or array of settings",
        };
    }
}
