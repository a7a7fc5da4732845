using System.Numerics;

namespace Hadal.Reinforcement.Answers;

/// <summary>
/// An exact fraction in lowest terms with a positive denominator; <c>default</c> is zero. Who computes with text from outside bounds <see
/// cref="Bits"/>.
/// </summary>
internal readonly record struct Rational
{
    // Kept less one, so that default is 0/1.
    private readonly BigInteger _denominatorLessOne;

    private Rational(BigInteger numerator, BigInteger denominator)
    {
        BigInteger divisor = BigInteger.GreatestCommonDivisor(numerator, denominator);
        if (denominator.Sign < 0) divisor = -divisor;
        Numerator = numerator / divisor;
        _denominatorLessOne = denominator / divisor - 1;
    }

    public static Rational Zero => default;

    public static Rational One { get; } = 1;

    public BigInteger Numerator { get; }

    public BigInteger Denominator => _denominatorLessOne + 1;

    public bool IsZero => Numerator.IsZero;

    public bool IsInteger => _denominatorLessOne.IsZero;

    /// <summary>Bits of the longer of numerator and denominator.</summary>
    public long Bits => Math.Max(Numerator.GetBitLength(), Denominator.GetBitLength());

    public static implicit operator Rational(long value) => new(value, 1);

    public static Rational operator +(Rational a, Rational b) =>
        new(a.Numerator * b.Denominator + b.Numerator * a.Denominator, a.Denominator * b.Denominator);

    public static Rational operator -(Rational a, Rational b) => a + -b;

    public static Rational operator -(Rational a) => new(-a.Numerator, a.Denominator);

    public static Rational operator *(Rational a, Rational b) => new(a.Numerator * b.Numerator, a.Denominator * b.Denominator);

    /// <exception cref="DivideByZeroException">The divisor is zero.</exception>
    public static Rational operator /(Rational a, Rational b) =>
        b.IsZero ? throw new DivideByZeroException() : new Rational(a.Numerator * b.Denominator, a.Denominator * b.Numerator);

    public static Rational Of(BigInteger value) => new(value, 1);

    /// <summary>The value of ASCII digits with at most one point among them, as <c>12</c>, <c>1.50</c> and <c>.5</c>.</summary>
    public static Rational FromDigits(ReadOnlySpan<char> digits)
    {
        int point = digits.IndexOf('.');
        if (point < 0) return Of(BigInteger.Parse(digits, null));
        BigInteger numerator = BigInteger.Parse(string.Concat("0", digits[..point], digits[(point + 1)..]), null);
        return new Rational(numerator, BigInteger.Pow(10, digits.Length - point - 1));
    }

    public double ToDouble() => Bits < 1000
        ? (double)Numerator / (double)Denominator
        : Numerator.Sign * Math.Exp(BigInteger.Log(BigInteger.Abs(Numerator)) - BigInteger.Log(Denominator));

    public override string ToString() => IsInteger ? $"{Numerator}" : $"{Numerator}/{Denominator}";
}
