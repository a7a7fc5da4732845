namespace Hadal.Tokenization.Templates.Values;

/// <summary>A whole or a real number; Python counts its booleans among the whole ones.</summary>
internal readonly record struct Number(bool IsWhole, long Whole, double Real)
{
    public static Number? Of(Value value) => value switch
    {
        IntegerValue integer => new Number(true, integer.Value, integer.Value),
        FloatValue real => new Number(false, 0, real.Value),
        BooleanValue boolean => new Number(true, boolean.Value ? 1 : 0, boolean.Value ? 1 : 0),
        _ => null,
    };

    /// <summary>The sign of the difference, exact for whole numbers beside real ones too; null if one is not a number.</summary>
    public static int? Compare(Number left, Number right)
    {
        if (left.IsWhole && right.IsWhole) return left.Whole.CompareTo(right.Whole);
        if (double.IsNaN(left.Real) || double.IsNaN(right.Real)) return null;
        if (!left.IsWhole && !right.IsWhole) return left.Real.CompareTo(right.Real);
        return left.IsWhole ? CompareMixed(left.Whole, right.Real) : -CompareMixed(right.Whole, left.Real);
    }

    // A double beyond 2^63 is beyond every long; below that its whole part is a long, and the fraction decides between equals.
    private static int CompareMixed(long whole, double real)
    {
        if (real >= 9223372036854775808.0) return -1;
        if (real < -9223372036854775808.0) return 1;
        int order = whole.CompareTo((long)Math.Truncate(real));
        return order != 0 ? order : 0.0.CompareTo(real - Math.Truncate(real));
    }
}
