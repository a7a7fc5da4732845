namespace Hadal.Reinforcement.Answers;

/// <summary>The letter of a choice: <c>B</c>, <c>(B)</c>, <c>b.</c> or <c>\text{(B)}</c>. Two letters are none.</summary>
internal static class ChoiceAnswer
{
    private const int LongestText = 32;

    public static bool Matches(string expected, string answer) => Letter(expected) is { } right && Letter(answer) == right;

    public static char? Letter(string answer)
    {
        if (answer.Length > LongestText) return null;
        ReadOnlySpan<char> text = answer.AsSpan().Trim().Trim('$');
        if (text.StartsWith(@"\text{", StringComparison.Ordinal) && text.EndsWith("}", StringComparison.Ordinal)) text = text[6..^1];
        text = text.TrimStart('(').TrimEnd(").:").Trim();
        return text.Length == 1 && char.IsAsciiLetter(text[0]) ? char.ToUpperInvariant(text[0]) : null;
    }
}
