namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>A piece of a template that prints or acts.</summary>
internal abstract class Statement(Position at)
{
    public Position At { get; } = at;
}

internal sealed class DataStatement(Position at, string text) : Statement(at)
{
    public string Text { get; } = text;
}

internal sealed class OutputStatement(Position at, Expression value) : Statement(at)
{
    public Expression Value { get; } = value;
}

/// <summary>The branches in order; the last has no condition if the template has an <c>else</c>.</summary>
internal sealed class IfStatement(Position at, (Expression? Condition, Statement[] Body)[] branches) : Statement(at)
{
    public (Expression? Condition, Statement[] Body)[] Branches { get; } = branches;
}

internal sealed class ForStatement(Position at, Target target, Expression items, Expression? filter, Statement[] body, Statement[] otherwise)
    : Statement(at)
{
    public Target Target { get; } = target;

    public Expression Items { get; } = items;

    public Expression? Filter { get; } = filter;

    public Statement[] Body { get; } = body;

    public Statement[] Otherwise { get; } = otherwise;
}

/// <summary><c>break</c> or <c>continue</c>.</summary>
internal sealed class JumpStatement(Position at, bool isBreak) : Statement(at)
{
    public bool IsBreak { get; } = isBreak;
}

internal sealed class SetStatement(Position at, Target target, Expression value) : Statement(at)
{
    public Target Target { get; } = target;

    public Expression Value { get; } = value;
}

/// <summary><c>{% set target | filter %}body{% endset %}</c></summary>
internal sealed class SetBlockStatement(Position at, Target target, FilterExpression[] filters, Statement[] body) : Statement(at)
{
    public Target Target { get; } = target;

    public FilterExpression[] Filters { get; } = filters;

    public Statement[] Body { get; } = body;
}

/// <summary><c>{% filter name %}body{% endfilter %}</c></summary>
internal sealed class FilterStatement(Position at, FilterExpression[] filters, Statement[] body) : Statement(at)
{
    public FilterExpression[] Filters { get; } = filters;

    public Statement[] Body { get; } = body;
}

internal sealed class WithStatement(Position at, (Target Target, Expression Value)[] values, Statement[] body) : Statement(at)
{
    public (Target Target, Expression Value)[] Values { get; } = values;

    public Statement[] Body { get; } = body;
}

/// <summary>The parameters and the body of a macro, or of what a call block hands to a macro.</summary>
internal sealed record MacroDefinition(string Name, (string Name, Expression? Default)[] Parameters, Statement[] Body);

internal sealed class MacroStatement(Position at, MacroDefinition macro) : Statement(at)
{
    public MacroDefinition Macro { get; } = macro;
}

/// <summary>
/// <c>{% call(parameters) macro(arguments) %}body{% endcall %}</c>: the macro finds the body under the name <c>caller</c>.
/// </summary>
internal sealed class CallStatement(Position at, MacroDefinition caller, CallExpression call) : Statement(at)
{
    public MacroDefinition Caller { get; } = caller;

    public CallExpression Call { get; } = call;
}

/// <summary><c>{% generation %}body{% endgeneration %}</c>: what the assistant says, for training.</summary>
internal sealed class GenerationStatement(Position at, Statement[] body) : Statement(at)
{
    public Statement[] Body { get; } = body;
}

/// <summary>What a value is given to: a name, a namespace's attribute, or several targets that share a sequence.</summary>
internal abstract class Target(Position at)
{
    public Position At { get; } = at;
}

internal sealed class NameTarget(Position at, string name) : Target(at)
{
    public string Name { get; } = name;
}

internal sealed class NamespaceTarget(Position at, string name, string attribute) : Target(at)
{
    public string Name { get; } = name;

    public string Attribute { get; } = attribute;
}

internal sealed class TupleTarget(Position at, Target[] items) : Target(at)
{
    public Target[] Items { get; } = items;
}
