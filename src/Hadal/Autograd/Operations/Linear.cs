using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>y = x Wᵀ + b. Saves x; the weight's element type picks the kernel.</summary>
public static class LinearOperation
{
    /// <summary>Applies a weight to every row.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">[.., inputs], F32.</param>
    /// <param name="weight">[outputs, inputs], F32 or BF16: the layout of checkpoints.</param>
    /// <param name="bias">[outputs], F32, or null.</param>
    /// <returns>[rows of x, outputs].</returns>
    public static Tensor Linear(this Graph g, Tensor x, Tensor weight, Tensor? bias = null)
    {
        Tensor y = g.Allocate(new Shape(x.Shape.Rows, weight.Shape[0]), g.Records(x, weight, bias));
        MatMul.Nt(g.Workers, x.AsMatrix(), weight.AsMatrix(), y.AsMatrix());
        if (bias is not null) Elementwise.AddRow(g.Workers, y.AsMatrix(), bias.AsMatrix());
        if (y.RequiresGradient) g.Record(new Backpropagation(x, weight, bias, y));
        return y;
    }

    private sealed class Backpropagation(Tensor x, Tensor weight, Tensor? bias, Tensor y) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy) return;
            if (g.GradientOf(x) is { } dx) MatMul.Nn(g.Workers, dy, weight.AsMatrix(), dx, accumulate: true);
            if (g.GradientOf(weight) is { } dWeight) MatMul.Tn(g.Workers, dy, x.AsMatrix(), dWeight, accumulate: true);
            if (g.GradientOf(bias) is { } dBias) Elementwise.SumRows(g.Workers, dy, dBias);
        }
    }
}
