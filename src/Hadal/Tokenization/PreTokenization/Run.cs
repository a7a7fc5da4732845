using System.Diagnostics.CodeAnalysis;

namespace Hadal.Tokenization.PreTokenization;

/// <summary>
/// Runs of a set of characters, with or without a space before them: [set]+, \s?[set]+, or single characters of it. DeepSeek's first
/// models and the Chinese and Japanese of V3 are cut this way.
/// </summary>
/// <param name="set">The set.</param>
/// <param name="leadingSpace">Whether one white space belongs to the run (\s?).</param>
/// <param name="single">Whether every character is a match of its own.</param>
internal sealed class Run(CodePointSet set, bool leadingSpace, bool single = false) : MatchFinder
{
    /// <inheritdoc/>
    public override void Find(ReadOnlySpan<char> piece, ref MatchSink matches)
    {
        for (int at = 0; at < piece.Length;)
        {
            int code = CharClasses.CodePoint(piece, at, out int width);
            int start = at;
            // \s? is greedy, so a space that is itself in the set leads the run as a space, unless it is all there is.
            bool led = leadingSpace && at + width < piece.Length && (CharClasses.At(piece, at, out _) & CharClass.Space) != 0
                && set.Contains(CharClasses.CodePoint(piece, at + width, out _));
            if (!led && !set.Contains(code))
            {
                at += width;
                continue;
            }

            for (at += width; !single && at < piece.Length && set.Contains(CharClasses.CodePoint(piece, at, out width));) at += width;
            matches.Match(start, at);
        }
    }
}

/// <summary>\s+$ in a piece that has no line break but its last character.</summary>
internal sealed class TrailingSpace : MatchFinder
{
    /// <inheritdoc/>
    public override void Find(ReadOnlySpan<char> piece, ref MatchSink matches)
    {
        int start = piece.Length;
        while (start > 0 && (CharClasses.At(piece[start - 1]) & CharClass.Space) != 0) start--;
        if (start < piece.Length) matches.Match(start, piece.Length);
    }
}

/// <summary>A set of code points: classes of Unicode and ranges.</summary>
internal sealed class CodePointSet
{
    private readonly bool[] _plane = new bool[0x10000];
    private readonly (int First, int Last)[] _beyond;
    private readonly CharClass _classes;

    public CodePointSet(CharClass classes, params IReadOnlyList<(int First, int Last)> ranges)
    {
        _classes = classes;
        _beyond = [.. ranges.Where(range => range.Last > 0xFFFF)];
        for (int c = 0; c < 0x10000; c++) _plane[c] = !char.IsSurrogate((char)c) && (CharClasses.At((char)c) & classes) != 0;
        foreach ((int first, int last) in ranges)
        {
            for (int c = first; c <= Math.Min(last, 0xFFFF); c++) _plane[c] = true;
        }
    }

    /// <summary>Reads the inside of a character class that is made of single characters and ranges, with no escapes.</summary>
    public static bool TryParse(ReadOnlySpan<char> ranges, [NotNullWhen(true)] out CodePointSet? set)
    {
        set = null;
        List<(int, int)> parsed = [];
        for (int at = 0; at < ranges.Length;)
        {
            int first = CharClasses.CodePoint(ranges, at, out int width);
            int last = first;
            at += width;
            if (at + 1 < ranges.Length && ranges[at] == '-')
            {
                last = CharClasses.CodePoint(ranges, at + 1, out width);
                at += 1 + width;
            }

            if (last < first) return false;
            parsed.Add((first, last));
        }

        set = new CodePointSet(CharClass.Other, parsed);
        return true;
    }

    /// <summary>Whether a code point is in the set.</summary>
    public bool Contains(int codePoint)
    {
        if (codePoint < 0x10000) return _plane[codePoint];
        foreach ((int first, int last) in _beyond)
        {
            if (codePoint >= first && codePoint <= last) return true;
        }

        return _classes != 0 && (CharClasses.At(char.ConvertFromUtf32(codePoint), 0, out _) & _classes) != 0;
    }
}
