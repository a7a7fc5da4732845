using System.Runtime.CompilerServices;
using System.Text;

namespace Hadal.Inference;

/// <summary>Makes the nodes of one grammar, counts them, and finds out which of them can be completed.</summary>
internal sealed class Grammar
{
    // A schema comes with a request: a few times the largest that people use.
    private const int MostNodes = 50_000;

    private readonly List<GrammarNode> _nodes = [];
    private readonly BytesNode?[] _bytes = new BytesNode?[256];

    public Grammar()
    {
        Empty = new SequenceNode([]);
        Never = new ChoiceNode([]);
        _nodes.AddRange([Empty, Never]);
    }

    /// <summary>The empty text.</summary>
    public GrammarNode Empty { get; }

    /// <summary>Nothing.</summary>
    public GrammarNode Never { get; }

    public GrammarNode Bytes(ByteSet set) => Add(new BytesNode(set));

    public GrammarNode Byte(byte value) => _bytes[value] ??= (BytesNode)Bytes(ByteSet.Range(value, value));

    public GrammarNode Text(ReadOnlySpan<byte> bytes)
    {
        GrammarNode[] items = new GrammarNode[bytes.Length];
        for (int i = 0; i < items.Length; i++) items[i] = Byte(bytes[i]);
        return Sequence(items);
    }

    public GrammarNode Text(string text) => Text(Encoding.UTF8.GetBytes(text));

    public GrammarNode Sequence(params GrammarNode[] items) => items.Length switch
    {
        0 => Empty,
        1 => items[0],
        _ => Add(new SequenceNode(items)),
    };

    public GrammarNode Choice(params GrammarNode[] options) => options.Length switch
    {
        0 => Never,
        1 => options[0],
        _ => Add(new ChoiceNode(options)),
    };

    public GrammarNode Optional(GrammarNode item) => Choice(Empty, item);

    public GrammarNode Repeat(GrammarNode item, int least, int? most) => most switch
    {
        0 => Empty,
        < 0 => Never,
        _ when most < least => Never,
        _ => Add(new RepeatNode(item, least, most)),
    };

    public ReferenceNode Reference() => (ReferenceNode)Add(new ReferenceNode());

    public GrammarNode Nested(GrammarNode inner) => Add(new NestedNode(inner));

    /// <summary>One of some texts: common beginnings are shared, so that a state of the automaton has few threads.</summary>
    public GrammarNode OneOf(IEnumerable<byte[]> texts)
    {
        byte[][] sorted = [.. texts];
        Array.Sort(sorted, (a, b) => a.AsSpan().SequenceCompareTo(b));
        return OneOf(sorted, 0);
    }

    /// <summary>Sets <see cref="GrammarNode.LeastDepth"/> of all nodes: the least fixed point, as Knuth 1977 has it for grammars.</summary>
    public void Measure()
    {
        // Parts were made before the whole, so one round does for all but references, and each further round for one more level of these.
        for (bool changed = true; changed;)
        {
            changed = false;
            foreach (GrammarNode node in _nodes)
            {
                int depth = Depth(node);
                changed |= depth != node.LeastDepth;
                node.LeastDepth = depth;
            }
        }
    }

    private static int Depth(GrammarNode node) => node switch
    {
        SequenceNode sequence => sequence.Items.Select(item => item.LeastDepth).DefaultIfEmpty(0).Max(),
        ChoiceNode choice => choice.Options.Select(option => option.LeastDepth).DefaultIfEmpty(GrammarNode.Unreachable).Min(),
        RepeatNode repeat => repeat.Least > 0 ? repeat.Item.LeastDepth : 0,
        ReferenceNode reference => reference.Target!.LeastDepth,
        NestedNode nested => nested.Inner.LeastDepth is var inner && inner == GrammarNode.Unreachable ? inner : inner + 1,
        _ => 0,
    };

    private GrammarNode OneOf(ReadOnlySpan<byte[]> sorted, int at)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (sorted.IsEmpty) return Never;

        // The first and the last of sorted texts share what all of them share.
        int shared = sorted[0].AsSpan(at).CommonPrefixLength(sorted[^1].AsSpan(at));
        GrammarNode head = Text(sorted[0].AsSpan(at, shared));
        at += shared;
        List<GrammarNode> options = [];
        for (int i = 0; i < sorted.Length;)
        {
            int end = i + 1;
            if (sorted[i].Length == at)
            {
                while (end < sorted.Length && sorted[end].Length == at) end++;
                options.Add(Empty);
            }
            else
            {
                while (end < sorted.Length && sorted[end][at] == sorted[i][at]) end++;
                options.Add(OneOf(sorted[i..end], at));
            }

            i = end;
        }

        return options is [{ } only] && ReferenceEquals(only, Empty) ? head : Sequence(head, Choice([.. options]));
    }

    private GrammarNode Add(GrammarNode node)
    {
        if (_nodes.Count >= MostNodes) throw new JsonSchemaException("#", $"it is too large, expected fewer than {MostNodes:N0} places in its grammar");
        _nodes.Add(node);
        return node;
    }
}
