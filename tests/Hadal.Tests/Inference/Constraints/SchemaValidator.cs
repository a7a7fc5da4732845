using System.Text.Json;
using System.Text.RegularExpressions;

namespace Hadal.Tests.Inference.Constraints;

/// <summary>Judges documents by a schema as the standard says; it shares nothing with what is tested.</summary>
internal static class SchemaValidator
{
    public static bool IsValid(JsonElement value, JsonElement schema, JsonElement document)
    {
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False) return schema.ValueKind == JsonValueKind.True;
        return schema.EnumerateObject().All(keyword => Holds(keyword.Name, keyword.Value));

        bool Holds(string name, JsonElement argument) => name switch
        {
            "type" => argument.ValueKind == JsonValueKind.Array ? argument.EnumerateArray().Any(IsType) : IsType(argument),
            "enum" => argument.EnumerateArray().Any(option => JsonElement.DeepEquals(option, value)),
            "const" => JsonElement.DeepEquals(argument, value),
            "anyOf" or "oneOf" => argument.EnumerateArray().Any(option => IsValid(value, option, document)),
            "allOf" => argument.EnumerateArray().All(option => IsValid(value, option, document)),
            "$ref" => IsValid(value, Resolve(argument.GetString()!), document),
            "required" => value.ValueKind != JsonValueKind.Object || argument.EnumerateArray().All(key => value.TryGetProperty(key.GetString()!, out _)),
            "properties" => value.ValueKind != JsonValueKind.Object ||
                argument.EnumerateObject().All(p => !value.TryGetProperty(p.Name, out JsonElement member) || IsValid(member, p.Value, document)),
            "additionalProperties" => value.ValueKind != JsonValueKind.Object || value.EnumerateObject().All(member =>
                (schema.TryGetProperty("properties", out JsonElement known) && known.TryGetProperty(member.Name, out _)) || IsValid(member.Value, argument, document)),
            "prefixItems" => value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Zip(argument.EnumerateArray(), (item, s) => IsValid(item, s, document)).All(b => b),
            "items" => value.ValueKind != JsonValueKind.Array ||
                value.EnumerateArray().Skip(schema.TryGetProperty("prefixItems", out JsonElement p) ? p.GetArrayLength() : 0).All(item => IsValid(item, argument, document)),
            "minItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() >= argument.GetInt32(),
            "maxItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() <= argument.GetInt32(),
            "minLength" => value.ValueKind != JsonValueKind.String || value.GetString()!.EnumerateRunes().Count() >= argument.GetInt32(),
            "maxLength" => value.ValueKind != JsonValueKind.String || value.GetString()!.EnumerateRunes().Count() <= argument.GetInt32(),
            "pattern" => value.ValueKind != JsonValueKind.String || Regex.IsMatch(value.GetString()!, argument.GetString()!, RegexOptions.None),
            "minimum" => value.ValueKind != JsonValueKind.Number || value.GetDecimal() >= argument.GetDecimal(),
            "maximum" => value.ValueKind != JsonValueKind.Number || value.GetDecimal() <= argument.GetDecimal(),
            "exclusiveMinimum" => value.ValueKind != JsonValueKind.Number || value.GetDecimal() > argument.GetDecimal(),
            "exclusiveMaximum" => value.ValueKind != JsonValueKind.Number || value.GetDecimal() < argument.GetDecimal(),
            "$defs" or "title" or "description" or "format" => true,
            _ => throw new InvalidOperationException($"the validator knows no {name}"),
        };

        bool IsType(JsonElement type) => (type.GetString(), value.ValueKind) switch
        {
            ("object", JsonValueKind.Object) or ("array", JsonValueKind.Array) or ("string", JsonValueKind.String) or ("number", JsonValueKind.Number) => true,
            ("boolean", JsonValueKind.True or JsonValueKind.False) or ("null", JsonValueKind.Null) => true,
            ("integer", JsonValueKind.Number) => value.GetDecimal() % 1 == 0,
            _ => false,
        };

        JsonElement Resolve(string pointer) =>
            pointer.Split('/').Skip(1).Aggregate(document, (at, name) => at.GetProperty(name.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)));
    }
}
