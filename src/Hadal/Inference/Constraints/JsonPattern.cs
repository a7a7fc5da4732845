using System.Globalization;
using System.Runtime.CompilerServices;

namespace Hadal.Inference;

/// <summary>
/// Regular expressions of JSON schemas (ECMA-262) on what stands between the quotes of a string. Known are characters and their escapes,
/// the dot, classes, \d \w \s and their negations, groups, |, ? * + {n} {n,} {n,m}, and ^ and $ at the ends of the whole pattern or of
/// its alternatives at the top; the rest is refused. Without ^ or $ anything may stand before or behind, as the standard says.
/// </summary>
internal sealed class JsonPattern
{
    private const int MostRepeats = 10_000;

    private static readonly (int, int)[] s_digit = [('0', '9')], s_word = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
    private static readonly (int, int)[] s_space =
        [(9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)];

    private static readonly (int, int)[] s_lineEnd = [(10, 10), (13, 13), (0x2028, 0x2029)];

    private readonly JsonGrammar _json;
    private readonly string _pattern, _pointer;
    private int _at;

    private JsonPattern(JsonGrammar json, string pattern, string pointer) => (_json, _pattern, _pointer) = (json, pattern, pointer);

    private Grammar Grammar => _json.Grammar;

    private bool IsAtEnd => _at >= _pattern.Length;

    /// <summary>The content of strings that match.</summary>
    /// <exception cref="JsonSchemaException">The pattern is broken or has what is not known here.</exception>
    public static GrammarNode Compile(JsonGrammar json, string pattern, string pointer)
    {
        JsonPattern parser = new(json, pattern, pointer);
        GrammarNode node = parser.Alternatives(isTop: true);
        return parser.IsAtEnd ? node : throw parser.Problem("')' has no '('");
    }

