using System.Text;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>Filters that give a text, or read one. Their input is taken as it would print.</summary>
internal static class TextFilters
{
    public static TextValue Mapped(Run run, Value input, Arguments arguments, Func<string, string> map)
    {
        arguments.Bind(run, 0);
        TextValue text = PythonText.Printed(run, input);
        string mapped = map(text.Value);
        run.ChargeText(mapped.Length);
        return ReferenceEquals(mapped, text.Value) ? text : TextValue.Derived(mapped, text);
    }

    public static TextValue Trim(Run run, Value input, Arguments arguments)
    {
        string? characters = arguments.Bind(run, 0, "chars").TextOrNone(0);
        TextValue text = PythonText.Printed(run, input);
        run.ChargeSearch(text.Value.Length, characters?.Length ?? 1);
        run.ChargeText(text.Value.Length);
        return text.Slice(PythonStrings.Strip(text.Value, characters, left: true, right: true));
    }

    public static TextValue Replace(Run run, Value input, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 2, "old", "new", "count");
        long most = bound[2] is NoneValue ? -1 : Math.Max(-1, bound.Integer(2, -1));
        return PythonStrings.Replace(run, PythonText.Printed(run, input), PythonText.Of(run, bound[0]!), PythonText.Printed(run, bound[1]!), most);
    }

    public static TextValue Indent(Run run, Value input, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 0, "width", "first", "blank");
        if (input is not TextValue text) throw run.Fail($"'indent' gets a {input.TypeName}, expected a text");
        string indentation = bound[0] is TextValue own ? own.Value : Spaces(run, bound.Integer(0, 4));
        // The line break behind the text keeps a line break at its end from getting lost, and an empty text from having no lines.
        string whole = text.Value + "\n";
        List<TextSpan> lines = PythonStrings.Lines(run, whole, keepEnds: false);
        StringBuilder result = new();
        foreach ((int i, TextSpan line) in lines.Index())
        {
            bool indented = i == 0 ? bound.IsTrue(1) : line.Length > 0 || bound.IsTrue(2);
            run.ChargeText(line.Length + indentation.Length);
            if (result.Length > run.LongestText) break;
            if (i > 0) result.Append('\n');
            if (indented) result.Append(indentation);
            result.Append(whole, line.Start, line.Length);
        }

        return run.Text(result.ToString(), input, bound[0]);
    }

    /// <summary>Hugging Face's: nothing escaped for HTML, and characters beyond ASCII as they are unless asked.</summary>
    public static TextValue ToJson(Run run, Value input, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 0, "ensure_ascii", "indent", "separators", "sort_keys");
        string? indent = bound[1] is null or NoneValue ? null : bound[1] is TextValue own ? own.Value : Spaces(run, bound.Integer(1, 0));
        (string item, string key) = Separators(run, bound[2], indent);
        JsonStyle style = new(indent, item, key, bound.IsTrue(0), bound.IsTrue(3));
        return run.Text(JsonText.Of(run, input, style), input, bound[1], bound[2]);
    }

    public static Value FromJson(Run run, Value input, Arguments arguments)
    {
        arguments.Bind(run, 0);
        return input is TextValue text ? JsonValues.Parse(run, text.Value) : throw run.Fail($"'from_json' gets a {input.TypeName}, expected a text");
    }

    private static string Spaces(Run run, long count)
    {
        run.ChargeText(count);
        return new string(' ', (int)Math.Max(0, count));
    }

    private static (string Item, string Key) Separators(Run run, Value? given, string? indent)
    {
        if (given is null or NoneValue) return (indent is null ? ", " : ",", ": ");
        if (given is SequenceValue { Items: [TextValue item, TextValue key] }) return (item.Value, key.Value);
        throw run.Fail("'tojson' gets other 'separators' than two texts");
    }
}
