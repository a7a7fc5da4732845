using System.Globalization;
using System.Text;

namespace Hadal.Cli;

/// <summary>Text from files and arguments on its way to a terminal.</summary>
internal static class PlainText
{
    /// <summary>The text with control characters escaped: it can neither break the line nor command the terminal.</summary>
    public static string OneLine(string text) => Escaped(text, char.IsControl);

    /// <summary>The text with all control characters but line breaks and tabs escaped: it can't command the terminal.</summary>
    public static string Lines(string text) => Escaped(text, c => char.IsControl(c) && c is not ('\n' or '\t'));

    private static string Escaped(string text, Func<char, bool> isEscaped)
    {
        if (!text.Any(isEscaped)) return text;
        StringBuilder escaped = new();
        foreach (char c in text)
        {
            if (isEscaped(c)) escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else escaped.Append(c);
        }

        return escaped.ToString();
    }
}
