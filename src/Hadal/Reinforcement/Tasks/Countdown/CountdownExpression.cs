using Hadal.Reinforcement.Answers;

namespace Hadal.Reinforcement.Tasks.Countdown;

/// <summary>An expression as a tree, with its exact value; written with no more parentheses than it needs.</summary>
internal sealed class CountdownExpression
{
    private readonly CountdownExpression? _left, _right;

    private CountdownExpression(Rational value, char sign, CountdownExpression? left, CountdownExpression? right)
    {
        Value = value;
        Operator = sign;
        _left = left;
        _right = right;
    }

    public Rational Value { get; }

    /// <summary>The operation that made it; '\0' for a number.</summary>
    public char Operator { get; }

    public bool IsWholeAndPositive => Value.IsInteger && Value.Numerator.Sign > 0;

    public static CountdownExpression Of(int number) => new(number, '\0', null, null);

    /// <summary>The six expressions of two: a+b, a-b, b-a, a*b, a/b, b/a, those without a divisor of zero.</summary>
    public static IEnumerable<CountdownExpression> Joined(CountdownExpression a, CountdownExpression b)
    {
        yield return new(a.Value + b.Value, '+', a, b);
        yield return new(a.Value - b.Value, '-', a, b);
        yield return new(b.Value - a.Value, '-', b, a);
        yield return new(a.Value * b.Value, '*', a, b);
        if (!b.Value.IsZero) yield return new(a.Value / b.Value, '/', a, b);
        if (!a.Value.IsZero) yield return new(b.Value / a.Value, '/', b, a);
    }

    /// <summary>The last step alone, on the values of both sides: <c>18+3=21</c>.</summary>
    public string Step() => $"{Bracketed(_left!.Value)}{Operator}{Bracketed(_right!.Value)}={Value}";

    public override string ToString() => Operator switch
    {
        '\0' => Value.ToString(),
        '+' => $"{_left}+{_right}",
        '-' => $"{_left}-{Side(_right!, "+-")}",
        '*' => $"{Side(_left!, "+-")}*{Side(_right!, "+-")}",
        _ => $"{Side(_left!, "+-")}/{Side(_right!, "+-*/")}",
    };

    private static string Side(CountdownExpression side, string bracketed) =>
        bracketed.Contains(side.Operator, StringComparison.Ordinal) ? $"({side})" : $"{side}";

    private static string Bracketed(Rational value) => value.IsInteger && value.Numerator.Sign >= 0 ? $"{value}" : $"({value})";
}
