namespace Hadal.Models;

/// <summary>
/// What one token costs, counted from a model's description: the multiply-adds of all products that the token takes part in. Norms,
/// activations and the like are not counted, nor is what a graph computes again.
/// </summary>
/// <param name="Main">Multiply-adds of the main model, head included.</param>
/// <param name="Modules">Multiply-adds that the multi-token-prediction modules add, each with the head.</param>
public sealed record ModelFlops(double Main, double Modules)
{
    /// <summary>Floating-point operations of a forward pass, two for each multiply-add; the modules take no part.</summary>
    public double Inference => 2 * Main;

    /// <summary>Floating-point operations of a forward and a backward pass: backward has two products for each one of forward.</summary>
    public double Training => 3 * 2 * (Main + Modules);

    /// <summary>Counts a model on whole sequences of <paramref name="length"/> tokens: a token attends to half of them on average.</summary>
    public static ModelFlops OfSequences(Transformer model, int length) => Of(model, (length + 1) / 2.0);

    /// <summary>Counts a model. Latent attention is counted in its expanded form.</summary>
    /// <param name="model">The model; it need not be loaded.</param>
    /// <param name="meanContext">Mean number of tokens that a token attends to, itself included: (n + 1) / 2 in whole sequences of n.</param>
    public static ModelFlops Of(Transformer model, double meanContext)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfLessThan(meanContext, 0);
        ModelConfig config = model.Config;
        double attention = config switch
        {
            DeepSeekConfig latent => config.NumAttentionHeads * (latent.QkHeadDim + latent.VHeadDim) * meanContext,
            _ => config.NumAttentionHeads * 2 * ((DenseConfig)config).HeadDim * meanContext,
        };
        double head = (double)config.VocabSize * config.HiddenSize;
        int main = model.MainParameterCount, modules = model.Modules.Count;
        return new ModelFlops(
            model.Parameters.Take(main).Sum(p => Products(p, config)) + config.NumHiddenLayers * attention + head,
            model.Parameters.Skip(main).Sum(p => Products(p, config)) + modules * (attention + head));
    }

    // Every element of a weight is multiplied once for a token; of the routed experts those of TopK of them. The head is counted apart,
    // for it may be the embedding, which is looked up.
    private static double Products(Parameter parameter, ModelConfig config) => parameter.Kind switch
    {
        ParameterKind.Projection or ParameterKind.Router => parameter.Count,
        ParameterKind.Experts => (double)parameter.Count / parameter.Shape[0] * ((DeepSeekConfig)config).Routing.TopK,
        _ => 0,
    };
}
