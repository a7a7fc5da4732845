using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>A loss that was computed beside the graph together with its gradient. Saves the gradient.</summary>
public static class LossOfOperation
{
    /// <summary>
    /// Puts a loss of <paramref name="x"/> on the graph: forward is the value given, backward passes the gradient given to x.
    /// </summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">What the loss depends on; any shape.</param>
    /// <param name="value">The loss.</param>
    /// <param name="gradient">Its derivative with respect to each element of <paramref name="x"/>.</param>
    /// <returns>[1].</returns>
    /// <exception cref="ArgumentException">The gradient has more or fewer elements than <paramref name="x"/>.</exception>
    public static Tensor LossOf(this Graph g, Tensor x, double value, ReadOnlySpan<float> gradient)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(x);
        if (gradient.Length != x.Shape.Count) throw new ArgumentException($"{gradient.Length} derivatives for shape {x.Shape}", nameof(gradient));
        Tensor y = g.Allocate(new Shape(1), g.Records(x));
        y.Span[0] = (float)value;
        if (y.RequiresGradient)
        {
            Tensor kept = g.Allocate(x.Shape);
            gradient.CopyTo(kept.Span);
            g.Record(new Backpropagation(x, kept, y));
        }

        return y;
    }

    private sealed class Backpropagation(Tensor x, Tensor gradient, Tensor y) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy || g.GradientOf(x) is not { } dx) return;
            Elementwise.Accumulate(g.Workers, gradient.AsMatrix(), dx, dy.Row(0)[0]);
        }
    }
}