    private GrammarNode Alternatives(bool isTop)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        List<GrammarNode> options = [];
        do
        {
            options.Add(Alternative(isTop));
        }
        while (Take('|'));
        return Grammar.Choice([.. options]);
    }

    private GrammarNode Alternative(bool isTop)
    {
        GrammarNode anything = Grammar.Repeat(_json.Character, 0, null);
        List<GrammarNode> items = [];
        if (isTop && !Take('^')) items.Add(anything);
        bool isClosed = false;
        while (!IsAtEnd && _pattern[_at] is not ('|' or ')'))
        {
            if (isTop && Take('$'))
            {
                isClosed = true;
                if (!IsAtEnd && _pattern[_at] != '|') throw Problem("'$' is supported at the end only");
                break;
            }

            items.Add(Quantified(Atom()));
        }

        if (isTop && !isClosed) items.Add(anything);
        return Grammar.Sequence([.. items]);
    }

    private GrammarNode Quantified(GrammarNode atom)
    {
        if (IsAtEnd) return atom;
        (int least, int? most)? times = _pattern[_at] switch
        {
            '?' => (0, 1),
            '*' => (0, null),
            '+' => (1, null),
            '{' => Braces(),
            _ => null,
        };
        if (times is not { } range) return atom;
        _at++;
        if (Take('?')) { } // lazy: the same strings
        if (!IsAtEnd && _pattern[_at] is '?' or '*' or '+' or '{') throw Problem("a quantifier follows a quantifier");
        if (range.most < range.least) throw Problem("the numbers of a quantifier are out of order");
        return CanBeEmpty(atom)
            ? throw Problem("a quantifier behind what can be empty is not supported")
            : Grammar.Repeat(atom, range.least, range.most);
    }

    // {n}, {n,} or {n,m}; leaves the closing brace.
    private (int, int?) Braces()
    {
        int close = _pattern.IndexOf('}', _at);
        if (close < 0) throw Problem("'{' has no '}'");
        string[] parts = _pattern[(_at + 1)..close].Split(',');
        if (parts.Length > 2 || !TryCount(parts[0], out int least)) throw Problem("expected {n}, {n,} or {n,m}");
        int? most = least;
        if (parts.Length == 2)
        {
            if (parts[1].Length == 0) most = null;
            else if (TryCount(parts[1], out int count)) most = count;
            else throw Problem("expected {n}, {n,} or {n,m}");
        }

        _at = close;
        return (least, most);
    }

    private static bool TryCount(string text, out int count) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count <= MostRepeats;

    private GrammarNode Atom()
    {
        char first = _pattern[_at];
        switch (first)
        {
            case '(':
                _at++;
                if (Take('?') && !Take(':')) throw Problem("look-around and named groups are not supported");
                GrammarNode inner = Alternatives(isTop: false);
                return Take(')') ? inner : throw Problem("'(' has no ')'");
            case '[':
                _at++;
                return Characters(Class());
            case '.':
                _at++;
                return Characters(Utf8Ranges.Except(s_lineEnd));
            case '\\':
                _at++;
                return Characters(Escape());
            case '^' or '$':
                throw Problem($"'{first}' is supported at the ends of the pattern only");
            case '*' or '+' or '?' or '{':
                throw Problem($"'{first}' has nothing to repeat");
            default:
                int character = Character();
                return Characters([(character, character)]);
        }
    }

    // Ranges of code points, as they stand in a string: some need an escape.
    private GrammarNode Characters(IEnumerable<(int First, int Last)> ranges)
    {
        (int First, int Last)[] wanted = [.. ranges];
        List<GrammarNode> options = [];
        foreach ((int character, string escaped) in ((int, string)[])[('"', "\\\""), ('\\', "\\\\"), ('\b', "\\b"), ('\f', "\\f"), ('\n', "\\n"), ('\r', "\\r"), ('\t', "\\t")])
        {
            if (wanted.Any(range => range.First <= character && character <= range.Last)) options.Add(Grammar.Text(escaped));
        }

        (int, int)[] unescaped = [.. Utf8Ranges.Except([.. Utf8Ranges.Except(wanted), (0, 0x1F), ('"', '"'), ('\\', '\\')])];
        if (unescaped.Length > 0) options.Add(Utf8Ranges.Character(Grammar, unescaped));
        return Grammar.Choice([.. options]);
    }

    private IEnumerable<(int, int)> Class()
    {
        bool isNegated = Take('^');
        List<(int, int)> ranges = [];
        while (true)
        {
            if (IsAtEnd) throw Problem("'[' has no ']'");
            if (Take(']')) break;
            (int First, int Last)[] item = ClassItem();
            if (_at + 1 < _pattern.Length && _pattern[_at] == '-' && _pattern[_at + 1] != ']')
            {
                _at++;
                (int First, int Last)[] end = ClassItem();
                if (item is not [var from] || end is not [var to] || from.First != from.Last || to.First != to.Last || from.First > to.First)
                {
                    throw Problem("a range in a class is not from one character to a later one");
                }

                ranges.Add((from.First, to.First));
            }
            else
            {
                ranges.AddRange(item);
            }
        }

        return isNegated ? Utf8Ranges.Except(ranges) : ranges;
    }

    private (int, int)[] ClassItem()
    {
        if (Take('\\')) return [.. Escape()];
        int character = Character();
        return [(character, character)];
    }

    private IEnumerable<(int, int)> Escape()
    {
        if (IsAtEnd) throw Problem("it ends with a backslash");
        char kind = _pattern[_at++];
        return kind switch
        {
            'd' => s_digit,
            'D' => Utf8Ranges.Except(s_digit),
            'w' => s_word,
            'W' => Utf8Ranges.Except(s_word),
            's' => s_space,
            'S' => Utf8Ranges.Except(s_space),
            't' => [(9, 9)],
            'n' => [(10, 10)],
            'v' => [(11, 11)],
            'f' => [(12, 12)],
            'r' => [(13, 13)],
            'x' => Hexadecimal(2),
            'u' => Hexadecimal(4),
            _ when char.IsAsciiLetterOrDigit(kind) => throw Problem($"the escape '\\{kind}' is not supported"),
            _ => [(kind, kind)],
        };
    }

    private (int, int)[] Hexadecimal(int digits)
    {
        if (_at + digits > _pattern.Length ||
            !int.TryParse(_pattern.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value) || value is >= 0xD800 and <= 0xDFFF)
        {
            throw Problem($"expected {digits} hexadecimal digits of a character");
        }

        _at += digits;
        return [(value, value)];
    }

    private int Character()
    {
        int character = char.ConvertToUtf32(_pattern, _at);
        _at += character > 0xFFFF ? 2 : 1;
        return character;
    }

    private bool Take(char expected)
    {
        if (IsAtEnd || _pattern[_at] != expected) return false;
        _at++;
        return true;
    }

    private static bool CanBeEmpty(GrammarNode node) => node switch
    {
        SequenceNode sequence => sequence.Items.All(CanBeEmpty),
        ChoiceNode choice => choice.Options.Any(CanBeEmpty),
        RepeatNode repeat => repeat.Least == 0,
        _ => false,
    };

    private JsonSchemaException Problem(string what) => new(_pointer, $"in the pattern near character {_at}, {what}");
}
