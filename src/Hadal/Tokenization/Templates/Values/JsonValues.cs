using System.Text.Json;
using Hadal.Tokenization.Templates.Evaluation;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>
/// JSON as values, with Python's rule for numbers: one with a point or an exponent is a float, any other is whole. Its texts are foreign.
/// </summary>
internal static class JsonValues
{
    /// <summary>Reads the text of a JSON document.</summary>
    public static Value Parse(Run run, string text)
    {
        run.ChargeText(text.Length);
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = Run.DeepestValue });
            return Of(run, document.RootElement);
        }
        catch (JsonException e)
        {
            throw run.Fail($"found {TemplateException.Quote(text)}, expected JSON", e);
        }
        catch (ArgumentException e)
        {
            throw run.Fail("found a text with half a surrogate pair, expected JSON", e);
        }
    }

    public static Value Of(Run run, JsonElement element) => Of(run, element, 1);

    private static Value Of(Run run, JsonElement element, int level)
    {
        if (level > Run.DeepestValue) throw run.Fail($"the JSON nests deeper than the {Run.DeepestValue} levels that it may have");
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                List<KeyValuePair<Value, Value>> pairs = [];
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    pairs.Add(new(TextValue.Foreign(Name(run, property)), Of(run, property.Value, level + 1)));
                }

                return run.Mapping(pairs);
            case JsonValueKind.Array:
                List<Value> items = [];
                foreach (JsonElement item in element.EnumerateArray()) items.Add(Of(run, item, level + 1));
                return run.Sequence(SequenceKind.List, [.. items]);
            case JsonValueKind.String: return TextValue.Foreign(Text(run, element));
            case JsonValueKind.Number: return Number(run, element);
            case JsonValueKind.True: return BooleanValue.True;
            case JsonValueKind.False: return BooleanValue.False;
            case JsonValueKind.Undefined: throw run.Fail("found an empty JsonElement, expected a JSON value");
            default: return NoneValue.Instance;
        }
    }

    private static Value Number(Run run, JsonElement element)
    {
        string digits = element.GetRawText();
        if (digits.AsSpan().IndexOfAny('.', 'e', 'E') >= 0) return new FloatValue(element.GetDouble());
        if (element.TryGetInt64(out long whole)) return new IntegerValue(whole);
        throw run.Fail($"the JSON has the whole number {TemplateException.Quote(digits)}, expected one of at most 64 bits");
    }

    // Half a surrogate pair, written as an escape, is no text.
    private static string Text(Run run, JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw run.Fail("the JSON has a string that is not Unicode", e);
        }
    }

    private static string Name(Run run, JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException e)
        {
            throw run.Fail("the JSON has a name that is not Unicode", e);
        }
    }
}
