using System.Globalization;
using System.Text;
using Hadal.Tokenization.Templates.Evaluation;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>Values as Python prints them: <c>str</c> for what stands alone, <c>repr</c> for what stands in a list or a mapping.</summary>
internal static class PythonText
{
    /// <summary>As <see cref="Of"/>, with what in it is foreign.</summary>
    public static TextValue Printed(Run run, Value value) => value as TextValue ?? TextValue.Derived(Of(run, value), value);

    public static string Of(Run run, Value value)
    {
        switch (value)
        {
            case TextValue text: return text.Value;
            case UndefinedValue: return "";
            case IntegerValue integer: return integer.Value.ToString(CultureInfo.InvariantCulture);
            case BooleanValue boolean: return boolean.Value ? "True" : "False";
            case NoneValue: return "None";
            case FloatValue real: return Float(real.Value);
            default:
                StringBuilder text2 = new();
                Represent(run, text2, value);
                return text2.ToString();
        }
    }

    /// <summary>The shortest digits that read back as the same number; an exponent below 1e-4 and from 1e16.</summary>
    public static string Float(double value)
    {
        if (double.IsNaN(value)) return "nan";
        if (double.IsInfinity(value)) return value > 0 ? "inf" : "-inf";
        if (value == 0) return double.IsNegative(value) ? "-0.0" : "0.0";
        (string digits, int exponent) = Shortest(Math.Abs(value));
        string sign = value < 0 ? "-" : "";
        if (exponent is < -4 or >= 16)
        {
            string fraction = digits.Length > 1 ? "." + digits[1..] : "";
            return $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        if (exponent < 0) return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        if (digits.Length <= exponent + 1) return $"{sign}{digits.PadRight(exponent + 1, '0')}.0";
        return $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    /// <summary>The shortest digits, without zeros around them, and the power of ten of the first.</summary>
    private static (string Digits, int Exponent) Shortest(double value)
    {
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        int mark = text.IndexOf('E', StringComparison.Ordinal);
        int exponent = mark < 0 ? 0 : int.Parse(text.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string mantissa = mark < 0 ? text : text[..mark];
        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        string digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        int zeros = digits.Length - digits.TrimStart('0').Length;
        return (digits.Trim('0'), exponent + (point < 0 ? digits.Length : point) - 1 - zeros);
    }

    private static void Represent(Run run, StringBuilder text, Value value)
    {
        run.Charge(1);
        run.ChargeText(text.Length > run.LongestText ? text.Length : 0);
        switch (value)
        {
            case TextValue inner:
                run.ChargeText(inner.Value.Length);
                Quote(text, inner.Value);
                break;
            case UndefinedValue:
                text.Append("Undefined");
                break;
            case SequenceValue sequence:
                Sequence(run, text, sequence);
                break;
            case MappingValue mapping:
                text.Append('{');
                foreach ((int i, KeyValuePair<Value, Value> pair) in mapping.Pairs.Index())
                {
                    if (i > 0) text.Append(", ");
                    Represent(run, text, pair.Key);
                    text.Append(": ");
                    Represent(run, text, pair.Value);
                }

                text.Append('}');
                break;
            case IntegerValue or BooleanValue or NoneValue or FloatValue:
                text.Append(Of(run, value));
                break;
            default: throw run.Fail($"found a {value.TypeName} to print, expected a text, a number, a list or a mapping");
        }
    }

    private static void Sequence(Run run, StringBuilder text, SequenceValue sequence)
    {
        if (sequence.Kind == SequenceKind.Range) throw run.Fail("found a range to print, expected its items or a list of them");
        (string open, string close) = sequence.Kind switch
        {
            SequenceKind.Tuple => ("(", sequence.Items.Length == 1 ? ",)" : ")"),
            SequenceKind.Keys or SequenceKind.Values or SequenceKind.Items => (sequence.TypeName + "([", "])"),
            _ => ("[", "]"),
        };
        text.Append(open);
        for (int i = 0; i < sequence.Items.Length; i++)
        {
            if (i > 0) text.Append(", ");
            Represent(run, text, sequence.Items[i]);
        }

        text.Append(close);
    }

    // Single quotes, unless the text has some and no double ones.
    private static void Quote(StringBuilder text, string value)
    {
        char quote = value.Contains('\'', StringComparison.Ordinal) && !value.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        text.Append(quote);
        foreach (Rune rune in value.EnumerateRunes())
        {
            if (rune.Value == quote || rune.Value == '\\') text.Append('\\').Append(rune);
            else if (rune.Value == '\n') text.Append("\\n");
            else if (rune.Value == '\r') text.Append("\\r");
            else if (rune.Value == '\t') text.Append("\\t");
            else if (CodePoints.IsPrintable(rune)) text.Append(rune);
            else if (rune.Value < 0x100) text.Append("\\x").Append(rune.Value.ToString("x2", CultureInfo.InvariantCulture));
            else if (rune.Value < 0x10000) text.Append("\\u").Append(rune.Value.ToString("x4", CultureInfo.InvariantCulture));
            else text.Append("\\U").Append(rune.Value.ToString("x8", CultureInfo.InvariantCulture));
        }

        text.Append(quote);
    }
}
