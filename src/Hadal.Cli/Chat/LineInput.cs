using System.Text;

namespace Hadal.Cli.Chat;

/// <summary>
/// What the user enters. Without a terminal each line is one entry. With one, a backslash at the end of a line continues on the next, and
/// three double quotes begin and end an entry of many lines.
/// </summary>
internal sealed class LineInput(TextReader input, bool isTerminal, Action<string> prompt)
{
    private const string Quotes = "\"\"\"";

    public bool IsTerminal => isTerminal;

    /// <summary>The next entry; null at the end of the input.</summary>
    public string? Read()
    {
        prompt("> ");
        if (input.ReadLine() is not { } line) return null;
        if (!isTerminal) return line;
        StringBuilder entry = new();
        bool quoted = line.TrimStart().StartsWith(Quotes, StringComparison.Ordinal);
        if (quoted) line = line.TrimStart()[Quotes.Length..];
        while (true)
        {
            bool ends = quoted ? line.TrimEnd().EndsWith(Quotes, StringComparison.Ordinal) : !line.EndsWith('\\');
            entry.Append(!ends ? quoted ? line : line[..^1] : quoted ? line.TrimEnd()[..^Quotes.Length] : line);
            if (ends) return entry.ToString();
            entry.Append('\n');
            prompt(". ");
            if (input.ReadLine() is not { } next) return entry.ToString();
            line = next;
        }
    }
}
