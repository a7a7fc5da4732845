using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace Hadal.Inference;

/// <summary>
/// JSON (RFC 8259) as a grammar, narrowed to what a model should write: white space is one blank, or one or two line ends with at most 20
/// blanks and tabs behind them, and stands neither before a colon nor at the end; numbers have at most 18 digits before the point, 17
/// behind it and two in the exponent, so that 64 bits hold them; strings are well-formed Unicode; nesting is at most 64 deep.
/// </summary>
internal sealed class JsonGrammar
{
    public const int IntegerDigits = 18;

    public const int FractionDigits = 17;

    private readonly GrammarNode _plainCharacter, _comma, _colon, _quote;

    public JsonGrammar(Grammar grammar)
    {
        Grammar = grammar;
        Digit = grammar.Bytes(ByteSet.Range('0', '9'));
        NonZeroDigit = grammar.Bytes(ByteSet.Range('1', '9'));
        GrammarNode indent = grammar.Repeat(grammar.Bytes(ByteSet.Range(' ', ' ') | ByteSet.Range('\t', '\t')), 0, 20);
        Space = grammar.Choice(grammar.Empty, grammar.Byte((byte)' '), grammar.Sequence(grammar.Repeat(grammar.Byte((byte)'\n'), 1, 2), indent));
        _quote = grammar.Byte((byte)'"');
        _comma = grammar.Sequence(grammar.Byte((byte)','), Space);
        _colon = grammar.Sequence(grammar.Byte((byte)':'), Space);
        _plainCharacter = Utf8Ranges.Character(grammar, [(' ', '!'), ('#', '['), (']', 0x10FFFF)]);
        Character = grammar.Choice(_plainCharacter, Escape());
        String = Quoted(grammar.Repeat(Character, 0, null));
        Fraction = grammar.Sequence(grammar.Byte((byte)'.'), grammar.Repeat(Digit, 1, FractionDigits));
        NonZeroFraction = NonZero();
        Number = AnyNumber();
        Null = grammar.Text("null");
        Boolean = grammar.Choice(grammar.Text("true"), grammar.Text("false"));
        ReferenceNode value = grammar.Reference();
        Object = ObjectOf([], value);
        Array = ArrayOf([], value, 0, null);
        value.Target = grammar.Choice(Object, Array, String, Number, Boolean, Null);
        Value = value;
    }

    public Grammar Grammar { get; }

    /// <summary>What may stand between two signs.</summary>
    public GrammarNode Space { get; }

    public GrammarNode Digit { get; }

    public GrammarNode NonZeroDigit { get; }

    /// <summary>Point and digits.</summary>
    public GrammarNode Fraction { get; }

    /// <summary>Point and digits, not all of them zero.</summary>
    public GrammarNode NonZeroFraction { get; }

    /// <summary>One character in a string.</summary>
    public GrammarNode Character { get; }

    public GrammarNode String { get; }

    public GrammarNode Number { get; }

    public GrammarNode Boolean { get; }

    public GrammarNode Null { get; }

    public GrammarNode Object { get; }

    public GrammarNode Array { get; }

    /// <summary>Anything.</summary>
    public GrammarNode Value { get; }

    /// <summary>A string with this between its quotes.</summary>
    public GrammarNode Quoted(GrammarNode content) => Grammar.Sequence(_quote, content, _quote);

    /// <summary>A given string, escaped where it has to be and nowhere else.</summary>
    public GrammarNode TextOf(string value) => Grammar.Text(BytesOf(value));

