using System.Text;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>
/// Texts as Python counts them, by code points. Most texts have no surrogates, and then a code point is a <see cref="char"/>.
/// </summary>
internal static class CodePoints
{
    public static int Count(string text)
    {
        int count = text.Length;
        for (int i = NextHigh(text, 0); i >= 0; i = NextHigh(text, i + 1))
        {
            if (i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) count--;
        }

        return count;
    }

    /// <summary>The code points, each as a text.</summary>
    public static string[] Split(string text) => Array.ConvertAll(Spans(text), span => text.Substring(span.Start, span.Length));

    /// <summary>Where the code points are.</summary>
    public static TextSpan[] Spans(string text)
    {
        List<TextSpan> parts = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            int length = IsPair(text, i) ? 2 : 1;
            parts.Add(new TextSpan(i, length));
            i += length - 1;
        }

        return [.. parts];
    }

    /// <summary>How many code points stand before an offset, or -1 for -1.</summary>
    public static int IndexOf(string text, int offset) => offset < 0 ? -1 : Count(text[..offset]);

    public static bool HasPairs(string text) => NextHigh(text, 0) >= 0;

    public static int FirstLength(string text) => text.Length > 1 && IsPair(text, 0) ? 2 : Math.Min(1, text.Length);

    /// <summary>Order by code points: UTF-16 puts surrogates before U+E000, code points put what they stand for behind.</summary>
    public static int Compare(string left, string right)
    {
        int length = Math.Min(left.Length, right.Length);
        int i = left.AsSpan(0, length).CommonPrefixLength(right.AsSpan(0, length));
        return i == length ? left.Length.CompareTo(right.Length) : Rank(left[i]).CompareTo(Rank(right[i]));
    }

    /// <summary>
    /// Whether Python's repr shows a character as it is: neither a control, a separator other than the space, nor unassigned.
    /// </summary>
    public static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (
        System.Globalization.UnicodeCategory.Control or System.Globalization.UnicodeCategory.Format
        or System.Globalization.UnicodeCategory.Surrogate or System.Globalization.UnicodeCategory.PrivateUse
        or System.Globalization.UnicodeCategory.OtherNotAssigned or System.Globalization.UnicodeCategory.LineSeparator
        or System.Globalization.UnicodeCategory.ParagraphSeparator or System.Globalization.UnicodeCategory.SpaceSeparator);

    private static bool IsPair(string text, int i) => char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);

    private static int NextHigh(string text, int from)
    {
        int found = text.AsSpan(from).IndexOfAnyInRange('\ud800', '\udbff');
        return found < 0 ? -1 : from + found;
    }

    private static int Rank(char c) => char.IsSurrogate(c) ? c + 0x10000 : c;
}
