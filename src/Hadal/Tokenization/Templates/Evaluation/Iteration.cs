using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>
/// Walking through values: the characters of a text, the items of a list, the keys of a mapping, nothing of what is undefined.
/// </summary>
internal static class Iteration
{
    public static Value[] Items(Run run, Value value)
    {
        switch (value)
        {
            case SequenceValue sequence: return sequence.Items;
            case MappingValue mapping:
                run.ChargeItems(mapping.Pairs.Count);
                return mapping.Keys();
            case TextValue text:
                run.ChargeItems(text.Value.Length);
                return Array.ConvertAll<TextSpan, Value>(CodePoints.Spans(text.Value), text.Slice);
            case UndefinedValue: return [];
            default: throw run.Fail($"found a {value.TypeName}, expected a list, a mapping or a text");
        }
    }

    public static TextValue Join(Run run, TextValue separator, Value[] items)
    {
        TextBuilder joined = new();
        for (int i = 0; i < items.Length; i++)
        {
            TextValue part = PythonText.Printed(run, items[i]);
            run.ChargeText(part.Value.Length + separator.Value.Length);
            if (joined.Length > run.LongestText) break;
            if (i > 0) joined.Append(separator);
            joined.Append(part);
        }

        run.ChargeText(joined.Length);
        return joined.ToText();
    }

    /// <summary>How many items a value has.</summary>
    public static long Length(Run run, Value value) => value switch
    {
        TextValue text => CodePoints.Count(text.Value),
        SequenceValue sequence => sequence.Items.Length,
        MappingValue mapping => mapping.Pairs.Count,
        UndefinedValue => 0,
        _ => throw run.Fail($"found a {value.TypeName}, expected something that has a length"),
    };
}