    /// <summary>
    /// An object: the given members in their order, those that are not required with or without, and then others.
    /// </summary>
    /// <param name="members">Names, values, and whether they have to be there.</param>
    /// <param name="others">Value of members by other names; null if there may be none.</param>
    public GrammarNode ObjectOf(IReadOnlyList<(string Name, GrammarNode Value, bool IsRequired)> members, GrammarNode? others)
    {
        // What comes from a member on, at first and behind another member; from the last member to the first.
        GrammarNode first = Grammar.Empty, behind = Grammar.Empty;
        if (others is not null)
        {
            GrammarNode other = Member(members.Count == 0 ? String : OtherName([.. members.Select(member => member.Name)]), others);
            behind = Grammar.Repeat(Grammar.Sequence(_comma, other), 0, null);
            first = Grammar.Optional(Grammar.Sequence(other, behind));
        }

        for (int i = members.Count - 1; i >= 0; i--)
        {
            GrammarNode rest = Grammar.Sequence(Member(TextOf(members[i].Name), members[i].Value), behind);
            GrammarNode next = Grammar.Sequence(_comma, rest);
            (first, behind) = members[i].IsRequired ? (rest, next) : (Grammar.Choice(rest, first), Grammar.Choice(next, behind));
        }

        return Grammar.Nested(Grammar.Sequence(Grammar.Byte((byte)'{'), Space, first, Grammar.Byte((byte)'}')));
    }

    /// <summary>An array: the given items as far as it goes, and then others.</summary>
    /// <param name="items">What the first items are.</param>
    /// <param name="others">What all further items are; null if there may be none.</param>
    /// <param name="least">How many there have to be.</param>
    /// <param name="most">How many there may be.</param>
    public GrammarNode ArrayOf(IReadOnlyList<GrammarNode> items, GrammarNode? others, int least, int? most)
    {
        int given = Math.Min(items.Count, most ?? int.MaxValue);
        GrammarNode first, behind;
        int leastOthers = Math.Max(0, least - given);
        int? mostOthers = others is null ? 0 : most - given;
        if (leastOthers > (mostOthers ?? int.MaxValue)) return Grammar.Never;
        if (mostOthers == 0)
        {
            (first, behind) = (Grammar.Empty, Grammar.Empty);
        }
        else
        {
            GrammarNode other = Grammar.Sequence(others!, Space);
            GrammarNode next = Grammar.Sequence(_comma, other);
            behind = Grammar.Repeat(next, leastOthers, mostOthers);
            first = Grammar.Sequence(other, Grammar.Repeat(next, Math.Max(0, leastOthers - 1), mostOthers - 1));
            if (leastOthers == 0) first = Grammar.Optional(first);
        }

        for (int i = given - 1; i >= 0; i--)
        {
            GrammarNode rest = Grammar.Sequence(items[i], Space, behind);
            GrammarNode next = Grammar.Sequence(_comma, rest);
            (first, behind) = least > i ? (rest, next) : (Grammar.Optional(rest), Grammar.Optional(next));
        }

        return Grammar.Nested(Grammar.Sequence(Grammar.Byte((byte)'['), Space, first, Grammar.Byte((byte)']')));
    }

    /// <summary>A given value: strings as <see cref="TextOf"/> has them, numbers as they were written, members in their order.</summary>
    public GrammarNode Constant(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => ObjectOf([.. value.EnumerateObject().Select(member => (member.Name, Constant(member.Value), true))], null),
        JsonValueKind.Array => ArrayOf([.. value.EnumerateArray().Select(Constant)], null, value.GetArrayLength(), null),
        _ => Grammar.Text(Scalar(value)),
    };

    /// <summary>The bytes of a value that is neither object nor array.</summary>
    public static byte[] Scalar(JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? BytesOf(value.GetString()!) : Encoding.UTF8.GetBytes(value.GetRawText());

    private static byte[] BytesOf(string value)
    {
        StringBuilder text = new("\"");
        foreach (Rune rune in value.EnumerateRunes())
        {
            text.Append(rune.Value switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\b' => "\\b",
                '\f' => "\\f",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                < ' ' => $"\\u{rune.Value:x4}",
                _ => rune.ToString(),
            });
        }

        return Encoding.UTF8.GetBytes(text.Append('"').ToString());
    }

    private GrammarNode Member(GrammarNode name, GrammarNode value) => Grammar.Sequence(name, _colon, value, Space);

