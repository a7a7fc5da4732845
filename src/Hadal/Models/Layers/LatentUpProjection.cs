using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>
/// W^UK and W^UV of latent attention, head by head: kv_b_proj, [H · (N + V), R]. As a whole it expands latents. Absorbed attention multiplies
/// W^UK from its other side, which blocks along rows don't allow, so in blocks the two are held apart, and W^UK turned (as GGUF has
/// them: attn_k_b and attn_v_b). H heads, R = kv_lora_rank, N = qk_nope_head_dim, V = v_head_dim.
/// </summary>
public sealed class LatentUpProjection
{
    private readonly int _heads, _nope, _valueDim, _rank;

    internal LatentUpProjection(string prefix, int heads, int nope, int valueDim, int rank)
    {
        (_heads, _nope, _valueDim, _rank) = (heads, nope, valueDim, rank);
        Whole = new Parameter(prefix + "kv_b_proj.weight", new Shape(heads * (nope + valueDim), rank), ParameterKind.Projection, this);
        Keys = new Parameter(prefix + "k_b_proj.weight", new Shape(heads, rank, nope), ParameterKind.Projection, this);
        Values = new Parameter(prefix + "v_b_proj.weight", new Shape(heads, valueDim, rank), ParameterKind.Projection, this);
    }

    /// <summary>Both in one, [H · (N + V), R]: what a model declares, trains and writes.</summary>
    public Parameter Whole { get; }

    /// <summary>W^UK of each head, turned: [H, R, N]. It has memory only while the two are held apart.</summary>
    public Parameter Keys { get; }

    /// <summary>W^UV of each head: [H, V, R]. It has memory only while the two are held apart.</summary>
    public Parameter Values { get; }

    /// <summary>Whether the two are held apart.</summary>
    public bool IsApart => Keys.IsLoaded;

    /// <summary>Expands latents to unrotated keys and values.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="latent">[tokens, R].</param>
    /// <returns>[tokens, H · (N + V)].</returns>
    internal Tensor Forward(Graph g, Tensor latent)
    {
        if (!IsApart) return g.Linear(latent, Whole.Value, recomputes: true);
        Tensor whole = g.Records(latent) ? g.Allocate(Whole.Shape) : g.Borrow(Whole.Shape);
        Join(g.Workers, whole);
        Tensor expanded = g.Linear(latent, whole);
        if (!g.Records(latent)) whole.Dispose();
        return expanded;
    }

    /// <summary>q · (W^UK c) = (q W^UK) · c: takes W^UK from the keys into the query.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="q">[tokens, H · (N + P)].</param>
    /// <param name="absorbed">The first R of each head's lanes are written: [tokens, H · (R + P)].</param>
    internal void Absorb(Graph g, Matrix q, Matrix absorbed)
    {
        AbsorbKeys job = new(this, g.Workers, q, absorbed, g.Precision.WithoutF8());
        g.Workers.Run(ref job, _heads);
    }

    /// <summary>Σ p (W^UV c) = W^UV (Σ p c): takes mixed latents to values.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="mixed">[tokens, H · R].</param>
    /// <param name="values">The result, [tokens, H · V].</param>
    internal void Expand(Graph g, Matrix mixed, Matrix values)
    {
        ExpandValues job = new(this, g.Workers, mixed, values, g.Precision.WithoutF8());
        g.Workers.Run(ref job, _heads);
    }

    /// <summary>Changes how a loaded projection is held.</summary>
    /// <exception cref="ArgumentException">A weight that is to go into blocks is not finite.</exception>
    internal void HoldAs(WorkerPool workers, IReadOnlyList<(Parameter Array, ElementType Type)> arrays)
    {
        if (arrays.All(array => array.Array.IsLoaded && array.Array.Value.ElementType == array.Type)) return;
        using Tensor whole = Tensor.Create(Whole.Shape);
        if (IsApart) Join(workers, whole);
        else Elementwise.Copy(workers, Whole.Value.AsMatrix(), whole.AsMatrix());
        Tensor[] values = [.. arrays.Select(array => Tensor.Create(array.Array.Shape, array.Type, !array.Type.IsBlocked() && Whole.Held[0].Value.RequiresGradient))];
        try
        {
            if (values.Length == 1) Elementwise.Copy(workers, whole.AsMatrix(), values[0].AsMatrix());
            else Part(workers, whole, values[0].AsMatrix(), values[1].AsMatrix());
        }
        catch
        {
            foreach (Tensor value in values) value.Dispose();
            throw;
        }

        Whole.Assign(values);
    }

