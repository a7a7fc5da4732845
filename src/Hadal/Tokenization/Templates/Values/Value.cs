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

    /// <summary>Whether it is, or holds, text that came with the conversation.</summary>
    public virtual bool HasForeign => false;
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

/// <summary>
/// A text, and which of its characters are foreign: came with the conversation rather than from the template. Such characters must not
/// become control tokens, so whatever makes a text of others says whose it is: parts of a text keep what they were, and what isn't made of
/// parts is foreign as soon as any source is.
/// </summary>
internal sealed class TextValue : Value
{
    private readonly TextSpan[] _foreign;

    /// <param name="value">The text.</param>
    /// <param name="foreign">Its foreign characters, in order, without overlap, none empty.</param>
    public TextValue(string value, TextSpan[] foreign) => (Value, _foreign) = (value, foreign);

    public static TextValue Empty { get; } = Own("");

    public string Value { get; }

    public IReadOnlyList<TextSpan> ForeignSpans => _foreign;

    public override bool HasForeign => _foreign.Length > 0;

    public override string TypeName => "str";

    public override bool IsTruthy => Value.Length > 0;

    /// <summary>A text of the template.</summary>
    public static TextValue Own(string text) => new(text, []);

    /// <summary>A text of the conversation.</summary>
    public static TextValue Foreign(string text) => new(text, text.Length == 0 ? [] : [new TextSpan(0, text.Length)]);

    /// <summary>A text that was made of others in some way.</summary>
    public static TextValue Derived(string text, params ReadOnlySpan<Value?> sources)
    {
        foreach (Value? source in sources)
        {
            if (source is { HasForeign: true }) return Foreign(text);
        }

        return Own(text);
    }

    public TextValue Slice(int start, int length) =>
        start == 0 && length == Value.Length ? this
        : new TextValue(Value.Substring(start, length), [.. ForeignWithin(start, length).Select(span => span with { Start = span.Start - start })]);

    public TextValue Slice(TextSpan span) => Slice(span.Start, span.Length);

    /// <summary>The foreign characters of a part.</summary>
    public IEnumerable<TextSpan> ForeignWithin(int start, int length)
    {
        int end = start + length, low = 0, high = _foreign.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_foreign[middle].End <= start) low = middle + 1;
            else high = middle;
        }

        for (; low < _foreign.Length && _foreign[low].Start < end; low++)
        {
            int from = Math.Max(start, _foreign[low].Start);
            yield return new TextSpan(from, Math.Min(end, _foreign[low].End) - from);
        }
    }
}

/// <summary>What <c>namespace()</c> makes: the one value that a template may change.</summary>
internal sealed class NamespaceValue : Value
{
    public Dictionary<string, Value> Attributes { get; } = [];

    public override string TypeName => "Namespace";
}
