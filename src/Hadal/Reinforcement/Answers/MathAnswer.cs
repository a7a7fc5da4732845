using System.Text;

namespace Hadal.Reinforcement.Answers;

/// <summary>
/// Whether two mathematical answers in LaTeX or plain text are the same, in the way of the graders of MATH (Hendrycks et al. 2021,
/// arXiv 2103.03874) and Minerva (Lewkowycz et al. 2022, arXiv 2206.14858, appendix D.1): spelling, units, degrees, percent and
/// currency signs don't count; fractions, decimals, mixed numbers and formulas are compared by value; points and intervals in order;
/// sets and lists in any order; words as text. Numbers that differ are never the same, however close.
/// </summary>
public static class MathAnswer
{
    // Gold answers of MATH have at most some 80 characters.
    private const int LongestText = 600;

    /// <summary>Whether an answer is the expected one. Accepts any text and never throws.</summary>
    /// <param name="expected">The gold answer.</param>
    /// <param name="answer">What was answered; a <c>\boxed{}</c> in it is opened.</param>
    public static bool AreEquivalent(string expected, string answer)
    {
        ArgumentNullException.ThrowIfNull(expected);
        ArgumentNullException.ThrowIfNull(answer);
        if (expected.Length > LongestText || answer.Length > LongestText) return false;
        List<LatexToken> a = Tokens(expected), b = Tokens(answer);
        if (a.Count == 0 || b.Count == 0) return false;
        return Spelling(a) == Spelling(b) || (MathObjectParser.Parse(a) is { } right && MathObjectParser.Parse(b) is { } found && right.Matches(found));
    }

    /// <summary>
    /// One spelling for answers that differ in nothing but layout: what answers are counted by when a majority is sought.
    /// </summary>
    public static string Normalise(string answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        return answer.Length > LongestText ? answer : Spelling(Tokens(answer));
    }

    /// <summary>The content of the last <c>\boxed{}</c> whose braces match; null if there is none.</summary>
    public static string? LastBoxed(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        const string Opening = @"\boxed";
        int start = text.LastIndexOf(Opening, StringComparison.Ordinal);
        if (start < 0) return null;
        int at = start + Opening.Length;
        while (at < text.Length && text[at] == ' ') at++;
        if (at >= text.Length || text[at] != '{') return null;
        int depth = 0;
        for (int i = at; i < text.Length; i++)
        {
            // A brace after a backslash is a character of the formula.
            if (text[i] == '\\') i++;
            else if (text[i] == '{') depth++;
            else if (text[i] == '}' && --depth == 0) return text[(at + 1)..i];
        }

        return null;
    }

    private static List<LatexToken> Tokens(string text)
    {
        ReadOnlySpan<char> span = (LastBoxed(text) ?? text).AsSpan().Trim().TrimEnd('.');
        if (span.StartsWith(@"\(", StringComparison.Ordinal) || span.StartsWith(@"\[", StringComparison.Ordinal)) span = span[2..];
        if (span.EndsWith(@"\)", StringComparison.Ordinal) || span.EndsWith(@"\]", StringComparison.Ordinal)) span = span[..^2];
        return LatexScanner.Scan(span);
    }

    // Blank space stays where it parts digits, commands or words.
    private static string Spelling(List<LatexToken> tokens)
    {
        StringBuilder spelling = new();
        foreach (LatexToken token in tokens)
        {
            bool longName = token.Kind is LatexTokenKind.Command or LatexTokenKind.Words;
            bool parted = token.AfterSpace && token.Kind == LatexTokenKind.Digit && spelling.Length > 0 && char.IsAsciiDigit(spelling[^1]);
            if (longName || parted) spelling.Append(' ');
            spelling.Append(token.Text);
            if (longName) spelling.Append(' ');
        }

        return spelling.ToString().Trim();
    }
}
