namespace Hadal.Tokenization.Templates.Values;

/// <summary>
/// What a template computes with: JSON's values, and the few things of a template's own. Nothing else of .NET is within its reach. All of
/// them but a namespace stay as they are made, since Hugging Face renders with immutable values.
/// </summary>
internal abstract class Value
{
    /// <summary>Levels of lists and mappings, itself included; bounded, so that a walk through a value can recurse.</summary>
    public virtual int Depth => 0;

    /// <summary>Python's name of the type, for messages.</summary>
    public abstract string TypeName { get; }

    public virtual bool IsTruthy => true;
}

/// <summary>
/// A name or an item that isn't there. It prints as nothing; whatever else is asked of it fails with <paramref name="problem"/>.
/// </summary>
internal sealed class UndefinedValue(string problem) : Value
{
    public string Problem { get; } = problem;

    public override string TypeName => "Undefined";

    public override bool IsTruthy => false;
}

internal sealed class NoneValue : Value
{
    private NoneValue()
    {
    }

    public static NoneValue Instance { get; } = new();

    public override string TypeName => "NoneType";

    public override bool IsTruthy => false;
}

internal sealed class BooleanValue : Value
{
    private BooleanValue(bool value) => Value = value;

    public static BooleanValue True { get; } = new(true);

    public static BooleanValue False { get; } = new(false);

    public bool Value { get; }

    public override string TypeName => "bool";

    public override bool IsTruthy => Value;

    public static BooleanValue Of(bool value) => value ? True : False;
}

internal sealed class IntegerValue(long value) : Value
{
    public long Value { get; } = value;

    public override string TypeName => "int";

    public override bool IsTruthy => Value != 0;
}

internal sealed class FloatValue(double value) : Value
{
    public double Value { get; } = value;

    public override string TypeName => "float";

    public override bool IsTruthy => Value != 0;
}

internal sealed class TextValue(string value) : Value
{
    public static TextValue Empty { get; } = new("");

    public string Value { get; } = value;

    public override string TypeName => "str";

    public override bool IsTruthy => Value.Length > 0;
}

/// <summary>What <c>namespace()</c> makes: the one value that a template may change.</summary>
internal sealed class NamespaceValue : Value
{
    public Dictionary<string, Value> Attributes { get; } = [];

    public override string TypeName => "Namespace";
}
