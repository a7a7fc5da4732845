using System.Globalization;
using System.Text;
using Hadal.Tokenization.Templates.Evaluation;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>How <c>tojson</c> writes: the arguments of Python's <c>json.dumps</c> that Hugging Face passes on.</summary>
internal sealed record JsonStyle(string? Indent, string ItemSeparator, string KeySeparator, bool EnsureAscii, bool SortKeys);

/// <summary>Python's <c>json.dumps</c>.</summary>
internal sealed class JsonText(Run run, JsonStyle style)
{
    private readonly StringBuilder _text = new();

    public static string Of(Run run, Value value, JsonStyle style)
    {
        JsonText json = new(run, style);
        json.Write(value, 0);
        return json._text.ToString();
    }

    private void Write(Value value, int level)
    {
        run.Charge(1);
        if (_text.Length > run.LongestText) run.ChargeText(_text.Length);
        switch (value)
        {
            case TextValue text:
                run.ChargeText(text.Value.Length);
                Quote(text.Value);
                break;
            case NoneValue:
                _text.Append("null");
                break;
            case BooleanValue boolean:
                _text.Append(boolean.Value ? "true" : "false");
                break;
            case IntegerValue integer:
                _text.Append(integer.Value);
                break;
            case FloatValue real:
                _text.Append(Float(real.Value));
                break;
            case SequenceValue { Kind: SequenceKind.List or SequenceKind.Tuple or SequenceKind.Generated } sequence:
                Enclose('[', ']', level, sequence.Items, item => Write(item, level + 1));
                break;
            case MappingValue mapping:
                Enclose('{', '}', level, Ordered(mapping), pair =>
                {
                    Quote(Key(pair.Key));
                    _text.Append(style.KeySeparator);
                    Write(pair.Value, level + 1);
                });
                break;
            case UndefinedValue undefined: throw run.Fail($"found nothing to write as JSON, because {undefined.Problem}");
            default: throw run.Fail($"found a {value.TypeName} to write as JSON, expected a text, a number, a list or a mapping");
        }
    }

    private IReadOnlyList<KeyValuePair<Value, Value>> Ordered(MappingValue mapping)
    {
        if (!style.SortKeys) return mapping.Pairs;
        run.ChargeItems(mapping.Pairs.Count);
        return [.. mapping.Pairs.Order(Comparer<KeyValuePair<Value, Value>>.Create((a, b) => Equality.Compare(run, a.Key, b.Key) ?? 0))];
    }

    private void Enclose<T>(char open, char close, int level, IReadOnlyList<T> items, Action<T> write)
    {
        _text.Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0) _text.Append(style.ItemSeparator);
            NewLine(level + 1);
            write(items[i]);
        }

        if (items.Count > 0) NewLine(level);
        _text.Append(close);
    }

    private void NewLine(int level)
    {
        if (style.Indent is null) return;
        run.ChargeText((long)style.Indent.Length * level);
        _text.Append('\n');
        for (int i = 0; i < level; i++) _text.Append(style.Indent);
    }

    private string Key(Value key) => key switch
    {
        TextValue text => text.Value,
        NoneValue => "null",
        BooleanValue boolean => boolean.Value ? "true" : "false",
        FloatValue real => Float(real.Value),
        _ => PythonText.Of(run, key),
    };

    private static string Float(double value) =>
        double.IsNaN(value) ? "NaN" : double.IsInfinity(value) ? (value > 0 ? "Infinity" : "-Infinity") : PythonText.Float(value);

    private void Quote(string value)
    {
        _text.Append('"');
        foreach (char c in value)
        {
            int escape = "\"\\\n\r\t\f\b".IndexOf(c, StringComparison.Ordinal);
            if (escape >= 0) _text.Append('\\').Append("\"\\nrtfb"[escape]);
            else if (c < ' ' || (style.EnsureAscii && c > '~')) _text.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            else _text.Append(c);
        }

        _text.Append('"');
    }
}
