using System.Globalization;
using System.Text;

namespace Hadal.Cli;

/// <summary>Text from files and arguments on its way to a terminal.</summary>
internal static class PlainText
{
    /// <summary>The text with control characters escaped: it can neither break the line nor command the terminal.</summary>
    public static string OneLine(string text)
    {
        if (!text.Any(char.IsControl)) return text;
        StringBuilder line = new();
        foreach (char c in text)
        {
            if (char.IsControl(c)) line.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else line.Append(c);
        }

        return line.ToString();
    }
}
