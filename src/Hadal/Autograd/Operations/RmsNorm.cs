using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>y = x / sqrt(mean(x²) + ε) · w (Zhang and Sennrich 2019). Saves x and one factor per row; y can be recomputed.</summary>
public static class RmsNormOperation
{
    /// <summary>Normalises every row.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">[rows, d].</param>
    /// <param name="weight">[d].</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <returns>[rows, d].</returns>
    public static Tensor RmsNorm(this Graph g, Tensor x, Tensor weight, float epsilon)
    {
        Tensor y = g.Allocate(x.Shape, g.Records(x, weight));
        Tensor inverseRms = g.Allocate(new Shape(x.Shape.Rows, 1)); // [rows, 1]
        Normalise(g, x, weight, epsilon, y, inverseRms);
        if (y.RequiresGradient) g.Record(new Backpropagation(x, weight, epsilon, y, inverseRms));
        return y;
    }

    private static void Normalise(Graph g, Tensor x, Tensor weight, float epsilon, Tensor y, Tensor inverseRms) =>
        Numerics.RmsNorm.Forward(g.Workers, x.AsMatrix(), weight.AsMatrix(), epsilon, y.AsMatrix(), inverseRms.AsMatrix());

    private sealed class Backpropagation(Tensor x, Tensor weight, float epsilon, Tensor y, Tensor inverseRms) : RecomputableOperation
    {
        protected override (Tensor? First, Tensor? Second) Droppable => (y, null);

        protected override void Recompute(Graph g) => Normalise(g, x, weight, epsilon, y, inverseRms);

        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy) return;
            GradientTarget? dx = g.TargetOf(x);
            Numerics.RmsNorm.Backward(
                g.Workers, x.AsMatrix(), weight.AsMatrix(), inverseRms.AsMatrix(), dy, dx?.Gradient, g.GradientOf(weight),
                accumulate: dx is { Accumulate: true });
        }
    }
}