    // A name without escapes that is none of these: a trie of their characters, left at some point.
    private GrammarNode OtherName(string[] names)
    {
        GrammarNode rest = Grammar.Repeat(_plainCharacter, 0, null);
        int[][] characters = [.. names.Distinct().Select(name => name.EnumerateRunes().Select(rune => rune.Value).ToArray())];
        return Grammar.Sequence(_quote, Leaving(characters, 0), _quote);

        GrammarNode Leaving(int[][] names, int at)
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            List<GrammarNode> options = [];
            if (names.All(name => name.Length > at)) options.Add(Grammar.Empty);
            List<(int, int)> taken = [(0, 0x1F), ('"', '"'), ('\\', '\\')];
            foreach (IGrouping<int, int[]> group in names.Where(name => name.Length > at).GroupBy(name => name[at]))
            {
                taken.Add((group.Key, group.Key));
                if (group.Key is < ' ' or '"' or '\\') continue; // names with these need escapes
                options.Add(Grammar.Sequence(Utf8Ranges.Character(Grammar, [(group.Key, group.Key)]), Leaving([.. group], at + 1)));
            }

            options.Add(Grammar.Sequence(Utf8Ranges.Character(Grammar, Utf8Ranges.Except(taken)), rest));
            return Grammar.Choice([.. options]);
        }
    }

    // Escapes of surrogates come in pairs.
    private GrammarNode Escape()
    {
        GrammarNode hex = Grammar.Bytes(ByteSet.Range('0', '9') | ByteSet.Range('a', 'f') | ByteSet.Range('A', 'F'));
        GrammarNode surrogate = Grammar.Bytes(ByteSet.Range('d', 'd') | ByteSet.Range('D', 'D'));
        GrammarNode high = Grammar.Bytes(ByteSet.Range('8', '9') | ByteSet.Range('a', 'b') | ByteSet.Range('A', 'B'));
        GrammarNode low = Grammar.Bytes(ByteSet.Range('c', 'f') | ByteSet.Range('C', 'F'));
        GrammarNode other = Grammar.Bytes(ByteSet.Range('0', '9') | ByteSet.Range('a', 'c') | ByteSet.Range('A', 'C') | ByteSet.Range('e', 'f') | ByteSet.Range('E', 'F'));
        GrammarNode unit = Grammar.Choice(
            Grammar.Sequence(other, hex, hex, hex),
            Grammar.Sequence(surrogate, Grammar.Bytes(ByteSet.Range('0', '7')), hex, hex),
            Grammar.Sequence(surrogate, high, hex, hex, Grammar.Text("\\u"), surrogate, low, hex, hex));
        ByteSet simple = default;
        foreach (char c in "\"\\/bfnrt") simple |= ByteSet.Range(c, c);
        return Grammar.Sequence(Grammar.Byte((byte)'\\'), Grammar.Choice(Grammar.Bytes(simple), Grammar.Sequence(Grammar.Byte((byte)'u'), unit)));
    }

    private GrammarNode NonZero()
    {
        // 0* [1-9] [0-9]*, as many digits as a fraction has at most.
        GrammarNode[] options = new GrammarNode[FractionDigits];
        for (int zeros = 0; zeros < FractionDigits; zeros++)
        {
            options[zeros] = Grammar.Sequence(
                Grammar.Repeat(Grammar.Byte((byte)'0'), zeros, zeros), NonZeroDigit, Grammar.Repeat(Digit, 0, FractionDigits - 1 - zeros));
        }

        return Grammar.Sequence(Grammar.Byte((byte)'.'), Grammar.Choice(options));
    }

    private GrammarNode AnyNumber()
    {
        GrammarNode sign = Grammar.Optional(Grammar.Byte((byte)'-'));
        GrammarNode integer = Grammar.Choice(Grammar.Byte((byte)'0'), Grammar.Sequence(NonZeroDigit, Grammar.Repeat(Digit, 0, IntegerDigits - 1)));
        GrammarNode exponent = Grammar.Sequence(
            Grammar.Bytes(ByteSet.Range('e', 'e') | ByteSet.Range('E', 'E')),
            Grammar.Optional(Grammar.Bytes(ByteSet.Range('+', '+') | ByteSet.Range('-', '-'))),
            Grammar.Repeat(Digit, 1, 2));
        return Grammar.Sequence(sign, integer, Grammar.Optional(Fraction), Grammar.Optional(exponent));
    }
}
