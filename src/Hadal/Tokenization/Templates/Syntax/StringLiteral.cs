using System.Globalization;
using System.Text;

namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>Python's escapes in string literals. An escape that Python doesn't know stays as it is written.</summary>
internal static class StringLiteral
{
    public static string Unescape(Source source, int start, int end)
    {
        ReadOnlySpan<char> raw = source.Text.AsSpan(start, end - start);
        if (!raw.Contains('\\')) return raw.ToString();
        StringBuilder value = new(raw.Length);
        int at = start;
        while (at < end)
        {
            char c = source.Text[at++];
            if (c == '\\') at = Escape(source, at, end, value);
            else value.Append(c);
        }

        return value.ToString();
    }

    /// <summary>Reads what follows a backslash; the offset after it.</summary>
    private static int Escape(Source source, int at, int end, StringBuilder value)
    {
        char c = source.Text[at];
        int simple = @"\'""abfnrtv".IndexOf(c, StringComparison.Ordinal);
        if (simple >= 0)
        {
            value.Append("\\'\"\a\b\f\n\r\t\v"[simple]);
            return at + 1;
        }

        switch (c)
        {
            case '\n': return at + 1;
            case 'x': return CodePoint(source, at + 1, end, 2, value);
            case 'u': return CodePoint(source, at + 1, end, 4, value);
            case 'U': return CodePoint(source, at + 1, end, 8, value);
            case 'N': throw source.Fail(at - 1, @"found a character by its name, expected \u and its number");
            case >= '0' and <= '7': return Octal(source, at, end, value);
            default:
                value.Append('\\').Append(c);
                return at + 1;
        }
    }

    private static int CodePoint(Source source, int at, int end, int digits, StringBuilder value)
    {
        bool whole = at + digits <= end;
        int number = 0;
        if (!whole || !int.TryParse(source.Text.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number))
        {
            throw source.Fail(at - 2, $"found a broken escape, expected {digits} hexadecimal digits");
        }

        if (!Rune.TryCreate(number, out Rune rune)) throw source.Fail(at - 2, "found an escape that is no character");
        value.Append(rune.ToString());
        return at + digits;
    }

    private static int Octal(Source source, int at, int end, StringBuilder value)
    {
        int number = 0;
        int stop = Math.Min(at + 3, end);
        while (at < stop && source.Text[at] is >= '0' and <= '7') number = (number * 8) + source.Text[at++] - '0';
        value.Append((char)number);
        return at;
    }
}
