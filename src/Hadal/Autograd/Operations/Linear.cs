using System.Runtime.CompilerServices;
using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>The weight of a linear layer, and what is special about it.</summary>
/// <param name="Weight">[outputs, inputs], F32, BF16 or a type in blocks: the layout of checkpoints.</param>
/// <param name="Bias">[outputs], F32, or null.</param>
/// <param name="Precision">Precision of the products, for layers that can't do with the graph's.</param>
/// <param name="Recomputes">
/// Whether a graph that recomputes drops y. It costs the product a second time, or nothing where no backward reads y: where it goes
/// into sums, rotations and the like only.
/// </param>
public readonly record struct LinearLayer(Tensor Weight, Tensor? Bias = null, ProductPrecision? Precision = null, bool Recomputes = false);

/// <summary>y = x Wᵀ + b. Saves x; y can be recomputed. The weight's element type and the graph's precision pick the kernel.</summary>
public static class LinearOperation
{
    private const int MostLayers = 4;

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

    /// <summary>Applies several layers to the same rows: with few rows all products are one parallel region.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">[.., inputs], F32.</param>
    /// <param name="layers">The layers.</param>
    /// <returns>For each layer [rows of x, outputs].</returns>
    /// <exception cref="ArgumentException">There are more than four layers.</exception>
    public static Tensor[] Linear(this Graph g, Tensor x, ReadOnlySpan<LinearLayer> layers)
    {
        if (layers.Length > MostLayers) throw new ArgumentException($"{layers.Length} layers at a time, expected at most {MostLayers}", nameof(layers));
        Tensor[] outputs = new Tensor[layers.Length];
        Products memory = default;
        Span<LinearProduct> products = ((Span<LinearProduct>)memory)[..layers.Length];
        for (int i = 0; i < layers.Length; i++) outputs[i] = g.Prepare(x, layers[i], out products[i]);
        JointMatMul.Nt(g.Workers, products);
        for (int i = 0; i < layers.Length; i++) g.Complete(x, layers[i], outputs[i]);
        return outputs;
    }

    /// <summary>Makes room for y, and describes the product that fills it, for whoever computes several at once.</summary>
    internal static Tensor Prepare(this Graph g, Tensor x, in LinearLayer layer, out LinearProduct product)
    {
        Tensor y = g.Allocate(new Shape(x.Shape.Rows, layer.Weight.Shape[0]), g.Records(x, layer.Weight, layer.Bias));
        product = new LinearProduct(x.AsMatrix(), layer.Weight.AsMatrix(), y.AsMatrix(), layer.Precision ?? g.Precision);
        return y;
    }

    /// <summary>Adds the bias to a product of <see cref="Prepare"/> that is computed, and records the operation.</summary>
    internal static void Complete(this Graph g, Tensor x, in LinearLayer layer, Tensor y)
    {
        if (layer.Bias is { } bias) Elementwise.AddRow(g.Workers, y.AsMatrix(), bias.AsMatrix());
        if (y.RequiresGradient) g.Record(new Backpropagation(x, layer.Weight, layer.Bias, y, layer.Precision ?? g.Precision, layer.Recomputes));
    }

    // Views of a few matrices each, kept off the heap.
    [InlineArray(MostLayers)]
    private struct Products
    {
        private LinearProduct _first;
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
