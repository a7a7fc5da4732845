namespace Hadal.Models;

/// <summary>How large a model is, counted from its description: no weight needs to be in memory.</summary>
/// <param name="Main">Parameters of the main model, tied weights once.</param>
/// <param name="Modules">Parameters that multi-token-prediction modules add; embedding and head are shared.</param>
/// <param name="ActivePerToken">
/// Parameters of the main model that take part in computing one token: all but the experts it isn't routed to, and of the embedding,
/// which is looked up, its one row.
/// </param>
/// <param name="CacheElementsPerToken">Numbers that a token leaves in the cache, all layers together.</param>
/// <param name="PlainCacheElementsPerToken">What plain multi-head attention with the same heads would leave.</param>
public sealed record ModelSize(long Main, long Modules, long ActivePerToken, long CacheElementsPerToken, long PlainCacheElementsPerToken)
{
    /// <summary>Counts a model.</summary>
    public static ModelSize Of(Transformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        ModelConfig config = model.Config;
        Parameter[] main = [.. model.Parameters.Take(model.MainParameterCount)];
        long active = 0;
        foreach (Parameter parameter in main)
        {
            active += parameter.Kind switch
            {
                ParameterKind.Embedding when !config.TieWordEmbeddings => config.HiddenSize,
                ParameterKind.Experts => parameter.Count / parameter.Shape[0] * ((DeepSeekConfig)config).Routing.TopK,
                _ => parameter.Count,
            };
        }

        return new ModelSize(
            main.Sum(p => p.Count), model.Parameters.Skip(main.Length).Sum(p => p.Count), active,
            (long)config.CacheElementsPerLayer * config.NumHiddenLayers, (long)config.PlainCacheElementsPerLayer * config.NumHiddenLayers);
    }
}
