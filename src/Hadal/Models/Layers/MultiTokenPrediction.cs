using Hadal.Autograd;

namespace Hadal.Models;

/// <summary>What a multi-token-prediction module says of a batch.</summary>
/// <param name="Depth">k: tokens beyond the next one.</param>
/// <param name="Hidden">[rows, hidden], normed; to be given to <see cref="Transformer.Logits"/>.</param>
/// <param name="Tokens">The tokens that the rows belong to.</param>
/// <param name="Rows">For each of them its row in the batch that the main model saw.</param>
public sealed record ModulePrediction(int Depth, Tensor Hidden, TokenBatch Tokens, int[] Rows);

/// <summary>
/// One multi-token-prediction module: DeepSeek-V3 (2412.19437) section 2.2, eqs. 21-23. Embedding and head are the main model's.
/// The paper prints [norm(h); norm(Emb(t))]; the released weights take the embedding first, and so does this code.
/// </summary>
public sealed class MultiTokenPrediction
{
    private readonly float _eps;

    internal MultiTokenPrediction(ParameterScope scope, DeepSeekConfig config, int layer, string probeName)
    {
        EmbeddingNorm = scope.Norm("enorm", config.HiddenSize);
        HiddenNorm = scope.Norm("hnorm", config.HiddenSize);
        Merge = scope.Projection("eh_proj", 2 * config.HiddenSize, config.HiddenSize);
        Layer = new TransformerLayer(scope, config, layer, probeName);
        HeadNorm = scope.In("shared_head").Norm("norm", config.HiddenSize);
        _eps = config.RmsNormEps;
    }

    /// <summary>The norm of the next token's embedding.</summary>
    public Parameter EmbeddingNorm { get; }

    /// <summary>The norm of the previous depth's hidden state.</summary>
    public Parameter HiddenNorm { get; }

    /// <summary>M_k: 2 · hidden to hidden.</summary>
    public Projection Merge { get; }

    /// <summary>TRM_k.</summary>
    public TransformerLayer Layer { get; }

    /// <summary>The norm before the shared head.</summary>
    public Parameter HeadNorm { get; }

    /// <summary>Combines hidden states with the tokens that follow them.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="hidden">h_i of the previous depth, [tokens, hidden]; at depth 1 after the main model's last norm.</param>
    /// <param name="embedding">The embedding of the token one further, [tokens, hidden].</param>
    /// <param name="pass">The forward pass over the same tokens.</param>
    /// <returns>The hidden states that the next depth continues from, and their normed form for the head: [tokens, hidden] each.</returns>
    public (Tensor Hidden, Tensor Normed) Forward(Graph g, Tensor hidden, Tensor embedding, ForwardPass pass)
    {
        GraphScope scope = g.Scope();
        Tensor merged = scope.Close(Merge.Forward(
            g, g.Concatenate(g.RmsNorm(embedding, EmbeddingNorm.Value, _eps), g.RmsNorm(hidden, HiddenNorm.Value, _eps)))); // [tokens, hidden]
        Tensor h = Layer.Forward(g, merged, pass);
        return (h, g.RmsNorm(h, HeadNorm.Value, _eps));
    }
}
