using System.Numerics;

namespace Hadal.Reinforcement.Answers;

/// <summary>
/// Whether two formulas are equal. Exactly where both have an <see cref="ExactForm"/>: two different numbers, however close, are never
/// equal. Else by their values at random points, which are the same in every run.
/// </summary>
internal static class FormulaComparison
{
    private const int Points = 6;
    private const int FewestPoints = 3; // as many must give finite values
    private const double Tolerance = 1e-11;

    // A fraction of this height that agrees with an irrational value to the tolerance agrees by more than chance: by Dirichlet's theorem
    // fractions with denominator q come within about 1/q² of any number, 1e-8 here.
    private const long LargestPlainNumber = 10_000;

    public static bool AreEqual(Formula a, Formula b)
    {
        ExactForm? exactA = a.Exact(), exactB = b.Exact();
        if (exactA is not null && exactB is not null) return exactA.Equals(exactB);
        if (!IsPlain(exactA) || !IsPlain(exactB)) return false;
        return Agree(a, b, static (x, y) => Complex.Abs(x - y) <= Tolerance * Math.Max(Complex.Abs(x), Complex.Abs(y)));
    }

    /// <summary>Whether both are zero at the same points: the quotient of the two is a constant other than zero.</summary>
    public static bool AreProportional(Formula a, Formula b)
    {
        Complex? ratio = null;
        return Agree(a, b, (x, y) =>
        {
            if (x == 0 || y == 0) return x == y;
            Complex quotient = x / y;
            ratio ??= quotient;
            return Complex.Abs(quotient - ratio.Value) <= Tolerance * 100 * Complex.Abs(ratio.Value);
        }) && ratio is not null;
    }

    private static bool IsPlain(ExactForm? form) =>
        form?.Number is not { } n || (n.Denominator <= LargestPlainNumber && BigInteger.Abs(n.Numerator) <= LargestPlainNumber);

    private static bool Agree(Formula a, Formula b, Func<Complex, Complex, bool> agree)
    {
        int finite = 0;
        for (int k = 0; k < Points; k++)
        {
            int index = k;
            double Point(string name) => PointOf(name, index);
            Complex x = a.At(Point), y = b.At(Point);
            if (!Complex.IsFinite(x) || !Complex.IsFinite(y)) continue;
            if (!agree(x, y)) return false;
            finite++;
        }

        return finite >= FewestPoints;
    }

    // Between 0.3 and 2.3, from the variable's name and the number of the point alone.
    private static double PointOf(string name, int index)
    {
        ulong hash = 14695981039346656037UL + (ulong)index;
        foreach (char c in name) hash = (hash ^ c) * 1099511628211UL;
        hash = (hash ^ (hash >> 29)) * 0xBF58476D1CE4E5B9UL;
        return 0.3 + 2 * ((hash >> 11) * (1.0 / (1UL << 53)));
    }
}
