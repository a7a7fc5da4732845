using Hadal.Autograd;

namespace Hadal.Models;

/// <summary>One layer: h = x + attention(norm(x)), y = h + feedForward(norm(h)).</summary>
public sealed class TransformerLayer
{
    private readonly float _eps;
    private readonly string _name;

    internal TransformerLayer(ParameterScope scope, ModelConfig config, int layer, string probeName)
    {
        (InputNorm, PostAttentionNorm) = (scope.Norm("input_layernorm", config.HiddenSize), scope.Norm("post_attention_layernorm", config.HiddenSize));
        ParameterScope attention = scope.In("self_attn"), mlp = scope.In("mlp");
        switch (config)
        {
            case DeepSeekConfig deepSeek:
                Attention = new MultiHeadLatentAttention(attention, deepSeek, layer);
                FeedForward = deepSeek.HasExperts(layer)
                    ? new DeepSeekMoE(mlp, deepSeek)
                    : new SwiGluFeedForward(mlp, config.HiddenSize, config.IntermediateSize);
                break;
            case DenseConfig dense:
                Attention = new GroupedQueryAttention(attention, dense, layer);
                FeedForward = new SwiGluFeedForward(mlp, config.HiddenSize, config.IntermediateSize, dense.MlpBias);
                break;
            default:
                throw new ArgumentException($"no layers are known for {config.GetType().Name}", nameof(config));
        }

        _eps = config.RmsNormEps;
        _name = probeName;
    }

    /// <summary>Before attention.</summary>
    public Parameter InputNorm { get; }

    /// <summary>Attention.</summary>
    public IAttention Attention { get; }

    /// <summary>Before the feed-forward.</summary>
    public Parameter PostAttentionNorm { get; }

    /// <summary>Dense, or experts.</summary>
    public IFeedForward FeedForward { get; }

    /// <summary>Passes every token through the layer.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">[tokens, hidden].</param>
    /// <param name="pass">The forward pass.</param>
    /// <returns>[tokens, hidden].</returns>
    public Tensor Forward(Graph g, Tensor x, ForwardPass pass)
    {
        GraphScope scope = g.Scope();
        Tensor attended = Attention.Forward(g, g.RmsNorm(x, InputNorm.Value, _eps), pass); // [tokens, hidden]
        pass.Probe?.Invoke($"{_name}.self_attn_output", attended);
        Tensor h = g.Add(x, attended);                                                     // [tokens, hidden]
        Tensor y = FeedForward.Forward(g, g.RmsNorm(h, PostAttentionNorm.Value, _eps), pass, _name);
        return scope.Close(g.Add(h, y));
    }
}
