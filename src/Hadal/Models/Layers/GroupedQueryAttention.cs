using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>Attention of a layer.</summary>
public interface IAttention
{
    /// <summary>Lets every token look at its sequence so far.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">[tokens, hidden].</param>
    /// <param name="pass">The forward pass with its caches.</param>
    /// <returns>[tokens, hidden].</returns>
    Tensor Forward(Graph g, Tensor x, ForwardPass pass);
}

/// <summary>Grouped-query attention (Ainslie et al. 2023) of Llama and Qwen2. A cached row is the keys of all key heads, then their values.</summary>
public sealed class GroupedQueryAttention : IAttention
{
    private readonly AttentionShape _shape;
    private readonly int _layer;

    internal GroupedQueryAttention(ParameterScope scope, DenseConfig config, int layer)
    {
        (int hidden, int heads, int keyHeads, int dim) = (config.HiddenSize, config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        Q = scope.Projection("q_proj", hidden, heads * dim, config.AttentionBias);
        K = scope.Projection("k_proj", hidden, keyHeads * dim, config.AttentionBias);
        V = scope.Projection("v_proj", hidden, keyHeads * dim, config.AttentionBias);
        O = scope.Projection("o_proj", heads * dim, hidden, config.OutputBias);
        _shape = new AttentionShape(heads, keyHeads, dim, dim, (float)(1 / Math.Sqrt(dim)));
        _layer = layer;
    }

    /// <summary>Queries.</summary>
    public Projection Q { get; }

    /// <summary>Keys.</summary>
    public Projection K { get; }

    /// <summary>Values.</summary>
    public Projection V { get; }

    /// <summary>Output.</summary>
    public Projection O { get; }

    /// <inheritdoc/>
    public Tensor Forward(Graph g, Tensor x, ForwardPass pass)
    {
        Tensor[] projected = g.Linear(x, [Q.Layer(), K.Layer(), V.Layer()]);
        Tensor q = g.Rotary(projected[0], _shape.Heads, 0, pass.Angles);    // [tokens, heads, dim]
        Tensor k = g.Rotary(projected[1], _shape.KeyHeads, 0, pass.Angles); // [tokens, keyHeads, dim]
        Tensor v = projected[2];                                            // [tokens, keyHeads, dim]
        Tensor attended = pass.Batch.Caches.Count == 0
            ? g.Attention(_shape, q, k, v, pass.Batch.SequenceArray)
            : AttendToCaches(g, q, k, v, pass);                          // [tokens, heads, dim]
        return O.Forward(g, attended, recomputes: true);
    }

    private Tensor AttendToCaches(Graph g, Tensor q, Tensor k, Tensor v, ForwardPass pass)
    {
        CachedAttention.Store(g, pass, _layer, k, v);
        return g.Attention(_shape, q, pass.KeysAndValues, g.Precision.WithoutF8());
    }
}
