using System.Text;
using Hadal.Tokenization.Templates.Evaluation;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>Python's work on strings, where .NET's differs. Case goes character by character: 'ß' in upper case stays as it is.</summary>
internal static class PythonStrings
{
    /// <summary>Takes characters off the ends: white space, or those in <paramref name="characters"/>.</summary>
    public static string Strip(string text, string? characters, bool left, bool right)
    {
        if (characters is not null && (CodePoints.HasPairs(text) || CodePoints.HasPairs(characters))) return StripPairs(text, characters, left, right);
        int start = 0;
        int end = text.Length;
        while (left && start < end && Strips(text[start])) start++;
        while (right && end > start && Strips(text[end - 1])) end--;
        return start == 0 && end == text.Length ? text : text[start..end];

        bool Strips(char c) => characters is null ? Whitespace.Is(c) : characters.Contains(c, StringComparison.Ordinal);
    }

    private static string StripPairs(string text, string characters, bool left, bool right)
    {
        string[] parts = CodePoints.Split(text);
        HashSet<string> stripped = [.. CodePoints.Split(characters)];
        int start = 0;
        int end = parts.Length;
        while (left && start < end && stripped.Contains(parts[start])) start++;
        while (right && end > start && stripped.Contains(parts[end - 1])) end--;
        return string.Concat(parts[start..end]);
    }

    /// <summary>Cuts at a separator, from the left or the right, at most <paramref name="most"/> times if that isn't negative.</summary>
    public static List<string> Split(Run run, string text, string separator, long most, bool fromRight)
    {
        run.ChargeSearch(text.Length, separator.Length);
        List<string> parts = [];
        if (fromRight)
        {
            int end = text.Length;
            while (most != parts.Count)
            {
                int at = end < separator.Length ? -1 : text.AsSpan(0, end).LastIndexOf(separator, StringComparison.Ordinal);
                if (at < 0) break;
                run.ChargeItems(1);
                parts.Add(text[(at + separator.Length)..end]);
                end = at;
            }

            parts.Add(text[..end]);
            parts.Reverse();
            return parts;
        }

        int start = 0;
        while (most != parts.Count)
        {
            int at = text.IndexOf(separator, start, StringComparison.Ordinal);
            if (at < 0) break;
            run.ChargeItems(1);
            parts.Add(text[start..at]);
            start = at + separator.Length;
        }

        parts.Add(text[start..]);
        return parts;
    }

    /// <summary>Cuts at runs of white space, which also go at the ends.</summary>
    public static List<string> SplitWhitespace(Run run, string text, long most, bool fromRight)
    {
        List<string> parts = [];
        string rest = Strip(text, null, left: true, right: true);
        int start = 0;
        int end = rest.Length;
        while (start < end && most != parts.Count)
        {
            run.ChargeItems(1);
            int at = fromRight ? end : start;
            if (fromRight)
            {
                while (at > start && !Whitespace.Is(rest[at - 1])) at--;
                if (at == start) break;
                parts.Add(rest[at..end]);
                while (at > start && Whitespace.Is(rest[at - 1])) at--;
                end = at;
            }
            else
            {
                while (at < end && !Whitespace.Is(rest[at])) at++;
                if (at == end) break;
                parts.Add(rest[start..at]);
                while (at < end && Whitespace.Is(rest[at])) at++;
                start = at;
            }
        }

        if (start < end)
        {
            // A count that runs out leaves the rest alone, with the white space at its far end.
            bool ranOut = most == parts.Count;
            string remainder = !ranOut ? rest[start..end]
                : fromRight ? Strip(text, null, left: false, right: true)[..^(rest.Length - end)]
                : Strip(text, null, left: true, right: false)[start..];
            parts.Add(remainder);
        }

        if (fromRight) parts.Reverse();
        return parts;
    }

    /// <summary>
    /// Replaces the first <paramref name="most"/> places, or all if that is negative; an empty text stands between all characters.
    /// </summary>
    public static string Replace(Run run, string text, string old, string replacement, long most)
    {
        if (old.Length == 0) return Interleave(run, text, replacement, most);
        run.ChargeSearch(text.Length, old.Length);
        StringBuilder result = new();
        int start = 0;
        for (long done = 0; done != most; done++)
        {
            int at = text.IndexOf(old, start, StringComparison.Ordinal);
            if (at < 0) break;
            run.ChargeText(at - start + replacement.Length);
            if (result.Length > run.LongestText) run.ChargeText(result.Length);
            result.Append(text, start, at - start).Append(replacement);
            start = at + old.Length;
        }

        if (start == 0) return text;
        return run.Text(result.Append(text, start, text.Length - start).ToString()).Value;
    }

    private static string Interleave(Run run, string text, string replacement, long most)
    {
        run.ChargeText(text.Length + (((long)text.Length + 1) * replacement.Length));
        StringBuilder result = new();
        string[] parts = CodePoints.Split(text);
        for (int i = 0; i <= parts.Length; i++)
        {
            if (most < 0 || i < most) result.Append(replacement);
            if (i < parts.Length) result.Append(parts[i]);
        }

        return result.ToString();
    }

    /// <summary>Lines without their breaks, of which Python knows more than the line feed.</summary>
    public static List<string> Lines(Run run, string text, bool keepEnds)
    {
        List<string> lines = [];
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] is not ((>= '\n' and <= '\r') or (>= '\u001c' and <= '\u001e') or '\u0085' or '\u2028' or '\u2029')) continue;
            int end = i;
            if (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n') i++;
            run.ChargeItems(1);
            lines.Add(text[start..(keepEnds ? i + 1 : end)]);
            start = i + 1;
        }

        if (start < text.Length) lines.Add(text[start..]);
        run.ChargeText(text.Length);
        return lines;
    }

    public static string Upper(string text) => text.ToUpperInvariant();

    public static string Lower(string text) => text.ToLowerInvariant();

    /// <summary>The first character in upper case, all others in lower case.</summary>
    public static string Capitalize(string text)
    {
        int first = CodePoints.FirstLength(text);
        return Upper(text[..first]) + Lower(text[first..]);
    }

    /// <summary>The <c>title</c> method: a capital behind everything that isn't a letter.</summary>
    public static string Title(string text)
    {
        StringBuilder result = new(text.Length);
        bool inWord = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            result.Append(inWord ? Rune.ToLowerInvariant(rune) : Rune.ToUpperInvariant(rune));
            inWord = Rune.IsLetter(rune);
        }

        return result.ToString();
    }

    /// <summary>The <c>title</c> filter: a capital behind white space, hyphens and opening brackets only.</summary>
    public static string TitleOfFilter(string text)
    {
        StringBuilder result = new(text.Length);
        bool inWord = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            result.Append(inWord ? Rune.ToLowerInvariant(rune) : Rune.ToUpperInvariant(rune));
            inWord = rune.Value is not ('-' or '(' or '{' or '[' or '<') && !(rune.IsBmp && Whitespace.Is((char)rune.Value));
        }

        return result.ToString();
    }

    /// <summary>Python's <c>count</c>: places that don't overlap.</summary>
    public static long Count(Run run, string text, string part)
    {
        run.ChargeSearch(text.Length, part.Length);
        if (part.Length == 0) return CodePoints.Count(text) + 1;
        long count = 0;
        for (int at = text.IndexOf(part, StringComparison.Ordinal); at >= 0; at = text.IndexOf(part, at + part.Length, StringComparison.Ordinal))
        {
            count++;
        }

        return count;
    }
}
