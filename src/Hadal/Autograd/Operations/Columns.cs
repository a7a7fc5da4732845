using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>Cutting rows apart and putting them together. Saves nothing.</summary>
public static class ColumnsOperation
{
    /// <summary>Columns <paramref name="start"/> to <paramref name="start"/> + <paramref name="count"/> of every row.</summary>
    /// <returns>[rows, count].</returns>
    public static Tensor Columns(this Graph g, Tensor x, int start, int count)
    {
        Tensor y = g.Allocate(new Shape(x.Shape.Rows, count), g.Records(x));
        Elementwise.Copy(g.Workers, x.AsMatrix().ColumnRange(start, count), y.AsMatrix());
        if (y.RequiresGradient) g.Record(new ColumnsBackpropagation(x, start, y));
        return y;
    }

    /// <summary>The rows of <paramref name="a"/> followed by those of <paramref name="b"/>.</summary>
    /// <returns>[rows, columns of a + columns of b].</returns>
    public static Tensor Concatenate(this Graph g, Tensor a, Tensor b)
    {
        int left = a.Shape.Last, right = b.Shape.Last;
        Tensor y = g.Allocate(new Shape(a.Shape.Rows, left + right), g.Records(a, b));
        Elementwise.Copy(g.Workers, a.AsMatrix(), y.AsMatrix().ColumnRange(0, left));
        Elementwise.Copy(g.Workers, b.AsMatrix(), y.AsMatrix().ColumnRange(left, right));
        if (y.RequiresGradient) g.Record(new ConcatenateBackpropagation(a, b, y));
        return y;
    }

    private sealed class ColumnsBackpropagation(Tensor x, int start, Tensor y) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy || g.GradientOf(x) is not { } dx) return;
            Elementwise.Accumulate(g.Workers, dy, dx.ColumnRange(start, dy.Columns));
        }
    }

    private sealed class ConcatenateBackpropagation(Tensor a, Tensor b, Tensor y) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy) return;
            if (g.GradientOf(a) is { } da) Elementwise.Accumulate(g.Workers, dy.ColumnRange(0, da.Columns), da);
            if (g.GradientOf(b) is { } db) Elementwise.Accumulate(g.Workers, dy.ColumnRange(dy.Columns - db.Columns, db.Columns), db);
        }
    }
}
