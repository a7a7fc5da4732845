using System.Text;
using Hadal.Tokenization.Templates.Evaluation;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>Python's work on strings, where .NET's differs. Case goes character by character: 'ß' in upper case stays as it is.</summary>
internal static class PythonStrings
{
    /// <summary>What is left without the characters at the ends that are white space, or in <paramref name="characters"/>.</summary>
    public static TextSpan Strip(string text, string? characters, bool left, bool right)
    {
        if (characters is not null && (CodePoints.HasPairs(text) || CodePoints.HasPairs(characters))) return StripPairs(text, characters, left, right);
        int start = 0;
        int end = text.Length;
        while (left && start < end && Strips(text[start])) start++;
        while (right && end > start && Strips(text[end - 1])) end--;
        return new TextSpan(start, end - start);

        bool Strips(char c) => characters is null ? Whitespace.Is(c) : characters.Contains(c, StringComparison.Ordinal);
    }

    private static TextSpan StripPairs(string text, string characters, bool left, bool right)
    {
        TextSpan[] parts = CodePoints.Spans(text);
        HashSet<string> stripped = [.. CodePoints.Split(characters)];
        int start = 0;
        int end = parts.Length;
        while (left && start < end && Strips(parts[start])) start++;
        while (right && end > start && Strips(parts[end - 1])) end--;
        int from = start < parts.Length ? parts[start].Start : text.Length;
        return new TextSpan(from, end > start ? parts[end - 1].End - from : 0);

        bool Strips(TextSpan part) => stripped.Contains(text.Substring(part.Start, part.Length));
    }

    /// <summary>Cuts at a separator, from the left or the right, at most <paramref name="most"/> times if that isn't negative.</summary>
    public static List<TextSpan> Split(Run run, string text, string separator, long most, bool fromRight)
    {
        run.ChargeSearch(text.Length, separator.Length);
        List<TextSpan> parts = [];
        if (fromRight)
        {
            int end = text.Length;
            while (most != parts.Count)
            {
                int at = end < separator.Length ? -1 : text.AsSpan(0, end).LastIndexOf(separator, StringComparison.Ordinal);
                if (at < 0) break;
                run.ChargeItems(1);
                parts.Add(Between(at + separator.Length, end));
                end = at;
            }

            parts.Add(Between(0, end));
            parts.Reverse();
            return parts;
        }

        int start = 0;
        while (most != parts.Count)
        {
            int at = text.IndexOf(separator, start, StringComparison.Ordinal);
            if (at < 0) break;
            run.ChargeItems(1);
            parts.Add(Between(start, at));
            start = at + separator.Length;
        }

        parts.Add(Between(start, text.Length));
        return parts;
    }

    /// <summary>Cuts at runs of white space, which also go at the ends.</summary>
    public static List<TextSpan> SplitWhitespace(Run run, string text, long most, bool fromRight)
    {
        List<TextSpan> parts = [];
        TextSpan rest = Strip(text, null, left: true, right: true);
        int start = rest.Start;
        int end = rest.End;
        while (start < end && most != parts.Count)
        {
            run.ChargeItems(1);
            int at = fromRight ? end : start;
            if (fromRight)
            {
                while (at > start && !Whitespace.Is(text[at - 1])) at--;
                if (at == start) break;
                parts.Add(Between(at, end));
                while (at > start && Whitespace.Is(text[at - 1])) at--;
                end = at;
            }
            else
            {
                while (at < end && !Whitespace.Is(text[at])) at++;
                if (at == end) break;
                parts.Add(Between(start, at));
                while (at < end && Whitespace.Is(text[at])) at++;
                start = at;
            }
        }

        if (start < end)
        {
            // A count that runs out leaves the rest alone, with the white space at its far end.
            bool ranOut = most == parts.Count;
            parts.Add(!ranOut ? Between(start, end) : fromRight ? Between(0, end) : Between(start, text.Length));
        }

        if (fromRight) parts.Reverse();
        return parts;
    }

    /// <summary>
    /// Replaces the first <paramref name="most"/> places, or all if that is negative; an empty text stands between all characters.
    /// </summary>
    public static TextValue Replace(Run run, TextValue subject, string old, TextValue replacement, long most)
    {
        if (old.Length == 0) return Interleave(run, subject, replacement, most);
        string text = subject.Value;
        run.ChargeSearch(text.Length, old.Length);
        TextBuilder result = new();
        int start = 0;
        for (long done = 0; done != most; done++)
        {
            int at = text.IndexOf(old, start, StringComparison.Ordinal);
            if (at < 0) break;
            run.ChargeText(at - start + replacement.Value.Length);
            if (result.Length > run.LongestText) run.ChargeText(result.Length);
            result.Append(subject, start, at - start).Append(replacement);
            start = at + old.Length;
        }

        if (start == 0) return subject;
        run.ChargeText(result.Length + text.Length - start);
        return result.Append(subject, start, text.Length - start).ToText();
    }

    private static TextValue Interleave(Run run, TextValue subject, TextValue replacement, long most)
    {
        run.ChargeText(subject.Value.Length + (((long)subject.Value.Length + 1) * replacement.Value.Length));
        TextBuilder result = new();
        TextSpan[] parts = CodePoints.Spans(subject.Value);
        for (int i = 0; i <= parts.Length; i++)
        {
            if (most < 0 || i < most) result.Append(replacement);
            if (i < parts.Length) result.Append(subject, parts[i].Start, parts[i].Length);
        }

        return result.ToText();
    }

    /// <summary>Lines without their breaks, of which Python knows more than the line feed.</summary>
    public static List<TextSpan> Lines(Run run, string text, bool keepEnds)
    {
        List<TextSpan> lines = [];
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] is not ((>= '\n' and <= '\r') or (>= '\u001c' and <= '\u001e') or '\u0085' or '\u2028' or '\u2029')) continue;
            int end = i;
            if (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n') i++;
            run.ChargeItems(1);
            lines.Add(Between(start, keepEnds ? i + 1 : end));
            start = i + 1;
        }

        if (start < text.Length) lines.Add(Between(start, text.Length));
        run.ChargeText(text.Length);
        return lines;
    }

    private static TextSpan Between(int start, int end) => new(start, end - start);

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
