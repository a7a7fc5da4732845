namespace Hadal.Autograd;

/// <summary>One recorded operation: knows its inputs, outputs and what it saved, and how a gradient passes back through it.</summary>
public abstract class Operation
{
    /// <summary>Adds to the gradients of the inputs what follows from the gradients of the outputs.</summary>
    public abstract void Backward(Graph g);
}

/// <summary>
/// An operation that can compute outputs, or large tensors that it saved, a second time with the same bits. On a graph that recomputes
/// (<see cref="Graph.Recomputes"/>) these are dropped where the scope of their layer ends, and come back when backward first reads them.
/// </summary>
public abstract class RecomputableOperation : Operation
{
    /// <summary>What may be dropped.</summary>
    protected abstract (Tensor? First, Tensor? Second) Droppable { get; }

    /// <summary>Computes what was dropped once more, from inputs that are kept or can come back themselves.</summary>
    protected abstract void Recompute(Graph g);

    internal void Attach()
    {
        (Tensor? first, Tensor? second) = Droppable;
        if (first is not null) first.Source = this;
        if (second is not null) second.Source = this;
    }

    internal void Restore(Graph g)
    {
        (Tensor? first, Tensor? second) = Droppable;
        first?.Reclaim();
        second?.Reclaim();
        Recompute(g);
    }
}
