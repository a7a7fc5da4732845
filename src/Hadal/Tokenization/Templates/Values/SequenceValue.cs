namespace Hadal.Tokenization.Templates.Values;

/// <summary>
/// Which of Python's sequences. <see cref="Generated"/> is what filters such as <c>map</c> give: in Python it can be read once, and neither
/// measured nor indexed nor written as JSON; here it is a list for all but indexing, which templates written for llama.cpp rely on.
/// </summary>
internal enum SequenceKind
{
    List,
    Tuple,
    Range,
    Keys,
    Values,
    Items,
    Generated,
}

internal sealed class SequenceValue : Value
{
    public SequenceValue(SequenceKind kind, Value[] items)
    {
        Kind = kind;
        Items = items;
        int deepest = 0;
        foreach (Value item in items)
        {
            deepest = Math.Max(deepest, item.Depth);
            HasForeign |= item.HasForeign;
        }

        Depth = deepest + 1;
    }

    public SequenceKind Kind { get; }

    public Value[] Items { get; }

    public override int Depth { get; }

    public override bool HasForeign { get; }

    public override bool IsTruthy => Items.Length > 0;

    /// <summary>Whether Python allows <c>value[0]</c>.</summary>
    public bool IsIndexable => Kind is SequenceKind.List or SequenceKind.Tuple or SequenceKind.Range;

    public override string TypeName => Kind switch
    {
        SequenceKind.List => "list",
        SequenceKind.Tuple => "tuple",
        SequenceKind.Range => "range",
        SequenceKind.Keys => "dict_keys",
        SequenceKind.Values => "dict_values",
        SequenceKind.Items => "dict_items",
        _ => "generator",
    };
}
