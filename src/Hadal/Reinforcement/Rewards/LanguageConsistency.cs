using System.Text;

namespace Hadal.Reinforcement.Rewards;

/// <summary>A script, which stands for the languages written in it.</summary>
public enum WritingSystem
{
    /// <summary>English and most languages of Europe.</summary>
    Latin,

    /// <summary>Chinese.</summary>
    Han,

    /// <summary>Russian and its neighbours.</summary>
    Cyrillic,

    /// <summary>Greek.</summary>
    Greek,

    /// <summary>Arabic, Persian and Urdu.</summary>
    Arabic,

    /// <summary>Japanese syllables; Japanese text has Han characters too.</summary>
    Kana,

    /// <summary>Korean.</summary>
    Hangul,

    /// <summary>Hindi and its neighbours.</summary>
    Devanagari,

    /// <summary>Any other letters.</summary>
    Other,
}

/// <summary>
/// R1's language reward (arXiv 2501.12948, section 2.3.2): the share of words in the target language. The language of a word is told by
/// its script, so that English and German can't be told apart. A Han character counts as a word, as there are no spaces between them.
/// </summary>
public static class LanguageConsistency
{
    /// <summary>Words of the target's script among all words; 1 for a text without words, which mixes nothing.</summary>
    public static double Share(string text, WritingSystem target)
    {
        ArgumentNullException.ThrowIfNull(text);
        long words = 0, matching = 0;
        WritingSystem? current = null;
        foreach (Rune rune in text.EnumerateRunes())
        {
            WritingSystem? script = Rune.IsLetter(rune) ? ScriptOf(rune.Value) : null;

            // A word goes on while letters of its script follow each other; a Han character is always the next word.
            if (script is not null && (script != current || script == WritingSystem.Han))
            {
                words++;
                if (script == target) matching++;
            }

            if (script is not null || !IsWithinWord(rune.Value)) current = script;
        }

        return words == 0 ? 1 : (double)matching / words;
    }

    private static bool IsWithinWord(int c) => c is '\'' or '\u2019' or '-';

    private static WritingSystem ScriptOf(int c) => c switch
    {
        < 0x250 or (>= 0x1E00 and < 0x1F00) or (>= 0xFF21 and < 0xFF5B) => WritingSystem.Latin,
        (>= 0x370 and < 0x400) or (>= 0x1F00 and < 0x2000) => WritingSystem.Greek,
        >= 0x400 and < 0x530 => WritingSystem.Cyrillic,
        (>= 0x600 and < 0x780) or (>= 0xFB50 and < 0xFE00) or (>= 0xFE70 and < 0xFF00) => WritingSystem.Arabic,
        >= 0x900 and < 0x980 => WritingSystem.Devanagari,
        >= 0x3040 and < 0x3100 => WritingSystem.Kana,
        (>= 0x1100 and < 0x1200) or (>= 0xAC00 and < 0xD7B0) => WritingSystem.Hangul,
        (>= 0x3400 and < 0xA000) or (>= 0xF900 and < 0xFB00) or (>= 0x20000 and < 0x33480) => WritingSystem.Han,
        _ => WritingSystem.Other,
    };
}
