using System.Text;
using System.Text.RegularExpressions;
using Hadal.Tokenization.PreTokenization;

namespace Hadal.Tokenization.Normalization;

/// <summary>One step that changes a text before it is cut.</summary>
internal abstract class Normalizer
{
    /// <summary>The changed text.</summary>
    public abstract string Apply(string text);
}

/// <summary>Puts a text before any that isn't empty.</summary>
internal sealed class Prepend(string prefix) : Normalizer
{
    /// <inheritdoc/>
    public override string Apply(string text) => text.Length == 0 ? text : prefix + text;
}

/// <summary>Replaces one text by another.</summary>
internal sealed class Replace(string pattern, string content) : Normalizer
{
    /// <inheritdoc/>
    public override string Apply(string text) => text.Replace(pattern, content, StringComparison.Ordinal);
}

/// <summary>Replaces the matches of a regular expression by a text.</summary>
internal sealed class ReplaceMatches(Regex pattern, string content) : Normalizer
{
    /// <inheritdoc/>
    public override string Apply(string text) => pattern.Replace(text, _ => content);
}

/// <summary>Takes white space from the ends.</summary>
internal sealed class Strip(bool left, bool right) : Normalizer
{
    /// <inheritdoc/>
    public override string Apply(string text) => (left, right) switch
    {
        (true, true) => text.Trim(),
        (true, false) => text.TrimStart(),
        (false, true) => text.TrimEnd(),
        _ => text,
    };
}

/// <summary>A normalization form of Unicode.</summary>
internal sealed class UnicodeForm(NormalizationForm form) : Normalizer
{
    /// <inheritdoc/>
    public override string Apply(string text) => UnicodeNormalization.Normalize(text, form);
}

/// <summary>
/// Lower case by Unicode's full mapping, which .NET's simple one lacks in two places: a capital I with a dot becomes two characters, and
/// a sigma that ends a word has a form of its own.
/// </summary>
internal sealed class Lowercase : Normalizer
{
    /// <inheritdoc/>
    public override string Apply(string text)
    {
        string lower = text.ToLowerInvariant();
        if (!text.AsSpan().ContainsAny('\u0130', '\u03A3')) return lower;
        StringBuilder full = new(text.Length + 4);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\u0130') full.Append("i\u0307");
            else if (text[i] == '\u03A3') full.Append(HasLetter(text, i, -1) && !HasLetter(text, i, 1) ? '\u03C2' : '\u03C3');
            else full.Append(lower[i]);
        }

        return full.ToString();
    }

    // Whether the next character in a direction that is neither a mark nor an apostrophe is a letter.
    private static bool HasLetter(string text, int at, int step)
    {
        for (at += step; at >= 0 && at < text.Length; at += step)
        {
            bool isIgnorable = text[at] is '\'' or '\u2019' or '.' or ':' or '\u00AD' || CharClasses.At(text[at]) == CharClass.Mark;
            if (isIgnorable || (step < 0 && char.IsLowSurrogate(text[at]))) continue;
            return char.IsLetter(text, at);
        }

        return false;
    }
}
