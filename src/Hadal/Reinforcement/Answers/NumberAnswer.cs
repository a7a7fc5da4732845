using System.Buffers;

namespace Hadal.Reinforcement.Answers;

/// <summary>
/// The one number that an answer names: <c>72</c>, <c>$1,234.50</c>, <c>72 clips.</c> An answer with two numbers names none, so that
/// nothing is won by listing guesses; nor does one with digits of other scripts, with leading zeros or with a letter before its digits.
/// </summary>
internal static class NumberAnswer
{
    private const int LongestText = 1024;

    private static readonly SearchValues<char> s_formula = SearchValues.Create("^*+/_{}<>|&~");

    /// <summary>Whether an answer names the expected number; the comparison is exact.</summary>
    public static bool Matches(string expected, string answer) =>
        TryParse(expected, out Rational right) && TryParse(answer, out Rational found) && right == found;

    public static bool TryParse(ReadOnlySpan<char> text, out Rational value)
    {
        value = default;
        if (text.Length > LongestText) return false;
        if (text.StartsWith(@"\boxed{", StringComparison.Ordinal) && text.EndsWith('}')) text = text[7..^1];
        bool found = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (char.IsAsciiDigit(c) || (c == '.' && i + 1 < text.Length && char.IsAsciiDigit(text[i + 1])))
            {
                if (found || !TryReadSign(text, i, out bool negative) || !TryReadDigits(text, ref i, out string digits)) return false;
                value = Rational.FromDigits(digits);
                if (negative) value = -value;
                found = true;
            }
            else if (char.IsNumber(c) || char.IsSurrogate(c) || s_formula.Contains(c) || (c == '\\' && !text[(i + 1)..].StartsWith('$')))
            {
                // Formulas, and digits beyond ASCII (many of them in surrogate pairs): not a plain number.
                return false;
            }
        }

        return found;
    }

    private static bool TryReadSign(ReadOnlySpan<char> text, int start, out bool negative)
    {
        int at = start - 1;
        if (at >= 0 && text[at] == '$') at--;
        if (at >= 0 && text[at] == '\\') at--; // \$
        negative = at >= 0 && text[at] is '-' or '\u2212';
        if (negative) at--;
        int before = at;
        while (before >= 0 && text[before] is ' ') before--;
        if (before >= 0 && text[before] is '-' or '\u2212') return false; // "- 72": a sign or a dash, nobody knows
        return at < 0 || text[at] is ' ' or '\n' or '\t' or '\r' or '(' or '$' or ':' or '=';
    }

    // Leaves i at the last character of the number. Thousands are in groups of three, or the commas are no part of a number.
    private static bool TryReadDigits(ReadOnlySpan<char> text, ref int i, out string digits)
    {
        int start = i;
        while (i < text.Length && char.IsAsciiDigit(text[i])) i++;
        digits = text[start..i].ToString();
        bool grouped = false;
        while (i + 3 < text.Length && text[i] == ',' && IsGroup(text.Slice(i + 1, 3)) && (i + 4 == text.Length || !char.IsAsciiDigit(text[i + 4])))
        {
            grouped = true;
            digits += text.Slice(i + 1, 3).ToString();
            i += 4;
        }

        if ((digits.Length > 1 && digits[0] == '0') || (grouped && i - start > 3 && FirstGroup(text[start..i]) > 3)) return false;
        if (i + 1 < text.Length && text[i] == '.' && char.IsAsciiDigit(text[i + 1]))
        {
            int point = i++;
            while (i < text.Length && char.IsAsciiDigit(text[i])) i++;
            digits += text[point..i].ToString();
        }

        i--;
        return true;
    }

    private static bool IsGroup(ReadOnlySpan<char> three) => char.IsAsciiDigit(three[0]) && char.IsAsciiDigit(three[1]) && char.IsAsciiDigit(three[2]);

    private static int FirstGroup(ReadOnlySpan<char> number) => number.IndexOf(',');
}