    /// <summary>Rows become columns: W^UK of a head from one of its forms to the other.</summary>
    internal static void Turn(ReadOnlySpan<float> from, Span<float> to, int columns)
    {
        int rows = from.Length / columns;
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++) to[j * rows + i] = from[i * columns + j];
        }
    }

    // whole: F32 [H · (N + V), R]
    private void Join(WorkerPool workers, Tensor whole)
    {
        using Tensor keys = Tensor.Create(Keys.Shape);
        Elementwise.Copy(workers, Keys.Value.AsMatrix(), keys.AsMatrix());
        Matrix values = Values.Value.AsMatrix();
        for (int h = 0; h < _heads; h++)
        {
            Turn(TurnedKeys(keys, h), KeysIn(whole, h), _nope);
            Elementwise.Copy(workers, values.RowRange(h * _valueDim, _valueDim), ValuesOf(whole.AsMatrix(), h));
        }
    }

    private void Part(WorkerPool workers, Tensor whole, Matrix keys, Matrix values)
    {
        using Tensor turned = Tensor.Create(Keys.Shape);
        for (int h = 0; h < _heads; h++)
        {
            Turn(KeysIn(whole, h), TurnedKeys(turned, h), _rank);
            Elementwise.Copy(workers, ValuesOf(whole.AsMatrix(), h), values.RowRange(h * _valueDim, _valueDim));
        }

        Elementwise.Copy(workers, turned.AsMatrix(), keys);
    }

    private Span<float> TurnedKeys(Tensor keys, int head) => keys.Span.Slice(head * _rank * _nope, _rank * _nope);

    private Span<float> KeysIn(Tensor whole, int head) => whole.Span.Slice(head * (_nope + _valueDim) * _rank, _nope * _rank);

    private Matrix KeysOf(Matrix whole, int head) => whole.RowRange(head * (_nope + _valueDim), _nope);

    private Matrix ValuesOf(Matrix whole, int head) => whole.RowRange(head * (_nope + _valueDim) + _nope, _valueDim);

    // Head h: absorbed [T, R] = q [T, N] · W^UK_h [N, R].
    private readonly struct AbsorbKeys(LatentUpProjection up, WorkerPool workers, Matrix q, Matrix absorbed, ProductPrecision precision) : IParallelJob
    {
        private readonly Matrix _weights = (up.IsApart ? up.Keys : up.Whole).Value.AsMatrix();
        private readonly int _queryDim = q.Columns / up._heads, _absorbedDim = absorbed.Columns / up._heads;

        public void Execute(int h)
        {
            Matrix query = q.ColumnRange(h * _queryDim, up._nope), result = absorbed.ColumnRange(h * _absorbedDim, up._rank);
            if (up.IsApart) MatMul.Nt(workers, query, _weights.RowRange(h * up._rank, up._rank), result, false, precision);
            else MatMul.Nn(workers, query, up.KeysOf(_weights, h), result, false, precision);
        }
    }

    // Head h: value [T, V] = mixed latent [T, R] · W^UV_hᵀ, W^UV_h [V, R].
    private readonly struct ExpandValues(LatentUpProjection up, WorkerPool workers, Matrix mixed, Matrix values, ProductPrecision precision) : IParallelJob
    {
        private readonly Matrix _weights = (up.IsApart ? up.Values : up.Whole).Value.AsMatrix();

        public void Execute(int h)
        {
            Matrix weights = up.IsApart ? _weights.RowRange(h * up._valueDim, up._valueDim) : up.ValuesOf(_weights, h);
            MatMul.Nt(workers, mixed.ColumnRange(h * up._rank, up._rank), weights, values.ColumnRange(h * up._valueDim, up._valueDim), false, precision);
        }
    }
}
