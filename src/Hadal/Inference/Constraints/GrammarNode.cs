namespace Hadal.Inference;

/// <summary>
/// A language over bytes: regular expressions with recursion. A node may be a part of several others; only a <see cref="ReferenceNode"/>
/// may lead back to one that contains it.
/// </summary>
internal abstract class GrammarNode
{
    /// <summary>No text at all belongs to the language.</summary>
    public const int Unreachable = int.MaxValue;

    /// <summary>How many <see cref="NestedNode"/> have to be open at a time to complete the shortest nesting; set by <see cref="Grammar"/>.</summary>
    public int LeastDepth { get; set; } = Unreachable;
}

/// <summary>One byte of a set.</summary>
internal sealed class BytesNode(ByteSet set) : GrammarNode
{
    public ByteSet Set => set;
}

/// <summary>One thing after another; none is the empty text.</summary>
internal sealed class SequenceNode(GrammarNode[] items) : GrammarNode
{
    public GrammarNode[] Items => items;
}

/// <summary>One of several; of none nothing.</summary>
internal sealed class ChoiceNode(GrammarNode[] options) : GrammarNode
{
    public GrammarNode[] Options => options;
}

/// <summary>The same thing several times; it must not be able to be empty.</summary>
internal sealed class RepeatNode(GrammarNode item, int least, int? most) : GrammarNode
{
    public GrammarNode Item => item;

    public int Least => least;

    public int? Most => most;
}

/// <summary>What is known later.</summary>
internal sealed class ReferenceNode : GrammarNode
{
    public GrammarNode? Target { get; set; }
}

/// <summary>Something that counts into the depth of nesting.</summary>
internal sealed class NestedNode(GrammarNode inner) : GrammarNode
{
    public GrammarNode Inner => inner;
}

/// <summary>Any bytes up to the first occurrence of a marker, marker included.</summary>
internal sealed class UntilNode : GrammarNode
{
    private readonly int[] _next; // [matched bytes of the marker, byte]: how many are matched then (Knuth, Morris and Pratt 1977)

    public UntilNode(byte[] marker)
    {
        Length = marker.Length;
        _next = new int[Length * 256];
        _next[marker[0]] = 1;
        for (int matched = 1, border = 0; matched < Length; matched++)
        {
            Array.Copy(_next, border * 256, _next, matched * 256, 256);
            _next[matched * 256 + marker[matched]] = matched + 1;
            border = _next[border * 256 + marker[matched]];
        }
    }

    public int Length { get; }

    public int Next(int matched, byte value) => _next[matched * 256 + value];
}
