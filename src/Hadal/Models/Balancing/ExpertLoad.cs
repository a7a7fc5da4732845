namespace Hadal.Models;

/// <summary>
/// How many tokens each expert of each layer was given since the last <see cref="Clear"/>. Handed to forward passes as an argument; not
/// safe for use by several of them at once. No token is ever dropped: a layer's loads add up to tokens · TopK.
/// </summary>
public sealed class ExpertLoad
{
    private readonly Dictionary<DeepSeekMoE, long[]> _counts;

    /// <summary>Makes room for all layers with experts, those of the prediction modules last.</summary>
    public ExpertLoad(Transformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Layers = model.ExpertLayers;
        _counts = Layers.ToDictionary(layer => layer, layer => new long[layer.Router.Shape[0]]);
    }

    /// <summary>The layers in the order of the forward pass.</summary>
    public IReadOnlyList<DeepSeekMoE> Layers { get; }

    /// <summary>Tokens of each expert of a layer.</summary>
    /// <exception cref="KeyNotFoundException">The layer is not of this model.</exception>
    public ReadOnlySpan<long> Of(DeepSeekMoE layer) => _counts[layer];

    /// <summary>Counts routes in.</summary>
    /// <param name="layer">A layer of the model.</param>
    /// <param name="experts">Each token's experts.</param>
    public void Add(DeepSeekMoE layer, ReadOnlySpan<int> experts)
    {
        long[] counts = _counts[layer];
        foreach (int expert in experts) counts[expert]++;
    }

    /// <summary>Adds counts that another worker collected, in the order of <see cref="Of"/>.</summary>
    /// <exception cref="ArgumentException">There is not one count for each expert.</exception>
    public void Add(DeepSeekMoE layer, ReadOnlySpan<long> counts)
    {
        long[] own = _counts[layer];
        if (counts.Length != own.Length) throw new ArgumentException($"{counts.Length} counts for {own.Length} experts", nameof(counts));
        for (int e = 0; e < own.Length; e++) own[e] += counts[e];
    }

    /// <summary>Starts from zero.</summary>
    public void Clear()
    {
        foreach (long[] counts in _counts.Values) Array.Clear(counts);
    }

    /// <summary>MaxVio = (max load - mean) / mean: how much longer the fullest expert takes (2408.15664, section 4.1); 0 without any load.</summary>
    public static double MaxViolation(ReadOnlySpan<long> loads)
    {
        long max = 0, sum = 0;
        foreach (long load in loads) (max, sum) = (Math.Max(max, load), sum + load);
        return sum == 0 ? 0 : (double)max * loads.Length / sum - 1;
    }
}
