namespace Hadal.Tokenization.PreTokenization;

/// <summary>
/// GPT-2's pattern by hand: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+. Files that leave out the last
/// alternative mean the same, since what no alternative matches is a piece as well.
/// </summary>
internal sealed class Gpt2Pattern : MatchFinder
{
    /// <inheritdoc/>
    public override void Find(ReadOnlySpan<char> piece, ref MatchSink matches)
    {
        for (int at = 0; at < piece.Length;)
        {
            int end = End(piece, at);
            matches.Match(at, end);
            at = end;
        }
    }

    private static int End(ReadOnlySpan<char> text, int at)
    {
        if (text[at] == '\'' && Contraction(text, at) is > 0 and int length) return at + length;
        int start = text[at] == ' ' && at + 1 < text.Length ? at + 1 : at;
        CharClass first = CharClasses.At(text, start, out int width);
        if ((first & CharClass.Letter) != 0) return CharClasses.SkipAny(text, start + width, CharClass.Letter);
        if ((first & CharClass.Number) != 0) return CharClasses.SkipAny(text, start + width, CharClass.Number);
        if ((first & CharClass.Space) == 0)
        {
            return CharClasses.SkipNone(text, start + width, CharClass.Space | CharClass.Letter | CharClass.Number);
        }

        return Spaces.End(text, at);
    }

    private static int Contraction(ReadOnlySpan<char> text, int at)
    {
        if (at + 1 >= text.Length) return 0;
        char second = text[at + 1], third = at + 2 < text.Length ? text[at + 2] : '\0';
        return second switch
        {
            's' or 't' or 'm' or 'd' => 2,
            'r' or 'v' when third == 'e' => 3,
            'l' when third == 'l' => 3,
            _ => 0,
        };
    }
}

/// <summary>The ends of patterns about white space that GPT-2 began with and all later ones share.</summary>
internal static class Spaces
{
    /// <summary>\s+(?!\S)|\s+: a run without its last space, which the next word takes, unless it is the only one or the text ends.</summary>
    public static int End(ReadOnlySpan<char> text, int at)
    {
        int end = CharClasses.SkipAny(text, at, CharClass.Space);
        return end < text.Length && end - at > 1 ? end - 1 : end;
    }

    /// <summary>\s*[\r\n]+|\s+(?!\S)|\s+: a run up to its last line break, if it has one.</summary>
    public static int EndAfterLineBreaks(ReadOnlySpan<char> text, int at)
    {
        int end = CharClasses.SkipAny(text, at, CharClass.Space);
        int lineBreak = text[at..end].LastIndexOfAny('\r', '\n');
        if (lineBreak >= 0) return at + lineBreak + 1;
        return end < text.Length && end - at > 1 ? end - 1 : end;
    }
}
