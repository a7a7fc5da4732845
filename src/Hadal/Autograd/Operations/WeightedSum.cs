using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>One number from many: Σ weight · x. Saves the weights.</summary>
public static class WeightedSumOperation
{
    /// <summary>The sum of all elements, each times its weight, accumulated in double precision in ascending order.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">Any shape.</param>
    /// <param name="weights">One for each element.</param>
    /// <returns>[1].</returns>
    /// <exception cref="ArgumentException">The number of weights differs.</exception>
    public static Tensor WeightedSum(this Graph g, Tensor x, ReadOnlySpan<float> weights)
    {
        Span<float> values = x.Span;
        if (weights.Length != values.Length) throw new ArgumentException($"{weights.Length} weights for shape {x.Shape}", nameof(weights));
        double sum = 0;
        for (int i = 0; i < values.Length; i++) sum += (double)weights[i] * values[i];

        Tensor y = g.Allocate(new Shape(1), g.Records(x));
        y.Span[0] = (float)sum;
        if (y.RequiresGradient)
        {
            Tensor kept = g.Allocate(x.Shape);
            weights.CopyTo(kept.Span);
            g.Record(new Backpropagation(x, kept, y));
        }

        return y;
    }

    /// <summary>a + scale · b for two losses of one element each.</summary>
    /// <exception cref="ArgumentException">One of both is not one element.</exception>
    public static Tensor AddScaled(this Graph g, Tensor a, Tensor b, float scale)
    {
        if (a.Shape.Count != 1 || b.Shape.Count != 1)
        {
            throw new ArgumentException($"expected two losses of one element, found shapes {a.Shape} and {b.Shape}");
        }

        Tensor y = g.Allocate(new Shape(1), g.Records(a, b));
        y.Span[0] = a.Item + scale * b.Item;
        if (y.RequiresGradient) g.Record(new AddScaledBackpropagation(a, b, scale, y));
        return y;
    }

    private sealed class Backpropagation(Tensor x, Tensor weights, Tensor y) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy || g.GradientOf(x) is not { } dx) return;
            Elementwise.Accumulate(g.Workers, weights.AsMatrix(), dx, dy.Row(0)[0]);
        }
    }

    private sealed class AddScaledBackpropagation(Tensor a, Tensor b, float scale, Tensor y) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy) return;
            if (g.GradientOf(a) is { } da) Elementwise.Accumulate(g.Workers, dy, da);
            if (g.GradientOf(b) is { } db) Elementwise.Accumulate(g.Workers, dy, db, scale);
        }
    }
}
