using System.Collections.Frozen;

namespace Hadal.Reinforcement.Answers;

/// <summary>
/// Takes the arrangement of an answer apart (lists, sets, intervals, unions, matrices, equations, units) down to its formulas.
/// </summary>
internal static class MathObjectParser
{
    private const int DeepestNesting = 8;

    // Units carry no meaning where the question asks for one number. Other words do, so they stay and must match.
    private static readonly FrozenSet<string> s_units = FrozenSet.ToFrozenSet(
    [
        "degrees", "degree", "cm", "mm", "km", "kg", "ft", "m", "g", "meters", "metres", "meter", "centimeters", "kilometers", "miles", "mile", "inches", "inch",
        "feet", "foot", "yards", "yard", "units", "unit", "square", "cubic", "squared", "cubed", "sq", "per", "cents", "cent", "dollars", "dollar", "percent",
        "hours", "hour", "minutes", "minute", "seconds", "second", "days", "day", "weeks", "years", "year", "mph", "pounds", "ounces", "grams", "liters",
        "square inches", "square feet", "square units", "square meters", "square centimeters", "square cm", "cubic inches", "cubic feet", "cubic units",
        "cubic cm", "miles per hour", "radians", "people", "students", "ways", "times",
    ]);

    /// <summary>What the tokens are; null if this grammar doesn't have it.</summary>
    public static MathObject? Parse(List<LatexToken> tokens, int depth = 0)
    {
        tokens = WithoutUnits(tokens);
        if (tokens.Count == 0 || depth > DeepestNesting) return null;
        if (tokens.TrueForAll(static t => t.Kind == LatexTokenKind.Words)) return new WordsObject(string.Join(' ', tokens.Select(static t => t.Text)));
        if (BaseNumber(tokens) is { } number) return number;
        if (Infinity(tokens) is { } infinity) return infinity;

        if (tokens.FindIndex(static t => t.Is("in")) is >= 0 and int member) return Parse(tokens[(member + 1)..], depth + 1);
        if (Split(tokens, static t => t.Is(",") || t.Is(";") || t is { Kind: LatexTokenKind.Words, Text: "or" or "and" }) is { Count: > 1 } items)
        {
            return ParseAll(items, depth) is { } list ? new CollectionObject(Flat(list)) : null;
        }

        if (Split(tokens, static t => t.Is("cup")) is { Count: > 1 } parts) return ParseAll(parts, depth) is { } union ? new UnionObject(union) : null;
        if (Split(tokens, static t => t.Is("pm")) is { Count: > 1 }) return PlusMinus(tokens, depth);
        if (Split(tokens, static t => t.Is("=")) is { Count: > 1 } sides) return sides.Count == 2 ? Equation(sides[0], sides[1], depth) : null;
        return Matrix(tokens, depth) ?? Bracketed(tokens, depth) ?? (FormulaParser.Parse(tokens) is { } formula ? new FormulaObject(formula) : null);
    }

    private static List<LatexToken> WithoutUnits(List<LatexToken> tokens)
    {
        int end = tokens.Count;
        while (end > 1)
        {
            int word = end - 1;
            if (word > 1 && tokens[word].Kind == LatexTokenKind.Digit && tokens[word - 1].Is("^")) word -= 2;             // cm^2
            else if (word > 3 && tokens[word].Is("}") && tokens[word - 2].Is("{") && tokens[word - 3].Is("^")) word -= 4; // cm^{2}
            if (word < 1 || tokens[word].Kind != LatexTokenKind.Words || !s_units.Contains(tokens[word].Text)) break;
            end = word;
        }

        return end == tokens.Count ? tokens : tokens[..end];
    }

    private static BaseNumberObject? BaseNumber(List<LatexToken> tokens)
    {
        int at = tokens.FindIndex(static t => t.Is("_"));
        if (at < 1 || !tokens[..at].TrueForAll(static t => t.Kind is LatexTokenKind.Digit or LatexTokenKind.Letter)) return null;
        if (!tokens.Exists(static t => t.Kind == LatexTokenKind.Digit) || tokens[0].Kind == LatexTokenKind.Letter) return null;
        List<LatexToken> subscript = tokens[(at + 1)..];
        if (subscript.Count > 2 && subscript[0].Is("{") && subscript[^1].Is("}")) subscript = subscript[1..^1];
        if (subscript.Count is < 1 or > 2 || !subscript.TrueForAll(static t => t.Kind == LatexTokenKind.Digit)) return null;
        return new BaseNumberObject(Text(tokens[..at]).ToUpperInvariant(), int.Parse(Text(subscript), null));
    }

