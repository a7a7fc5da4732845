using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>y = x Wᵀ + b. Saves x; y can be recomputed. The weight's element type and the graph's precision pick the kernel.</summary>
public static class LinearOperation
{
    /// <summary>Applies a weight to every row.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">[.., inputs], F32.</param>
    /// <param name="weight">[outputs, inputs], F32 or BF16: the layout of checkpoints.</param>
    /// <param name="bias">[outputs], F32, or null.</param>
    /// <param name="precision">Precision of the products, for layers that can't do with the graph's.</param>
    /// <param name="recomputes">
    /// Whether a graph that recomputes drops y. It costs the product a second time, or nothing where no backward reads y: where it goes
    /// into sums, rotations and the like only.
    /// </param>
    /// <returns>[rows of x, outputs].</returns>
    public static Tensor Linear(
        this Graph g, Tensor x, Tensor weight, Tensor? bias = null, ProductPrecision? precision = null, bool recomputes = false)
    {
        Tensor y = g.Allocate(new Shape(x.Shape.Rows, weight.Shape[0]), g.Records(x, weight, bias));
        Multiply(g, x, weight, bias, y, precision ?? g.Precision);
        if (y.RequiresGradient) g.Record(new Backpropagation(x, weight, bias, y, precision ?? g.Precision, recomputes));
        return y;
    }

    private static void Multiply(Graph g, Tensor x, Tensor weight, Tensor? bias, Tensor y, ProductPrecision precision)
    {
        MatMul.Nt(g.Workers, x.AsMatrix(), weight.AsMatrix(), y.AsMatrix(), accumulate: false, precision);
        if (bias is not null) Elementwise.AddRow(g.Workers, y.AsMatrix(), bias.AsMatrix());
    }

    private sealed class Backpropagation(Tensor x, Tensor weight, Tensor? bias, Tensor y, ProductPrecision precision, bool recomputes)
        : RecomputableOperation
    {
        protected override (Tensor? First, Tensor? Second) Droppable => (recomputes ? y : null, null);

        protected override void Recompute(Graph g) => Multiply(g, x, weight, bias, y, precision);

        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy) return;
            if (g.TargetOf(x) is { } dx) MatMul.Nn(g.Workers, dy, weight.AsMatrix(), dx.Gradient, dx.Accumulate, precision);
            if (g.GradientOf(weight) is { } dWeight) MatMul.Tn(g.Workers, dy, x.AsMatrix(), dWeight, accumulate: true, precision);
            if (g.GradientOf(bias) is { } dBias) Elementwise.SumRows(g.Workers, dy, dBias);
        }
    }
}
