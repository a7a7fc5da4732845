namespace Hadal.Tokenization.PreTokenization;

/// <summary>
/// The third pattern of DeepSeek V3 by hand (the first two isolate numbers, and Chinese and Japanese):
/// [!"#$%&amp;'()*+,\-./:;&lt;=&gt;?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|
/// \s+(?!\S)|\s+. Numbers and controls that lead no word match nothing.
/// </summary>
internal sealed class DeepSeekPattern : MatchFinder
{
    private const CharClass Word = CharClass.Letter | CharClass.Mark;
    private const CharClass Sign = CharClass.Punctuation | CharClass.Symbol;

    /// <inheritdoc/>
    public override void Find(ReadOnlySpan<char> piece, ref MatchSink matches)
    {
        for (int at = 0; at < piece.Length;)
        {
            int end = End(piece, at, out int width);
            if (end > at) matches.Match(at, end);
            at = Math.Max(end, at + width);
        }
    }

    // End of the match that starts here, or the start if none does.
    private static int End(ReadOnlySpan<char> text, int at, out int width)
    {
        CharClass first = CharClasses.At(text, at, out width);
        int behind = at + width;
        if (char.IsAsciiLetter(behind < text.Length ? text[behind] : '\0') && char.IsAscii(text[at]) && (first & Sign) != 0)
        {
            for (behind++; behind < text.Length && char.IsAsciiLetter(text[behind]);) behind++;
            return behind;
        }

        if ((first & Word) != 0) return CharClasses.SkipAny(text, behind, Word);
        if ((first & (Sign | CharClass.LineBreak)) == 0)
        {
            int word = CharClasses.SkipAny(text, behind, Word);
            if (word > behind) return word;
        }

        int start = text[at] == ' ' ? at + 1 : at;
        int end = CharClasses.SkipAny(text, start, Sign);
        if (end > start) return CharClasses.SkipAny(text, end, CharClass.LineBreak);
        return (first & CharClass.Space) != 0 ? Spaces.EndAfterLineBreaks(text, at) : at;
    }
}
