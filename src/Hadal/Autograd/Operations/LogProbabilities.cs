using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>
/// log π(token) of sampled tokens, what reinforcement learning differentiates: cross entropy with its sign turned and a temperature.
/// Saves the logits (scaled, if the temperature isn't 1), the targets and one log-sum-exp per row.
/// </summary>
public static class LogProbabilitiesOperation
{
    /// <summary>log softmax(logits / temperature)[target] for every row, in nats.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="logits">[rows, vocabulary].</param>
    /// <param name="targets">One id a row; a negative one leaves its row out (0, no gradient).</param>
    /// <param name="temperature">What the tokens were sampled at; above 0.</param>
    /// <returns>[rows, 1].</returns>
    /// <exception cref="ArgumentException">There are more or fewer targets than rows.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A target is beyond the vocabulary, or the temperature is not above 0.</exception>
    public static Tensor LogProbabilities(this Graph g, Tensor logits, ReadOnlySpan<int> targets, float temperature = 1)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(logits);
        if (!(temperature > 0 && float.IsFinite(temperature)))
        {
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "expected more than 0");
        }

        Tensor logProbabilities = g.Allocate(new Shape(logits.Shape.Rows, 1), g.Records(logits));
        Tensor logSumExp = g.Allocate(logProbabilities.Shape);
        Tensor scaled = logits;
        if (temperature != 1)
        {
            scaled = g.Allocate(logits.Shape);
            Elementwise.Scale(g.Workers, logits.AsMatrix(), 1 / temperature, scaled.AsMatrix());
        }

        CrossEntropy.Forward(g.Workers, scaled.AsMatrix(), targets, logProbabilities.AsMatrix(), logSumExp.AsMatrix());
        Elementwise.Scale(g.Workers, logProbabilities.AsMatrix(), -1, logProbabilities.AsMatrix());
        if (logProbabilities.RequiresGradient)
        {
            g.Record(new Backpropagation(logits, scaled, g.Keep(targets), logSumExp, logProbabilities, -1 / temperature));
        }

        return logProbabilities;
    }

    private sealed class Backpropagation(Tensor logits, Tensor scaled, Tensor targets, Tensor logSumExp, Tensor logProbabilities, float factor) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(logProbabilities) is not { } dy || g.GradientOf(logits) is not { } dLogits) return;
            using Tensor dLosses = g.Borrow(logProbabilities.Shape);
            Elementwise.Scale(g.Workers, dy, factor, dLosses.AsMatrix());
            CrossEntropy.Backward(g.Workers, scaled.AsMatrix(), targets.Integers(), logSumExp.AsMatrix(), dLosses.AsMatrix(), dLogits);
        }
    }
}
