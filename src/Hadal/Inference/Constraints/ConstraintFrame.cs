namespace Hadal.Inference;

/// <summary>
/// One level of a pushdown stack, shared by all stacks that agree below it: a node that is under way, how far it is, and what continues
/// when it is complete. Frames of one automaton with the same content are the same object.
/// </summary>
internal sealed class ConstraintFrame(int id, GrammarNode node, int progress, ConstraintFrame? parent)
{
    /// <summary>Numbers the frames of an automaton.</summary>
    public int Id => id;

    /// <summary>The node.</summary>
    public GrammarNode Node => node;

    /// <summary>Of a sequence the item that comes next; of a repetition how many have begun, so far as it matters; of a marker the bytes matched.</summary>
    public int Progress => progress;

    /// <summary>What comes after; null is the end of the text.</summary>
    public ConstraintFrame? Parent => parent;

    /// <summary>How many <see cref="NestedNode"/> are open.</summary>
    public int Depth { get; } = (parent?.Depth ?? 0) + (node is NestedNode ? 1 : 0);
}
