using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Hadal.Inference;

/// <summary>
/// JSON Schema, draft 2020-12, as a grammar. Followed: type, enum, const, properties, required, additionalProperties, items, prefixItems,
/// minItems, maxItems, anyOf, oneOf (read as anyOf: that only one matches is not checked), allOf of one schema, $ref within the document and
/// $defs, minLength, maxLength, pattern (<see cref="JsonPattern"/>), minimum, maximum and their exclusive forms. Annotations are
/// skipped, among them format, which the draft makes one. Everything else is an error.
/// </summary>
/// <remarks>
/// Narrower than the standard where it does no harm: members come in the order of <c>properties</c>, then those that only
/// <c>required</c> names, then others; a schema with keywords of one type and without <c>type</c> means that type; values of enum and
/// const are spelt as <see cref="JsonGrammar.Constant"/> spells them; names beyond <c>properties</c> are written without escapes.
/// </remarks>
internal sealed class JsonSchemaGrammar
{
    private const int LongestName = 512, MostReferences = 1000;

    private static readonly HashSet<string> s_annotations =
    [
        "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
        "format", "contentEncoding", "contentMediaType", "contentSchema",
    ];

    private static readonly Dictionary<string, string> s_typeOfKeyword = new()
    {
        ["properties"] = "object",
        ["required"] = "object",
        ["additionalProperties"] = "object",
        ["items"] = "array",
        ["prefixItems"] = "array",
        ["minItems"] = "array",
        ["maxItems"] = "array",
        ["minLength"] = "string",
        ["maxLength"] = "string",
        ["pattern"] = "string",
        ["minimum"] = "number",
        ["maximum"] = "number",
        ["exclusiveMinimum"] = "number",
        ["exclusiveMaximum"] = "number",
    };

    private readonly Grammar _grammar = new();
    private readonly JsonGrammar _json;
    private readonly JsonElement _document;
    private readonly Dictionary<string, ReferenceNode> _references = [];
    private readonly Queue<(string Pointer, ReferenceNode Node)> _unresolved = [];

    private JsonSchemaGrammar(JsonElement document)
    {
        _document = document;
        _json = new JsonGrammar(_grammar);
    }

    /// <summary>White space and a value that follows the schema.</summary>
    /// <exception cref="JsonSchemaException">The schema can't be followed.</exception>
    public static GrammarNode Of(JsonElement schema)
    {
        try
        {
            return new JsonSchemaGrammar(schema).Document();
        }
        catch (InsufficientExecutionStackException)
        {
            throw new JsonSchemaException("#", "it is nested too deeply");
        }
        catch (InvalidOperationException)
        {
            // What JsonElement says of escapes that are half of a surrogate pair.
            throw new JsonSchemaException("#", "a string in it is not valid Unicode");
        }
    }

    private GrammarNode Document()
    {
        GrammarNode root = _grammar.Sequence(_json.Space, Schema(_document, "#"));
        while (_unresolved.TryDequeue(out (string Pointer, ReferenceNode Node) reference))
        {
            reference.Node.Target = Schema(Resolve(reference.Pointer), reference.Pointer);
        }

        _grammar.Measure();
        if (root.LeastDepth == GrammarNode.Unreachable) throw new JsonSchemaException("#", "no finite JSON text follows it");
        if (root.LeastDepth > ConstraintAutomaton.DeepestNesting)
        {
            throw new JsonSchemaException("#", $"it needs {root.LeastDepth} levels of nesting, expected at most {ConstraintAutomaton.DeepestNesting}");
        }

        return root;
    }

    private GrammarNode Schema(JsonElement schema, string pointer)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (schema.ValueKind == JsonValueKind.True) return _json.Value;
        if (schema.ValueKind == JsonValueKind.False) return _grammar.Never;
        if (schema.ValueKind != JsonValueKind.Object) throw new JsonSchemaException(pointer, $"found {Kind(schema)}, expected an object, true or false");
        Dictionary<string, JsonElement> keywords = [];
        foreach (JsonProperty keyword in schema.EnumerateObject())
        {
            if (!s_annotations.Contains(keyword.Name)) keywords[keyword.Name] = keyword.Value;
        }

