using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>Rows by number: token embeddings, and the choice of positions. Saves the numbers.</summary>
public static class RowsOperation
{
    /// <summary>Row ids[i] of <paramref name="table"/> as row i.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="table">[rows, d], F32 or BF16.</param>
    /// <param name="ids">Which rows; the same may come several times.</param>
    /// <returns>[ids, d], F32.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is no row of the table.</exception>
    public static Tensor Rows(this Graph g, Tensor table, ReadOnlySpan<int> ids)
    {
        Tensor y = g.Allocate(new Shape(ids.Length, table.Shape.Last), g.Records(table));
        Embedding.Gather(g.Workers, table.AsMatrix(), ids, y.AsMatrix());
        if (y.RequiresGradient) g.Record(new Backpropagation(table, g.Keep(ids), y));
        return y;
    }

    private sealed class Backpropagation(Tensor table, Tensor ids, Tensor y) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy || g.GradientOf(table) is not { } dTable) return;
            Embedding.ScatterAdd(g.Workers, dy, ids.Integers(), dTable);
        }
    }
}
