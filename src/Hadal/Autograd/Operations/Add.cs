using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>y = a + b. Saves nothing.</summary>
public static class AddOperation
{
    /// <summary>Adds two tensors with the same number of rows and columns: the residual connection.</summary>
    public static Tensor Add(this Graph g, Tensor a, Tensor b)
    {
        Tensor y = g.Allocate(a.Shape, g.Records(a, b));
        Elementwise.Add(g.Workers, a.AsMatrix(), b.AsMatrix(), y.AsMatrix());
        if (y.RequiresGradient) g.Record(new Backpropagation(a, b, y));
        return y;
    }

    private sealed class Backpropagation(Tensor a, Tensor b, Tensor y) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy) return;
            if (g.TargetOf(b) is { } db) db.Add(g.Workers, dy);
            g.PassOn(y, a);
        }
    }
}