    private static InfinityObject? Infinity(List<LatexToken> tokens) => tokens switch
    {
        [var only] when only.Is("infty") => new InfinityObject(false),
        [var sign, var only] when only.Is("infty") && (sign.Is("-") || sign.Is("+")) => new InfinityObject(sign.Is("-")),
        _ => null,
    };

    // a ± b: both values, every ± taken the same way.
    private static CollectionObject? PlusMinus(List<LatexToken> tokens, int depth)
    {
        MathObject? With(string sign) => Parse([.. tokens.Select(t => t.Is("pm") ? new LatexToken(LatexTokenKind.Symbol, sign, t.AfterSpace) : t)], depth + 1);
        return With("+") is { } plus && With("-") is { } minus ? new CollectionObject([plus, minus]) : null;
    }

    private static EquationObject? Equation(List<LatexToken> left, List<LatexToken> right, int depth) =>
        depth <= DeepestNesting && FormulaParser.Parse(left) is { } a && FormulaParser.Parse(right) is { } b ? new EquationObject(a, b) : null;

    private static MatrixObject? Matrix(List<LatexToken> tokens, int depth)
    {
        if (tokens.Count < 3 || !tokens[0].Is("begin") || !tokens[^1].Is("end")) return null;
        List<List<LatexToken>>? rows = Split(tokens[1..^1], static t => t.Is("\\"));
        if (rows is null) return null;
        if (rows[^1].Count == 0) rows.RemoveAt(rows.Count - 1);
        List<MathObject> items = [];
        int columns = 0;
        foreach (List<LatexToken> row in rows)
        {
            if (Split(row, static t => t.Is("&")) is not { } cells || ParseAll(cells, depth) is not { } parsed) return null;
            if (columns != 0 && cells.Count != columns) return null;
            columns = cells.Count;
            items.AddRange(parsed);
        }

        return columns == 0 ? null : new MatrixObject(columns, items);
    }

    // (a, b), [a, b) and {a, b}, the bracket pair being the outermost thing; (a) alone is a formula.
    private static MathObject? Bracketed(List<LatexToken> tokens, int depth)
    {
        if (tokens.Count < 3 || Closing(tokens) != tokens.Count - 1) return null;
        List<LatexToken> inner = tokens[1..^1];
        bool set = tokens[0].Is("{");
        List<List<LatexToken>>? items = Split(inner, static t => t.Is(","));
        if (items is null || (items.Count == 1 && !set && tokens[0].Is("("))) return null;
        if (ParseAll(items, depth) is not { } parsed) return null;
        return set ? new CollectionObject(Flat(parsed)) : new TupleObject(tokens[0].Text, tokens[^1].Text, parsed);
    }

    // Where the bracket that opens the tokens is closed; -1 if they don't open with one of an arrangement.
    private static int Closing(List<LatexToken> tokens)
    {
        if (!(tokens[0].Is("(") || tokens[0].Is("[") || (tokens[0].Is("{") && tokens[0].Kind == LatexTokenKind.Command))) return -1;
        int depth = 0;
        for (int i = 0; i < tokens.Count; i++)
        {
            depth += Step(tokens[i]);
            if (depth == 0) return i;
        }

        return -1;
    }

    private static List<MathObject>? ParseAll(List<List<LatexToken>> parts, int depth)
    {
        List<MathObject> objects = [];
        foreach (List<LatexToken> part in parts)
        {
            if (Parse(part, depth + 1) is not { } item) return null;
            objects.Add(item);
        }

        return objects;
    }

    // {1 ± √5, -2} has three members.
    private static List<MathObject> Flat(List<MathObject> items) => [.. items.SelectMany(static x => x is CollectionObject nested ? nested.Items : [x])];

    // Parts between separators outside of brackets; null if brackets don't match.
    private static List<List<LatexToken>>? Split(List<LatexToken> tokens, Predicate<LatexToken> separates)
    {
        List<List<LatexToken>> parts = [[]];
        int depth = 0;
        foreach (LatexToken token in tokens)
        {
            depth += Step(token);
            if (depth < 0) return null;
            if (depth == 0 && separates(token)) parts.Add([]);
            else parts[^1].Add(token);
        }

        return depth == 0 ? parts : null;
    }

    // Brackets of an interval need not be of one kind: (3, 4].
    private static int Step(LatexToken t) => t.Kind is not (LatexTokenKind.Symbol or LatexTokenKind.Command) ? 0 : t.Text switch
    {
        "(" or "[" or "{" or "begin" => 1,
        ")" or "]" or "}" or "end" => -1,
        _ => 0,
    };

    private static string Text(List<LatexToken> tokens) => string.Concat(tokens.Select(static t => t.Text));
}
