using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>
/// An expression of a template. <paramref name="depth"/> counts its levels, itself included: a chain such as <c>a + b + c</c> nests without
/// any bracket, so the parser bounds this number rather than its own recursion alone.
/// </summary>
internal abstract class Expression(Position at, int depth)
{
    public Position At { get; } = at;

    public int Depth { get; } = depth;

    protected static int Deepest(IEnumerable<Expression?> children) => children.Max(child => child?.Depth ?? 0);
}

internal sealed class Constant(Position at, Value value) : Expression(at, 1)
{
    public Value Value { get; } = value;
}

internal sealed class NameExpression(Position at, string name) : Expression(at, 1)
{
    public string Name { get; } = name;
}

/// <summary>A list, or a tuple: both print differently.</summary>
internal sealed class SequenceExpression(Position at, SequenceKind kind, Expression[] items) : Expression(at, 1 + Deepest([.. items, null]))
{
    public SequenceKind Kind { get; } = kind;

    public Expression[] Items { get; } = items;
}

internal sealed class MappingExpression(Position at, (Expression Key, Expression Value)[] pairs)
    : Expression(at, 1 + Deepest([.. pairs.Select(pair => pair.Key), .. pairs.Select(pair => pair.Value), null]))
{
    public (Expression Key, Expression Value)[] Pairs { get; } = pairs;
}

/// <summary><c>target.name</c>: methods before items.</summary>
internal sealed class AttributeExpression(Position at, Expression target, string name) : Expression(at, 1 + target.Depth)
{
    public Expression Target { get; } = target;

    public string Name { get; } = name;
}

/// <summary><c>target[key]</c>: items before methods.</summary>
internal sealed class ItemExpression(Position at, Expression target, Expression key) : Expression(at, 1 + Deepest([target, key]))
{
    public Expression Target { get; } = target;

    public Expression Key { get; } = key;
}

internal sealed class SliceExpression(Position at, Expression target, Expression? start, Expression? stop, Expression? step)
    : Expression(at, 1 + Deepest([target, start, stop, step]))
{
    public Expression Target { get; } = target;

    public Expression? Start { get; } = start;

    public Expression? Stop { get; } = stop;

    public Expression? Step { get; } = step;
}

/// <summary>What stands between the brackets of a call, a filter or a test.</summary>
internal sealed record ArgumentList(Expression[] Positional, (string Name, Expression Value)[] Named)
{
    public static ArgumentList None { get; } = new([], []);

    public int Depth => Positional.Concat(Named.Select(named => named.Value)).Select(value => value.Depth).Append(0).Max();
}

internal sealed class CallExpression(Position at, Expression function, ArgumentList arguments)
    : Expression(at, 1 + Math.Max(function.Depth, arguments.Depth))
{
    public Expression Function { get; } = function;

    public ArgumentList Arguments { get; } = arguments;
}

/// <summary><c>input | name(arguments)</c>. The input of a block's filter is what the block prints, and null here.</summary>
internal sealed class FilterExpression(Position at, Expression? input, string name, ArgumentList arguments)
    : Expression(at, 1 + Math.Max(input?.Depth ?? 0, arguments.Depth))
{
    public Expression? Input { get; } = input;

    public string Name { get; } = name;

    public ArgumentList Arguments { get; } = arguments;
}

/// <summary><c>subject is name(arguments)</c></summary>
internal sealed class TestExpression(Position at, Expression subject, string name, ArgumentList arguments)
    : Expression(at, 1 + Math.Max(subject.Depth, arguments.Depth))
{
    public Expression Subject { get; } = subject;

    public string Name { get; } = name;

    public ArgumentList Arguments { get; } = arguments;
}

internal enum UnaryOperator
{
    Not,
    Negative,
    Positive,
}

internal sealed class UnaryExpression(Position at, UnaryOperator op, Expression operand) : Expression(at, 1 + operand.Depth)
{
    public UnaryOperator Operator { get; } = op;

    public Expression Operand { get; } = operand;
}

internal enum BinaryOperator
{
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
}

internal sealed class BinaryExpression(Position at, BinaryOperator op, Expression left, Expression right)
    : Expression(at, 1 + Deepest([left, right]))
{
    public BinaryOperator Operator { get; } = op;

    public Expression Left { get; } = left;

    public Expression Right { get; } = right;
}

/// <summary><c>and</c> and <c>or</c>, which give one of their operands and leave the right one alone where they can.</summary>
internal sealed class LogicalExpression(Position at, bool isAnd, Expression left, Expression right) : Expression(at, 1 + Deepest([left, right]))
{
    public bool IsAnd { get; } = isAnd;

    public Expression Left { get; } = left;

    public Expression Right { get; } = right;
}

internal enum Comparison
{
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

/// <summary>A chain such as <c>a &lt; b &lt;= c</c>.</summary>
internal sealed class ComparisonExpression(Position at, Expression first, (Comparison Operator, Expression Operand)[] rest)
    : Expression(at, 1 + Deepest([first, .. rest.Select(link => link.Operand)]))
{
    public Expression First { get; } = first;

    public (Comparison Operator, Expression Operand)[] Rest { get; } = rest;
}

/// <summary><c>a ~ b ~ c</c>: the texts of all, joined.</summary>
internal sealed class ConcatExpression(Position at, Expression[] parts) : Expression(at, 1 + Deepest(parts))
{
    public Expression[] Parts { get; } = parts;
}

/// <summary><c>then if condition else otherwise</c></summary>
internal sealed class ConditionalExpression(Position at, Expression condition, Expression then, Expression? otherwise)
    : Expression(at, 1 + Deepest([condition, then, otherwise]))
{
    public Expression Condition { get; } = condition;

    public Expression Then { get; } = then;

    public Expression? Otherwise { get; } = otherwise;
}
