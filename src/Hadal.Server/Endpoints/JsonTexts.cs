using System.Text.Json;
using Hadal.Server.Http;

namespace Hadal.Server.Endpoints;

/// <summary>Texts in parts of a body whose type depends on their content.</summary>
internal static class JsonTexts
{
    /// <summary>A string's text.</summary>
    /// <exception cref="ApiException">It has half a surrogate pair, which no text has.</exception>
    public static string Read(JsonElement element, string param)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw NoText(param);
        }
    }

    /// <summary>Refuses JSON that others will read if any text in it can't be one.</summary>
    /// <exception cref="ApiException">400.</exception>
    public static void Check(JsonElement element, string param)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = Read(element, param);
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray()) Check(item, param);
                break;
            case JsonValueKind.Object:
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    CheckName(member, param);
                    Check(member.Value, param);
                }

                break;
            default:
                break;
        }
    }

    /// <summary>A string, or an array of strings.</summary>
    /// <exception cref="ApiException">It is neither.</exception>
    public static IReadOnlyList<string> OneOrMore(JsonElement element, string param) => element.ValueKind switch
    {
        JsonValueKind.String => [Read(element, param)],
        JsonValueKind.Array when element.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
            [.. element.EnumerateArray().Select(item => Read(item, param))],
        _ => throw ApiException.BadValue(param, "must be a string or an array of strings"),
    };

    /// <summary>Whether a member that may be left out or null says something.</summary>
    public static bool IsGiven(JsonElement? element) => element is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) };

    private static void CheckName(JsonProperty member, string param)
    {
        try
        {
            _ = member.Name;
        }
        catch (InvalidOperationException)
        {
            throw NoText(param);
        }
    }

    private static ApiException NoText(string param) => ApiException.BadValue(param, "has text with half a surrogate pair");
}
