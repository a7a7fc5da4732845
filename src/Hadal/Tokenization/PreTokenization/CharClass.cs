using System.Globalization;

namespace Hadal.Tokenization.PreTokenization;

/// <summary>What the patterns of pre-tokenizers ask of a character.</summary>
[Flags]
internal enum CharClass : byte
{
    /// <summary>Controls, format characters, unassigned code points.</summary>
    Other = 0,

    /// <summary>\p{L}</summary>
    Letter = 1,

    /// <summary>\p{M}</summary>
    Mark = 2,

    /// <summary>\p{N}</summary>
    Number = 4,

    /// <summary>\p{P}</summary>
    Punctuation = 8,

    /// <summary>\p{S}</summary>
    Symbol = 16,

    /// <summary>\s: the property White_Space, which is \p{Z}, U+0009 to U+000D and U+0085.</summary>
    Space = 32,

    /// <summary>[\r\n], which are spaces too.</summary>
    LineBreak = 64,
}

/// <summary>
/// Classes of characters, one table look-up each: .NET's own categories are asked once per code point of the first plane. Characters
/// beyond it are read as a whole from their two surrogates; a surrogate alone counts as U+FFFD, which it becomes in UTF-8.
/// </summary>
internal static class CharClasses
{
    private static readonly CharClass[] s_plane =
        [.. Enumerable.Range(0, 0x10000).Select(c => char.IsSurrogate((char)c) ? CharClass.Symbol : Of(c))];

    /// <summary>Class of a character of the first plane, or of a surrogate alone.</summary>
    public static CharClass At(char character) => s_plane[character];

    /// <summary>Class of the character that starts at a place, and its length in UTF-16.</summary>
    public static CharClass At(ReadOnlySpan<char> text, int at, out int length)
    {
        char first = text[at];
        length = 1;
        if (!char.IsHighSurrogate(first) || at + 1 >= text.Length || !char.IsLowSurrogate(text[at + 1])) return s_plane[first];
        length = 2;
        return Of(char.ConvertToUtf32(first, text[at + 1]));
    }

    /// <summary>End of the longest run from a place on of characters that have one of some classes.</summary>
    public static int SkipAny(ReadOnlySpan<char> text, int at, CharClass classes)
    {
        while (at < text.Length && (At(text, at, out int length) & classes) != 0) at += length;
        return at;
    }

    /// <summary>End of the longest run from a place on of characters that have none of some classes.</summary>
    public static int SkipNone(ReadOnlySpan<char> text, int at, CharClass classes)
    {
        while (at < text.Length && (At(text, at, out int length) & classes) == 0) at += length;
        return at;
    }

    /// <summary>Code point at a place and its length in UTF-16; a surrogate alone is U+FFFD.</summary>
    public static int CodePoint(ReadOnlySpan<char> text, int at, out int length)
    {
        char first = text[at];
        length = 1;
        if (!char.IsSurrogate(first)) return first;
        if (!char.IsHighSurrogate(first) || at + 1 >= text.Length || !char.IsLowSurrogate(text[at + 1])) return 0xFFFD;
        length = 2;
        return char.ConvertToUtf32(first, text[at + 1]);
    }

    private static CharClass Of(int codePoint) => codePoint switch
    {
        '\r' or '\n' => CharClass.Space | CharClass.LineBreak,
        >= 9 and <= 13 or 0x85 => CharClass.Space,
        _ => CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
        {
            <= UnicodeCategory.OtherLetter => CharClass.Letter,
            <= UnicodeCategory.EnclosingMark => CharClass.Mark,
            <= UnicodeCategory.OtherNumber => CharClass.Number,
            <= UnicodeCategory.ParagraphSeparator => CharClass.Space,
            >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation => CharClass.Punctuation,
            >= UnicodeCategory.MathSymbol and <= UnicodeCategory.OtherSymbol => CharClass.Symbol,
            _ => CharClass.Other,
        },
    };
}