        if (keywords.ContainsKey("$ref")) return Alone(keywords, "$ref", pointer, Reference);
        if (keywords.ContainsKey("anyOf")) return Alone(keywords, "anyOf", pointer, AnyOf);
        if (keywords.ContainsKey("oneOf")) return Alone(keywords, "oneOf", pointer, AnyOf);
        if (keywords.ContainsKey("allOf")) return Alone(keywords, "allOf", pointer, AllOf);
        string[] types = Types(keywords, pointer);
        if (keywords.ContainsKey("enum")) return Values(keywords, "enum", types, pointer);
        if (keywords.ContainsKey("const")) return Values(keywords, "const", types, pointer);
        RequireUse(keywords, types, pointer);
        return types.Length == 0 ? _json.Value : _grammar.Choice([.. types.Select(type => OfType(type, keywords, pointer))]);
    }

    // Keywords whose combination with others would be an intersection of languages.
    private static GrammarNode Alone(
        Dictionary<string, JsonElement> keywords, string keyword, string pointer, Func<JsonElement, string, GrammarNode> compile)
    {
        foreach (string other in keywords.Keys)
        {
            if (other != keyword) throw new JsonSchemaException($"{pointer}/{Escape(other)}", $"'{other}' beside '{keyword}' is not supported");
        }

        return compile(keywords[keyword], $"{pointer}/{keyword}");
    }

    private ReferenceNode Reference(JsonElement value, string pointer)
    {
        if (value.ValueKind != JsonValueKind.String) throw new JsonSchemaException(pointer, $"found {Kind(value)}, expected a string");
        string target = value.GetString()!;
        if (target != "#" && !target.StartsWith("#/", StringComparison.Ordinal))
        {
            throw new JsonSchemaException(pointer, "only references within the document are supported, '#' or '#/...'");
        }

        if (_references.TryGetValue(target, out ReferenceNode? node)) return node;
        if (_references.Count >= MostReferences) throw new JsonSchemaException(pointer, $"it is one reference too many, expected at most {MostReferences:N0} targets");
        node = _grammar.Reference();
        _references.Add(target, node);
        Resolve(target, pointer);
        _unresolved.Enqueue((target, node));
        return node;
    }

    private GrammarNode AnyOf(JsonElement value, string pointer) =>
        _grammar.Choice([.. Items(value, pointer).Select((option, i) => Schema(option, $"{pointer}/{i}"))]);

    private GrammarNode AllOf(JsonElement value, string pointer)
    {
        JsonElement[] all = Items(value, pointer);
        return all.Length == 1 ? Schema(all[0], $"{pointer}/0") : throw new JsonSchemaException(pointer, "'allOf' of several schemas is not supported");
    }

    private static string[] Types(Dictionary<string, JsonElement> keywords, string pointer)
    {
        if (!keywords.TryGetValue("type", out JsonElement type))
        {
            string[] implied = [.. keywords.Keys.Select(keyword => s_typeOfKeyword.GetValueOrDefault(keyword)).OfType<string>().Distinct()];
            return implied.Length <= 1 ? implied : throw new JsonSchemaException(pointer, $"it has keywords of several types ({string.Join(", ", implied)}) and no 'type'");
        }

        JsonElement[] names = type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray()] : [type];
        string[] types = [.. names.Select(name => name.ValueKind == JsonValueKind.String ? name.GetString()! : "")];
        foreach (string name in types)
        {
            if (name is "object" or "array" or "string" or "number" or "integer" or "boolean" or "null") continue;
            throw new JsonSchemaException(
                $"{pointer}/type", $"found '{Short(name)}', expected object, array, string, number, integer, boolean or null, or an array of these");
        }

        if (types.Length == 0) throw new JsonSchemaException($"{pointer}/type", "it has no type, expected at least one");
        return [.. types.Where(name => name != "integer" || !types.Contains("number")).Distinct()];
    }

    private GrammarNode Values(Dictionary<string, JsonElement> keywords, string keyword, string[] types, string pointer)
    {
        foreach (string other in keywords.Keys)
        {
            if (other != keyword && other != "type") throw new JsonSchemaException($"{pointer}/{Escape(other)}", $"'{other}' beside '{keyword}' is not supported");
        }

        JsonElement[] values = keyword == "const" ? [keywords[keyword]] : Items(keywords[keyword], $"{pointer}/{keyword}");
        values = [.. values.Where(value => types.Length == 0 || types.Any(type => IsOfType(value, type)))];
        bool IsScalar(JsonElement value) => value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array);
        return _grammar.Choice(
            [_grammar.OneOf(values.Where(IsScalar).Select(JsonGrammar.Scalar)), .. values.Where(value => !IsScalar(value)).Select(_json.Constant)]);
    }

    // Every keyword is used by one of the types, or it is an error.
    private static void RequireUse(Dictionary<string, JsonElement> keywords, string[] types, string pointer)
    {
        foreach (string keyword in keywords.Keys)
        {
            if (keyword == "type") continue;
            if (!s_typeOfKeyword.TryGetValue(keyword, out string? type))
            {
                throw new JsonSchemaException($"{pointer}/{Escape(keyword)}", $"the keyword '{Short(keyword)}' is not supported");
            }

            // The standard lets keywords of other types stand idle; a reader of the schema would be misled.
            if (!types.Contains(type) && !(type == "number" && types.Contains("integer")))
            {
                throw new JsonSchemaException($"{pointer}/{keyword}", $"'{keyword}' is for type {type}, which 'type' does not allow");
            }
        }
    }

    private GrammarNode OfType(string type, Dictionary<string, JsonElement> keywords, string pointer) => type switch
    {
        "object" => Object(keywords, pointer),
        "array" => Array(keywords, pointer),
        "string" => String(keywords, pointer),
        "boolean" => _json.Boolean,
        "null" => _json.Null,
        _ => Number(type == "integer", keywords, pointer),
    };

    private GrammarNode Object(Dictionary<string, JsonElement> keywords, string pointer)
    {
        HashSet<string> required = [];
        List<string> requiredInOrder = [];
        if (keywords.TryGetValue("required", out JsonElement names))
        {
            foreach (JsonElement name in Items(names, $"{pointer}/required"))
            {
                if (name.ValueKind != JsonValueKind.String) throw new JsonSchemaException($"{pointer}/required", $"found {Kind(name)}, expected strings");
                if (required.Add(name.GetString()!)) requiredInOrder.Add(name.GetString()!);
            }
        }

        Dictionary<string, int> places = [];
        List<(string Name, GrammarNode Value, bool IsRequired)> members = [];
        if (keywords.TryGetValue("properties", out JsonElement properties))
        {
            if (properties.ValueKind != JsonValueKind.Object) throw new JsonSchemaException($"{pointer}/properties", $"found {Kind(properties)}, expected an object");
            foreach (JsonProperty property in properties.EnumerateObject())
            {
                string place = $"{pointer}/properties/{Escape(property.Name)}";
                if (!places.TryAdd(property.Name, members.Count)) throw new JsonSchemaException(place, "the name occurs twice");
                if (property.Name.Length > LongestName) throw new JsonSchemaException(place, $"the name has {property.Name.Length:N0} characters, expected at most {LongestName}");
                members.Add((property.Name, Schema(property.Value, place), required.Contains(property.Name)));
            }
        }

        bool hasOthers = keywords.TryGetValue("additionalProperties", out JsonElement additional);
        GrammarNode others = hasOthers ? Schema(additional, $"{pointer}/additionalProperties") : _json.Value;
        foreach (string name in requiredInOrder.Where(name => !places.ContainsKey(name)))
        {
            if (name.Length > LongestName) throw new JsonSchemaException($"{pointer}/required", $"a name has {name.Length:N0} characters, expected at most {LongestName}");
            members.Add((name, others, true));
        }

        return _json.ObjectOf(members, ReferenceEquals(others, _grammar.Never) ? null : others);
    }

    private GrammarNode Array(Dictionary<string, JsonElement> keywords, string pointer)
    {
        GrammarNode[] first = [];
        if (keywords.TryGetValue("prefixItems", out JsonElement prefix))
        {
            first = [.. Items(prefix, $"{pointer}/prefixItems").Select((item, i) => Schema(item, $"{pointer}/prefixItems/{i}"))];
        }

        GrammarNode others = keywords.TryGetValue("items", out JsonElement items) ? Schema(items, $"{pointer}/items") : _json.Value;
        return _json.ArrayOf(
            first, ReferenceEquals(others, _grammar.Never) ? null : others, Count(keywords, "minItems", pointer) ?? 0, Count(keywords, "maxItems", pointer));
    }

    private GrammarNode String(Dictionary<string, JsonElement> keywords, string pointer)
    {
        (int? least, int? most) = (Count(keywords, "minLength", pointer), Count(keywords, "maxLength", pointer));
        if (!keywords.TryGetValue("pattern", out JsonElement pattern))
        {
            return least is null && most is null ? _json.String : _json.Quoted(_grammar.Repeat(_json.Character, least ?? 0, most));
        }

        if (least is not null || most is not null) throw new JsonSchemaException($"{pointer}/pattern", "'pattern' beside 'minLength' or 'maxLength' is not supported");
        if (pattern.ValueKind != JsonValueKind.String) throw new JsonSchemaException($"{pointer}/pattern", $"found {Kind(pattern)}, expected a string");
        return _json.Quoted(JsonPattern.Compile(_json, pattern.GetString()!, $"{pointer}/pattern"));
    }

    private GrammarNode Number(bool isInteger, Dictionary<string, JsonElement> keywords, string pointer)
    {
        NumberBound? first = null, last = null;
        foreach (string keyword in (string[])["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"])
        {
            if (!keywords.TryGetValue(keyword, out JsonElement value)) continue;
            NumberBound bound = Bound(value, keyword, isInteger, $"{pointer}/{keyword}");
            if (keyword is "minimum" or "exclusiveMinimum") first = first is { } other && Lower(other) >= Lower(bound) ? first : bound;
            else last = last is { } other && Upper(other) <= Upper(bound) ? last : bound;
        }

        NumberRange range = new(_json);
        if (isInteger)
        {
            Int128 least = first is { } f ? (Int128)f.Value + (f.IsExclusive ? 1 : 0) : long.MinValue;
            Int128 most = last is { } l ? (Int128)l.Value - (l.IsExclusive ? 1 : 0) : long.MaxValue;
            return range.Integers((long)Int128.Min(least, long.MaxValue), (long)Int128.Max(most, long.MinValue));
        }

        return first is null && last is null ? _json.Number : range.Numbers(first, last);
    }

    // Bounds on one scale, the exclusive ones half a step further in.
    private static Int128 Lower(NumberBound bound) => 2 * (Int128)bound.Value + (bound.IsExclusive ? 1 : 0);

    private static Int128 Upper(NumberBound bound) => 2 * (Int128)bound.Value - (bound.IsExclusive ? 1 : 0);

    private static NumberBound Bound(JsonElement value, string keyword, bool isInteger, string pointer)
    {
        if (value.ValueKind != JsonValueKind.Number) throw new JsonSchemaException(pointer, $"found {Kind(value)}, expected a number");
        double approximate = value.GetDouble();
        bool isLower = keyword is "minimum" or "exclusiveMinimum", isExclusive = keyword is "exclusiveMinimum" or "exclusiveMaximum";
        if (Math.Abs(approximate) >= 1e18) return new NumberBound(approximate > 0 ? long.MaxValue : -long.MaxValue, isExclusive);
        decimal exact = value.TryGetDecimal(out decimal number) ? number : (decimal)approximate;
        decimal whole = isLower ? Math.Ceiling(exact) : Math.Floor(exact);
        if (whole == exact) return new NumberBound((long)exact, isExclusive);
        return isInteger ? new NumberBound((long)whole, false) : throw new JsonSchemaException(pointer, "bounds of numbers that are not integers are not supported");
    }

    private static int? Count(Dictionary<string, JsonElement> keywords, string keyword, string pointer)
    {
        if (!keywords.TryGetValue(keyword, out JsonElement value)) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int count) && count >= 0
            ? count
            : throw new JsonSchemaException($"{pointer}/{keyword}", $"found {Kind(value)}, expected an integer from 0 to {int.MaxValue}");
    }

    private JsonElement Resolve(string target, string? place = null)
    {
        JsonElement at = _document;
        foreach (string part in target.Split('/').Skip(1))
        {
            string name = Uri.UnescapeDataString(part).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (at.ValueKind == JsonValueKind.Object && at.TryGetProperty(name, out JsonElement member)) at = member;
            else if (at.ValueKind == JsonValueKind.Array && int.TryParse(name, out int i) && i >= 0 && i < at.GetArrayLength()) at = at[i];
            else throw new JsonSchemaException(place ?? target, $"there is no '{Short(target)}' in the document");
        }

        return at;
    }

    private static JsonElement[] Items(JsonElement value, string pointer)
    {
        if (value.ValueKind != JsonValueKind.Array) throw new JsonSchemaException(pointer, $"found {Kind(value)}, expected an array");
        return [.. value.EnumerateArray()];
    }

    private static bool IsOfType(JsonElement value, string type) => value.ValueKind switch
    {
        JsonValueKind.Object => type == "object",
        JsonValueKind.Array => type == "array",
        JsonValueKind.String => type == "string",
        JsonValueKind.Number => type == "number" || (type == "integer" && value.TryGetDecimal(out decimal number) && number == decimal.Truncate(number)),
        JsonValueKind.True or JsonValueKind.False => type == "boolean",
        _ => type == "null",
    };

    private static string Escape(string name) =>
        Short(name).Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    private static string Short(string text) => text.Length <= 60 ? text : text[..60] + "...";

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => $"the number {value.GetRawText()}",
        JsonValueKind.Null => "null",
        _ => value.GetRawText(),
    };
}
