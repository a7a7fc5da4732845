using System.Globalization;
using System.Text;

namespace Hadal.Tokenization.PreTokenization;

/// <summary>
/// Patterns of tokenizer.json are in Oniguruma's syntax. Most of it is .NET's too; possessive quantifiers become atomic groups, word
/// characters and line anchors are spelled out, and what would be read differently is refused with a <see cref="FormatException"/>
/// that says what it was.
/// </summary>
internal static class OnigurumaPattern
{
    private const string WordCharacters = @"\p{L}\p{M}\p{N}\p{Pc}";

    /// <summary>The same pattern for .NET.</summary>
    public static string Translate(string pattern)
    {
        StringBuilder translated = new();
        Stack<int> groups = new();
        int atom = -1;
        for (int at = 0; at < pattern.Length;)
        {
            char c = pattern[at];
            if (char.IsSurrogate(c)) throw new FormatException("it has a character beyond U+FFFF");
            switch (c)
            {
                case '\\':
                    atom = translated.Length;
                    at = Escape(pattern, at, inClass: false, translated);
                    break;
                case '[':
                    atom = translated.Length;
                    at = Class(pattern, at, translated);
                    break;
                case '(':
                    groups.Push(translated.Length);
                    at = Open(pattern, at, translated);
                    atom = -1;
                    break;
                case ')':
                    if (!groups.TryPop(out atom)) throw new FormatException("a ')' has no '('");
                    translated.Append(')');
                    at++;
                    break;
                case '?' or '*' or '+' or '{':
                    at = Quantifier(pattern, at, translated, atom);
                    break;
                case '^' or '$':
                    // Anchors of lines, always.
                    translated.Append(c == '^' ? @"(?:(?<=\n)|\A)" : @"(?=\n|\z)");
                    atom = -1;
                    at++;
                    break;
                default:
                    atom = c == '|' ? -1 : translated.Length;
                    translated.Append(c);
                    at++;
                    break;
            }
        }

        return translated.ToString();
    }

    private static int Open(string pattern, int at, StringBuilder translated)
    {
        foreach (string known in (ReadOnlySpan<string>)["(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?-i:"])
        {
            if (string.CompareOrdinal(pattern, at, known, 0, known.Length) != 0) continue;
            translated.Append(known);
            return at + known.Length;
        }

        if (at + 1 < pattern.Length && pattern[at + 1] == '?') throw new FormatException("it has an unknown kind of group");
        translated.Append("(?:");
        return at + 1;
    }

    private static int Quantifier(string pattern, int at, StringBuilder translated, int atom)
    {
        if (atom < 0) throw new FormatException($"a '{pattern[at]}' has nothing to repeat");
        int end = at + 1;
        bool braces = pattern[at] == '{';
        if (braces)
        {
            end = pattern.IndexOf('}', at) + 1;
            string bounds = end > 0 ? pattern[(at + 1)..(end - 1)] : "";
            if (bounds.Length == 0 || bounds.Any(b => b != ',' && !char.IsAsciiDigit(b)) || bounds.Count(b => b == ',') > 1 || bounds == ",")
            {
                throw new FormatException("a '{' begins no number of repetitions");
            }

            translated.Append('{').Append(bounds[0] == ',' ? "0" : "").Append(bounds).Append('}');
        }
        else
        {
            translated.Append(pattern[at]);
        }

        if (end < pattern.Length && pattern[end] == '?')
        {
            translated.Append('?');
            return end + 1;
        }

        // x{1,3}+ is no possessive in Oniguruma but a repetition of repetitions.
        if (end >= pattern.Length || pattern[end] != '+') return end;
        translated.Insert(atom, braces ? "(?:" : "(?>").Append(braces ? ")+" : ")");
        return end + 1;
    }

    private static int Class(string pattern, int at, StringBuilder translated)
    {
        translated.Append('[');
        at++;
        if (at < pattern.Length && pattern[at] == '^')
        {
            translated.Append('^');
            at++;
        }

        for (bool first = true; at < pattern.Length; first = false)
        {
            char c = pattern[at];
            if (c == ']' && !first)
            {
                translated.Append(']');
                return at + 1;
            }

            if (char.IsSurrogate(c)) throw new FormatException("it has a character beyond U+FFFF");
            if (c == '[') throw new FormatException("it has a class within a class");
            if (c == '&' && at + 1 < pattern.Length && pattern[at + 1] == '&')
            {
                throw new FormatException("it has an intersection of classes");
            }
            if (c == '\\')
            {
                at = Escape(pattern, at, inClass: true, translated);
                continue;
            }

            translated.Append(c == ']' ? @"\]" : c);
            at++;
        }

        throw new FormatException("a '[' has no ']'");
    }

    private static int Escape(string pattern, int at, bool inClass, StringBuilder translated)
    {
        if (at + 1 >= pattern.Length) throw new FormatException(@"it ends in a '\'");
        char c = pattern[at + 1];
        switch (c)
        {
            case 'p' or 'P':
                int close = pattern.IndexOf('}', at);
                if (at + 2 >= pattern.Length || pattern[at + 2] != '{' || close < 0)
                {
                    throw new FormatException($@"a '\{c}' names no property");
                }
                return Property(pattern[(at + 3)..close], c == 'P', translated, close + 1);
            case 'w':
                translated.Append(inClass ? WordCharacters : $"[{WordCharacters}]");
                return at + 2;
            case 'W' when !inClass:
                translated.Append($"[^{WordCharacters}]");
                return at + 2;
            case 'd' or 'D' or 's' or 'S' or 'r' or 'n' or 't' or 'f' or 'v' or 'a' or 'e':
                translated.Append('\\').Append(c);
                return at + 2;
            case 'A' or 'z' when !inClass:
                translated.Append('\\').Append(c);
                return at + 2;
            case 'u' or 'x':
                return CodePoint(pattern, at, translated);
        }

        if (char.IsAsciiLetterOrDigit(c)) throw new FormatException($@"it has the escape '\{c}'");
        if (char.IsSurrogate(c)) throw new FormatException("it has a character beyond U+FFFF");
        if (char.IsAscii(c)) translated.Append('\\');
        translated.Append(c);
        return at + 2;
    }

    private static int Property(string name, bool negated, StringBuilder translated, int end)
    {
        if (name.StartsWith('^')) (name, negated) = (name[1..], !negated);
        string category = name switch
        {
            "Letter" => "L",
            "Mark" => "M",
            "Number" => "N",
            "Punctuation" => "P",
            "Symbol" => "S",
            "Separator" => "Z",
            "Other" => "C",
            _ => name,
        };
        if (category.Length is 0 or > 2 || !"LMNPSZC".Contains(category[0])) throw new FormatException($@"it has the property '{name}'");
        translated.Append(negated ? @"\P{" : @"\p{").Append(category).Append('}');
        return end;
    }

    private static int CodePoint(string pattern, int at, StringBuilder translated)
    {
        int start = at + 2, end = Math.Min(start + (pattern[at + 1] == 'u' ? 4 : 2), pattern.Length), behind = end;
        if (start < pattern.Length && pattern[start] == '{')
        {
            end = pattern.IndexOf('}', start);
            behind = end + 1;
            start++;
        }

        if (end <= start || !int.TryParse(pattern.AsSpan(start, end - start), NumberStyles.AllowHexSpecifier, null, out int code) || code > 0xFFFF)
        {
            throw new FormatException($@"a '\{pattern[at + 1]}' names no character up to U+FFFF");
        }

        translated.Append(CultureInfo.InvariantCulture, $@"\u{code:X4}");
        return behind;
    }
}
