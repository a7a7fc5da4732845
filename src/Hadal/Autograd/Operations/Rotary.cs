using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>Rotary position embedding (Su et al. 2021) of some lanes of every head. Saves the positions.</summary>
public static class RotaryOperation
{
    /// <summary>Rotates the lanes <paramref name="offset"/> to <paramref name="offset"/> + 2 * (columns of the tables) of each head; other lanes are copied.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">[tokens, heads * headDim].</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="offset">First rotated lane of a head.</param>
    /// <param name="angles">The tables and each token's row in them.</param>
    /// <returns>[tokens, heads * headDim].</returns>
    public static Tensor Rotary(this Graph g, Tensor x, int heads, int offset, RotaryAngles angles)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(heads, 1);
        Tensor y = g.Allocate(new Shape(x.Shape.Rows, x.Shape.Last), g.Records(x));
        Rotate(g, x.AsMatrix(), y.AsMatrix(), heads, offset, angles, inverse: false);
        if (y.RequiresGradient) g.Record(new Backpropagation(x, heads, offset, angles, y));
        return y;
    }

    private static void Rotate(Graph g, Matrix x, Matrix y, int heads, int offset, RotaryAngles angles, bool inverse) =>
        Numerics.Rotary.Apply(
            g.Workers, x, y, heads, x.Columns / heads, offset, angles.Cos.Shape.Last * 2, angles.Rows,
            angles.Cos.AsMatrix(), angles.Sin.AsMatrix(), angles.Layout, inverse);

    private sealed class Backpropagation(Tensor x, int heads, int offset, RotaryAngles angles, Tensor y) : RecomputableOperation
    {
        protected override (Tensor? First, Tensor? Second) Droppable => (y, null);

        protected override void Recompute(Graph g) => Rotate(g, x.AsMatrix(), y.AsMatrix(), heads, offset, angles, inverse: false);

        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy || !x.RequiresGradient) return;

            // The transpose of a rotation turns back; dy is this operation's own, so it is turned in place.
            Rotate(g, dy, dy, heads, offset, angles, inverse: true);
            g.PassOn(y, x);
        }
    }
}

/// <summary>Cosines and sines for the tokens of one forward pass.</summary>
/// <param name="Cos">[distinct positions, dim / 2].</param>
/// <param name="Sin">[distinct positions, dim / 2].</param>
/// <param name="Layout">Which lanes form a pair.</param>
/// <param name="TokenRows">For each token its row in the tables.</param>
public sealed record RotaryAngles(Tensor Cos, Tensor Sin, RotaryLayout Layout, ReadOnlyMemory<int> TokenRows)
{
    internal ReadOnlySpan<int> Rows => TokenRows.Span;
}
