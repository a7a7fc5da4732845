using System.Globalization;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>Filters that give a number, and a default where there is none.</summary>
internal static class NumberFilters
{
    public static Value Absolute(Run run, Value input, Arguments arguments)
    {
        arguments.Bind(run, 0);
        if (Number.Of(input) is not { } number) throw run.Fail($"'abs' gets a {input.TypeName}, expected a number");
        bool negative = number.IsWhole ? number.Whole < 0 : double.IsNegative(number.Real);
        return Arithmetic.Signed(run, negative, input);
    }

    public static Value Int(Run run, Value input, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 0, "default", "base");
        if (bound.Integer(1, 10) != 10) throw run.Fail("'int' gets another base than 10");
        if (input is UndefinedValue undefined) throw run.Fail(undefined.Problem);
        Value otherwise = bound[0] ?? new IntegerValue(0);
        if (input is TextValue text && long.TryParse(Digits(text.Value), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole))
        {
            return new IntegerValue(whole);
        }

        // "42.9" is no whole number to Python, but Jinja makes it 42 by way of a float.
        double? real = input is TextValue ? Parsed(input) : Number.Of(input) is { } number ? number.Real : null;
        if (Number.Of(input) is { IsWhole: true } exact) return new IntegerValue(exact.Whole);
        if (real is not { } value || !double.IsFinite(value)) return otherwise;
        if (Math.Abs(value) >= 9223372036854775808.0) throw run.Fail("a whole number gets larger than 64 bits");
        return new IntegerValue((long)Math.Truncate(value));
    }

    public static Value Float(Run run, Value input, Arguments arguments)
    {
        Bound bound = arguments.Bind(run, 0, "default");
        if (input is UndefinedValue undefined) throw run.Fail(undefined.Problem);
        double? real = input is TextValue ? Parsed(input) : Number.Of(input)?.Real;
        return real is { } value ? new FloatValue(value) : bound[0] ?? new FloatValue(0);
    }

    private static double? Parsed(Value input)
    {
        string text = Digits(((TextValue)input).Value);
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        if (double.TryParse(text, Style, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)) return value;
        return text.TrimStart('+').ToUpperInvariant() switch
        {
            "NAN" or "-NAN" => double.NaN,
            "INF" or "INFINITY" => double.PositiveInfinity,
            "-INF" or "-INFINITY" => double.NegativeInfinity,
            _ => double.IsInfinity(value) && text.AsSpan().ContainsAnyInRange('0', '9') ? value : null,
        };
    }

    // Python allows underscores between digits.
    private static string Digits(string text)
    {
        TextSpan stripped = PythonStrings.Strip(text, null, left: true, right: true);
        string digits = text.Substring(stripped.Start, stripped.Length);
        for (int i = 0; i < digits.Length; i++)
        {
            bool between = i > 0 && i + 1 < digits.Length && char.IsAsciiDigit(digits[i - 1]) && char.IsAsciiDigit(digits[i + 1]);
            if (digits[i] == '_' && !between) return digits;
        }

        return digits.Replace("_", "", StringComparison.Ordinal);
    }
}
