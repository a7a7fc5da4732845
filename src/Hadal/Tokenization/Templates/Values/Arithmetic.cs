using Hadal.Tokenization.Templates.Evaluation;
using Hadal.Tokenization.Templates.Syntax;

namespace Hadal.Tokenization.Templates.Values;

/// <summary>Python's arithmetic, but for whole numbers beyond 64 bits, which fail.</summary>
internal static class Arithmetic
{
    public static Value Apply(Run run, BinaryOperator op, Value left, Value right)
    {
        if (left is UndefinedValue undefined) throw run.Fail(undefined.Problem);
        if (right is UndefinedValue missing) throw run.Fail(missing.Problem);
        if (op == BinaryOperator.Add && Joined(run, left, right) is { } joined) return joined;
        if (op == BinaryOperator.Multiply && (Repeated(run, left, right) ?? Repeated(run, right, left)) is { } repeated) return repeated;
        if (Number.Of(left) is not { } a || Number.Of(right) is not { } b)
        {
            throw run.Fail($"found a {left.TypeName} {Symbol(op)} a {right.TypeName}, expected {Expected(op)}");
        }

        try
        {
            return a.IsWhole && b.IsWhole ? Whole(run, op, a.Whole, b.Whole) : Real(run, op, a.Real, b.Real);
        }
        catch (OverflowException e)
        {
            throw run.Fail("a whole number gets larger than 64 bits", e);
        }
    }

    public static Value Signed(Run run, bool negative, Value operand)
    {
        if (operand is UndefinedValue undefined) throw run.Fail(undefined.Problem);
        if (Number.Of(operand) is not { } number) throw run.Fail($"found a sign before a {operand.TypeName}, expected a number");
        if (!number.IsWhole) return new FloatValue(negative ? -number.Real : number.Real);
        if (negative && number.Whole == long.MinValue) throw run.Fail("a whole number gets larger than 64 bits");
        return new IntegerValue(negative ? -number.Whole : number.Whole);
    }

    private static Value? Joined(Run run, Value left, Value right)
    {
        if (left is TextValue a && right is TextValue b)
        {
            run.ChargeText((long)a.Value.Length + b.Value.Length);
            return new TextBuilder().Append(a).Append(b).ToText();
        }

        bool lists = left is SequenceValue { Kind: SequenceKind.List or SequenceKind.Tuple } x && right is SequenceValue y && x.Kind == y.Kind;
        return lists ? run.Sequence(((SequenceValue)left).Kind, [.. ((SequenceValue)left).Items, .. ((SequenceValue)right).Items]) : null;
    }

    private static Value? Repeated(Run run, Value subject, Value times)
    {
        if (times is not (IntegerValue or BooleanValue)) return null;
        long count = Math.Max(0, Number.Of(times)!.Value.Whole);
        if (subject is TextValue text)
        {
            run.ChargeText(Product(text.Value.Length, count));
            TextBuilder repeated = new();
            for (long i = 0; i < count && text.Value.Length > 0; i++) repeated.Append(text);
            return repeated.ToText();
        }

        if (subject is not SequenceValue { Kind: SequenceKind.List or SequenceKind.Tuple } list) return null;
        run.ChargeItems(Product(list.Items.Length, count));
        return run.Sequence(list.Kind, list.Items.Length == 0 ? [] : [.. Enumerable.Repeat(list.Items, (int)count).SelectMany(items => items)]);
    }

    private static long Product(int length, long count) => length == 0 ? 0 : count > long.MaxValue / length ? long.MaxValue : length * count;

    private static Value Whole(Run run, BinaryOperator op, long a, long b)
    {
        checked
        {
            switch (op)
            {
                case BinaryOperator.Add: return new IntegerValue(a + b);
                case BinaryOperator.Subtract: return new IntegerValue(a - b);
                case BinaryOperator.Multiply: return new IntegerValue(a * b);
                case BinaryOperator.Power when b < 0: return Real(run, op, a, b);
                case BinaryOperator.Power: return new IntegerValue(Power(a, b));
                case BinaryOperator.Divide: return Real(run, op, a, b);
                default: break;
            }

            if (b == 0) throw run.Fail("found a division by zero");
            // -2^63 // -1 overflows, and so does the processor's remainder of it.
            if (b == -1) return new IntegerValue(op == BinaryOperator.FloorDivide ? -a : 0);
            long quotient = a / b;
            if (a % b != 0 && a < 0 != b < 0) quotient--;
            return new IntegerValue(op == BinaryOperator.FloorDivide ? quotient : a - (quotient * b));
        }
    }

    // Within 64 bits a power other than of 0, 1 and -1 has an exponent below 64.
    private static long Power(long number, long exponent)
    {
        if (number is 0 or 1) return exponent == 0 ? 1 : number;
        if (number == -1) return exponent % 2 == 0 ? 1 : -1;
        if (exponent >= 64) throw new OverflowException();
        long power = 1;
        for (long i = 0; i < exponent; i++) power = checked(power * number);
        return power;
    }

    private static FloatValue Real(Run run, BinaryOperator op, double a, double b)
    {
        bool divides = op is BinaryOperator.Divide or BinaryOperator.FloorDivide or BinaryOperator.Modulo;
        if (divides && b == 0) throw run.Fail("found a division by zero");
        double result = op switch
        {
            BinaryOperator.Add => a + b,
            BinaryOperator.Subtract => a - b,
            BinaryOperator.Multiply => a * b,
            BinaryOperator.Divide => a / b,
            BinaryOperator.FloorDivide => FloorDivided(a, b),
            BinaryOperator.Modulo => Modulo(a, b),
            _ => Math.Pow(a, b),
        };
        bool broken = op == BinaryOperator.Power && (double.IsInfinity(result) || double.IsNaN(result)) && double.IsFinite(a) && double.IsFinite(b);
        return broken ? throw run.Fail("a power is no real number") : new FloatValue(result);
    }

    // The remainder has the divisor's sign.
    private static double Modulo(double a, double b)
    {
        double remainder = a % b;
        if (remainder == 0) return Math.CopySign(0, b);
        return remainder < 0 != b < 0 ? remainder + b : remainder;
    }

    private static double FloorDivided(double a, double b)
    {
        double quotient = (a - Modulo(a, b)) / b;
        if (quotient == 0) return Math.CopySign(0, a / b);
        double floor = Math.Floor(quotient);
        return quotient - floor > 0.5 ? floor + 1 : floor;
    }

    private static string Symbol(BinaryOperator op) => op switch
    {
        BinaryOperator.Add => "+",
        BinaryOperator.Subtract => "-",
        BinaryOperator.Multiply => "*",
        BinaryOperator.Divide => "/",
        BinaryOperator.FloorDivide => "//",
        BinaryOperator.Modulo => "%",
        _ => "**",
    };

    private static string Expected(BinaryOperator op) => op switch
    {
        BinaryOperator.Add => "two texts, two numbers or two lists",
        BinaryOperator.Multiply => "two numbers, or a text and a whole number",
        _ => "two numbers",
    };
}
