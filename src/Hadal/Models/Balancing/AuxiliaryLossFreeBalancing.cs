namespace Hadal.Models;

/// <summary>
/// Steers the correction biases of routing by the load instead of a loss: "Auxiliary-Loss-Free Load Balancing" (2408.15664) algorithm 1,
/// DeepSeek-V3 (2412.19437) section 2.1.2.
/// </summary>
public static class AuxiliaryLossFreeBalancing
{
    /// <summary>b_i += γ · sign(mean load - load_i), once for each step.</summary>
    /// <param name="bias">One for each expert.</param>
    /// <param name="loads">Tokens that each expert was given during the step.</param>
    /// <param name="speed">γ; 0.001 in the papers.</param>
    /// <exception cref="ArgumentException">There is not one load for each bias.</exception>
    public static void UpdateBias(Span<float> bias, ReadOnlySpan<long> loads, float speed)
    {
        if (bias.Length != loads.Length) throw new ArgumentException($"{loads.Length} loads for {bias.Length} biases", nameof(loads));
        long sum = 0;
        foreach (long load in loads) sum += load;

        // In whole numbers: the sign of sum - N load is that of mean - load, without rounding.
        for (int e = 0; e < bias.Length; e++) bias[e] += speed * Math.Sign(sum - loads.Length * loads[e]);
    }

    /// <summary>Updates every layer that has biases, those of the prediction modules included.</summary>
    /// <param name="load">The load of the step, which stays as it is.</param>
    /// <param name="speed">γ.</param>
    public static void UpdateBiases(ExpertLoad load, float speed)
    {
        ArgumentNullException.ThrowIfNull(load);
        foreach (DeepSeekMoE layer in load.Layers)
        {
            if (layer.RoutingBias is { } bias) UpdateBias(bias.Value.Span, load.Of(layer), speed);
        }
    }
}
