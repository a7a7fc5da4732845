using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>y = silu(gate) · up (Shazeer 2020). Saves both inputs; y can be recomputed.</summary>
public static class SwiGluOperation
{
    /// <summary>Gates every element; both inputs have the same shape.</summary>
    public static Tensor SwiGlu(this Graph g, Tensor gate, Tensor up)
    {
        Tensor y = g.Allocate(gate.Shape, g.Records(gate, up));
        Activate(g, gate, up, y);
        if (y.RequiresGradient) g.Record(new Backpropagation(gate, up, y));
        return y;
    }

    private static void Activate(Graph g, Tensor gate, Tensor up, Tensor y) =>
        Numerics.SwiGlu.Forward(g.Workers, gate.AsMatrix(), up.AsMatrix(), y.AsMatrix());

    private sealed class Backpropagation(Tensor gate, Tensor up, Tensor y) : RecomputableOperation
    {
        protected override (Tensor? First, Tensor? Second) Droppable => (y, null);

        protected override void Recompute(Graph g) => Activate(g, gate, up, y);

        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy) return;
            GradientTarget? dGate = g.TargetOf(gate), dUp = g.TargetOf(up);
            bool accumulate = dGate is { Accumulate: true } || dUp is { Accumulate: true };
            Numerics.SwiGlu.Backward(
                g.Workers, gate.AsMatrix(), up.AsMatrix(), dy,
                accumulate ? dGate?.ToAddTo(g.Workers) : dGate?.Gradient, accumulate ? dUp?.ToAddTo(g.Workers) : dUp?.Gradient, accumulate);
        }
    }
}
