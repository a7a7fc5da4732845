using Hadal.Models;

namespace Hadal.Cli.Bench;

/// <summary>Bytes that decoding must read: what a step takes at least from memory, whatever the kernels are like.</summary>
/// <param name="Fixed">Weights that every step reads once, however many sequences it serves: all but routed experts and the embedding.</param>
/// <param name="EmbeddingRow">A token's row of the embedding.</param>
/// <param name="Expert">One routed expert, the mean of the layers.</param>
/// <param name="CacheToken">What a cached token takes in all layers.</param>
internal sealed record DecodeTraffic(long Fixed, long EmbeddingRow, double Expert, long CacheToken)
{
    /// <summary>Counts a loaded model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="cacheToken">Bytes of a cached token in all layers.</param>
    public static DecodeTraffic Of(Transformer model, long cacheToken)
    {
        long all = 0, experts = 0, number = 0;
        foreach (Parameter parameter in model.Parameters.Take(model.MainParameterCount))
        {
            long bytes = parameter.Held.Sum(array => array.Value.Buffer.ByteLength);
            bool lookedUp = parameter.Kind == ParameterKind.Embedding && !model.Config.TieWordEmbeddings;
            if (parameter.Kind == ParameterKind.Experts) experts += bytes;
            else if (!lookedUp) all += bytes;
        }

        foreach (TransformerLayer layer in model.Layers) number += layer.FeedForward is DeepSeekMoE moe ? moe.Gate.Shape[0] : 0;
        return new DecodeTraffic(
            all, model.Embedding.Value.Buffer.ByteLength / model.Config.VocabSize, number == 0 ? 0 : (double)experts / number, cacheToken);
    }

    /// <summary>Bytes of a step.</summary>
    /// <param name="batch">Sequences.</param>
    /// <param name="context">Cached tokens of each.</param>
    /// <param name="experts">Different experts that the step's tokens chose, all layers added up.</param>
    public double Step(int batch, double context, double experts) => Fixed + experts * Expert + batch * (EmbeddingRow + context * CacheToken);
}
