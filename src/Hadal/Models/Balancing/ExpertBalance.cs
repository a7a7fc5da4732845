using Hadal.Autograd;

namespace Hadal.Models;

/// <summary>
/// What a forward pass notes about the use of its experts: the load, and the balance losses of all layers, each divided so that those of a
/// step's micro-batches add up to the mean over its tokens. Made anew for every micro-batch.
/// </summary>
public sealed class ExpertBalance
{
    private readonly BalanceWeights _weights;
    private readonly long _tokens;
    private readonly ExpertLoad? _load;

    /// <summary>Prepares a forward pass.</summary>
    /// <param name="weights">How much each balance loss counts.</param>
    /// <param name="tokens">Tokens of the step, all its micro-batches together.</param>
    /// <param name="load">Counts the tokens of every expert.</param>
    public ExpertBalance(BalanceWeights weights, long tokens, ExpertLoad? load = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 1);
        (_weights, _tokens, _load) = (weights, tokens, load);
    }

    /// <summary>The sum of the balance losses so far, [1]; null if none counts or nothing is recorded.</summary>
    public Tensor? Loss { get; private set; }

    /// <summary>The value of the sum.</summary>
    public double Value { get; private set; }

    internal void Observe(Graph g, DeepSeekMoE layer, Routes routes, ReadOnlySpan<SequenceRows> sequences)
    {
        _load?.Add(layer, routes.Experts.Integers());
        if (_weights == default) return;
        Tensor loss = g.BalanceLoss(routes, layer.Rule, sequences, _weights, (float)((double)routes.Experts.Shape.Rows / _tokens));
        Value += loss.Item;
        if (loss.RequiresGradient) Loss = Loss is null ? loss : g.AddScaled(Loss, loss, 1);
    }
}
