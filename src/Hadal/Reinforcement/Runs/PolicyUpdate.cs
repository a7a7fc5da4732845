using Hadal.Reinforcement.Losses;

namespace Hadal.Reinforcement;

/// <summary>What the updates of a step came to, put together from their micro-batches.</summary>
internal sealed class PolicyUpdate
{
    private double _value, _valueLoss, _low, _high, _divergence, _entropy;
    private long _tokens;

    public double GradientNorm { get; set; }

    /// <summary>Mean divergence from the reference where the losses have no term for it; null to take theirs.</summary>
    public double? Divergence { get; init; }

    /// <summary>The sum of the losses of all updates, and the means over all tokens of the rest.</summary>
    public PolicyLoss Loss => new(_value, ReadOnlyMemory<float>.Empty, Mean(_low), Mean(_high), Divergence ?? Mean(_divergence));

    /// <summary>The sum of the value losses of all updates, before their weight.</summary>
    public double ValueLoss => _valueLoss;

    public double Entropy => _tokens == 0 ? double.NaN : _entropy / _tokens;

    public void Add(PolicyLoss part, int tokens, ReadOnlySpan<float> entropies)
    {
        _value += part.Value;
        _low += part.ClippedLow * tokens;
        _high += part.ClippedHigh * tokens;
        _divergence += part.Divergence * tokens;
        foreach (float entropy in entropies) _entropy += entropy;
        _tokens += tokens;
    }

    public void AddValueLoss(double part) => _valueLoss += part;

    private double Mean(double sum) => _tokens == 0 ? 0 : sum / _tokens;
}
