using Hadal.Autograd;

namespace Hadal.Reinforcement.Losses;

/// <summary>A loss and its gradient with respect to the one array that it depends on. <see cref="OnGraph"/> ties it to the model.</summary>
/// <param name="Value">The loss.</param>
/// <param name="Gradient">One element for each of the array.</param>
public record LossAndGradient(double Value, ReadOnlyMemory<float> Gradient)
{
    /// <summary>The loss as the end of a graph: backward passes the gradient on to <paramref name="x"/>.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">The tensor whose elements the loss was computed of.</param>
    /// <returns>[1].</returns>
    /// <exception cref="ArgumentException">The tensor has more or fewer elements.</exception>
    public Tensor OnGraph(Graph g, Tensor x) => g.LossOf(x, Value, Gradient.Span);

    /// <summary>The loss and its gradient times a factor; what else there is to watch stays.</summary>
    internal LossAndGradient Times(double factor)
    {
        float[] gradient = Gradient.ToArray();
        for (int i = 0; i < gradient.Length; i++) gradient[i] = (float)(gradient[i] * factor);
        return this with { Value = Value * factor, Gradient = gradient };
    }
}

/// <summary>A loss of a policy with what there is to watch; the gradient is with respect to the log-probabilities of the tokens.</summary>
/// <param name="Value">The loss.</param>
/// <param name="Gradient">[tokens].</param>
/// <param name="ClippedLow">Share of tokens that were held at the lower clip: advantage below zero, ratio below the range.</param>
/// <param name="ClippedHigh">Share of tokens that were held at the upper clip: advantage above zero, ratio above the range.</param>
/// <param name="Divergence">Mean over tokens of the estimated KL divergence from the reference; 0 without one.</param>
public sealed record PolicyLoss(double Value, ReadOnlyMemory<float> Gradient, double ClippedLow, double ClippedHigh, double Divergence)
    : LossAndGradient(Value, Gradient)
{
    /// <inheritdoc cref="LossAndGradient.Times"/>
    internal new PolicyLoss Times(double factor) => (PolicyLoss)base.Times(factor);
}
