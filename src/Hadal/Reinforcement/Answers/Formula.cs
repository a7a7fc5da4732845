using System.Numerics;

namespace Hadal.Reinforcement.Answers;

/// <summary>A parsed formula: its exact form where it has one, and its value where its variables are given numbers.</summary>
internal abstract record Formula
{
    /// <summary>The exact normal form; null if there is none or it would be too large.</summary>
    public abstract ExactForm? Exact();

    /// <summary>The value with each variable at the point that <paramref name="point"/> names; NaN or infinite where it has none.</summary>
    public abstract Complex At(Func<string, double> point);
}

internal sealed record NumberFormula(Rational Value) : Formula
{
    public override ExactForm Exact() => ExactForm.Of(Value);

    public override Complex At(Func<string, double> point) => Value.ToDouble();
}

/// <summary>A variable, or one of the constants π, e and i.</summary>
internal sealed record SymbolFormula(string Name) : Formula
{
    public const string Pi = "π";
    public const string Infinity = "∞";

    public override ExactForm Exact() => ExactForm.Symbol(Name);

    public override Complex At(Func<string, double> point) => Name switch
    {
        Pi => Math.PI,
        "e" => Math.E,
        "i" => Complex.ImaginaryOne,
        _ => point(Name),
    };
}

internal sealed record SumFormula(Formula Left, Formula Right) : Formula
{
    public override ExactForm? Exact() => Left.Exact() is { } a && Right.Exact() is { } b ? a.Plus(b) : null;

    public override Complex At(Func<string, double> point) => Left.At(point) + Right.At(point);
}

internal sealed record ProductFormula(Formula Left, Formula Right) : Formula
{
    public override ExactForm? Exact() => Left.Exact() is { } a && Right.Exact() is { } b ? a.Times(b) : null;

    public override Complex At(Func<string, double> point) => Left.At(point) * Right.At(point);
}

internal sealed record QuotientFormula(Formula Left, Formula Right) : Formula
{
    public override ExactForm? Exact() => Left.Exact() is { } a && Right.Exact()?.Inverse() is { } b ? a.Times(b) : null;

    public override Complex At(Func<string, double> point) => Left.At(point) / Right.At(point);
}

internal sealed record PowerFormula(Formula Base, Formula Exponent) : Formula
{
    public override ExactForm? Exact() => Base.Exact() is { } a && Exponent.Exact() is { } b ? a.Power(b) : null;

    public override Complex At(Func<string, double> point)
    {
        Complex a = Base.At(point), b = Exponent.At(point);
        return a.Imaginary == 0 && b.Imaginary == 0 && (a.Real >= 0 || b.Real == Math.Floor(b.Real)) ? Math.Pow(a.Real, b.Real) : Complex.Pow(a, b);
    }
}

/// <summary>A root: <c>\sqrt[degree]{x}</c>.</summary>
internal sealed record RootFormula(Formula Radicand, int Degree) : Formula
{
    public override ExactForm? Exact() => Degree == 2 ? Radicand.Exact()?.SquareRoot() : null;

    public override Complex At(Func<string, double> point)
    {
        Complex x = Radicand.At(point);
        if (Degree == 2) return x.Imaginary == 0 && x.Real >= 0 ? Math.Sqrt(x.Real) : Complex.Sqrt(x);
        if (x.Imaginary == 0 && Degree == 3) return Math.Cbrt(x.Real);
        return Complex.Pow(x, 1.0 / Degree);
    }
}

/// <summary>A named function of one argument; a logarithm may have a base.</summary>
internal sealed record FunctionFormula(string Name, Formula Argument, Formula? LogarithmBase) : Formula
{
    public static bool IsKnown(string name) => name
        is "sin" or "cos" or "tan" or "cot" or "sec" or "csc" or "arcsin" or "arccos" or "arctan" or "ln" or "log" or "exp" or "abs";

    public override ExactForm? Exact() => null;

    public override Complex At(Func<string, double> point)
    {
        Complex x = Argument.At(point);
        return Name switch
        {
            "sin" => Complex.Sin(x),
            "cos" => Complex.Cos(x),
            "tan" => Complex.Tan(x),
            "cot" => 1 / Complex.Tan(x),
            "sec" => 1 / Complex.Cos(x),
            "csc" => 1 / Complex.Sin(x),
            "arcsin" => Complex.Asin(x),
            "arccos" => Complex.Acos(x),
            "arctan" => Complex.Atan(x),
            "exp" => Complex.Exp(x),
            "abs" => Complex.Abs(x),
            "log" when LogarithmBase is not null => Complex.Log(x) / Complex.Log(LogarithmBase.At(point)),
            "log" => Complex.Log(x) / Math.Log(10),
            _ => Complex.Log(x),
        };
    }
}
