namespace Hadal.Tokenization.PreTokenization;

/// <summary>
/// The pattern of cl100k_base by hand, as Llama 3 (three digits) and Qwen2 (one digit) use it: (?i:'s|'t|'re|'ve|'m|'ll|'d)|
/// [^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+.
/// </summary>
/// <param name="digits">The longest piece of digits.</param>
internal sealed class Cl100kPattern(int digits) : MatchFinder
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

    private int End(ReadOnlySpan<char> text, int at)
    {
        if (text[at] == '\'' && Contraction(text, at) is > 0 and int length) return at + length;
        CharClass first = CharClasses.At(text, at, out int width);
        if ((first & CharClass.Letter) != 0) return CharClasses.SkipAny(text, at + width, CharClass.Letter);
        if ((first & CharClass.Number) != 0) return Numbers.End(text, at, digits);
        // One character that is neither letter, number nor line break may lead a word: a space, a quote, a bracket.
        if ((first & CharClass.LineBreak) == 0 && at + width < text.Length
            && (CharClasses.At(text, at + width, out int second) & CharClass.Letter) != 0)
        {
            return CharClasses.SkipAny(text, at + width + second, CharClass.Letter);
        }

        int start = text[at] == ' ' ? at + 1 : at;
        const CharClass NotSigns = CharClass.Space | CharClass.Letter | CharClass.Number;
        int end = CharClasses.SkipNone(text, start, NotSigns);
        return end > start ? CharClasses.SkipAny(text, end, CharClass.LineBreak) : Spaces.EndAfterLineBreaks(text, at);
    }

    // Case folding, unlike case mapping, takes the long s (U+017F) for an s.
    private static int Contraction(ReadOnlySpan<char> text, int at)
    {
        if (at + 1 >= text.Length) return 0;
        int second = text[at + 1] | 0x20, third = at + 2 < text.Length ? text[at + 2] | 0x20 : 0;
        if (text[at + 1] == '\u017F') return 2;
        if (text[at + 1] > 'z') return 0;
        return second switch
        {
            's' or 't' or 'm' or 'd' => 2,
            'r' or 'v' when third == 'e' && text[at + 2] <= 'z' => 3,
            'l' when third == 'l' && text[at + 2] <= 'z' => 3,
            _ => 0,
        };
    }
}

/// <summary>\p{N}{1,most}.</summary>
/// <param name="most">The longest match.</param>
internal sealed class Numbers(int most) : MatchFinder
{
    /// <inheritdoc/>
    public override void Find(ReadOnlySpan<char> piece, ref MatchSink matches)
    {
        for (int at = CharClasses.SkipNone(piece, 0, CharClass.Number); at < piece.Length; at = CharClasses.SkipNone(piece, at, CharClass.Number))
        {
            int end = End(piece, at, most);
            matches.Match(at, end);
            at = end;
        }
    }

    /// <summary>Where a match that starts at a number ends.</summary>
    public static int End(ReadOnlySpan<char> text, int at, int most)
    {
        for (int count = 0; count < most && at < text.Length; count++)
        {
            if ((CharClasses.At(text, at, out int width) & CharClass.Number) == 0) break;
            at += width;
        }

        return at;
    }
}
