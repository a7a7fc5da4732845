using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>y = silu(gate) · up (Shazeer 2020). Saves both inputs.</summary>
public static class SwiGluOperation
{
    /// <summary>Gates every element; both inputs have the same shape.</summary>
    public static Tensor SwiGlu(this Graph g, Tensor gate, Tensor up)
    {
        Tensor y = g.Allocate(gate.Shape, g.Records(gate, up));
        Numerics.SwiGlu.Forward(g.Workers, gate.AsMatrix(), up.AsMatrix(), y.AsMatrix());
        if (y.RequiresGradient) g.Record(new Backpropagation(gate, up, y));
        return y;
    }

    private sealed class Backpropagation(Tensor gate, Tensor up, Tensor y) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy) return;
            Numerics.SwiGlu.Backward(g.Workers, gate.AsMatrix(), up.AsMatrix(), dy, g.GradientOf(gate), g.GradientOf(up));
        }
    }
}
