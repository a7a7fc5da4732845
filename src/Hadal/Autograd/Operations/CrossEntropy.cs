using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>The negative log-likelihood of each row's target. Saves the logits, the targets and one log-sum-exp per row.</summary>
public static class CrossEntropyOperation
{
    /// <summary>-log softmax(logits)[target] for every row, in nats.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="logits">[rows, vocabulary].</param>
    /// <param name="targets">One id a row; a negative one leaves its row out (loss 0, no gradient).</param>
    /// <returns>[rows, 1].</returns>
    public static Tensor CrossEntropy(this Graph g, Tensor logits, ReadOnlySpan<int> targets)
    {
        Tensor losses = g.Allocate(new Shape(logits.Shape.Rows, 1), g.Records(logits));
        Tensor logSumExp = g.Allocate(losses.Shape);
        Numerics.CrossEntropy.Forward(g.Workers, logits.AsMatrix(), targets, losses.AsMatrix(), logSumExp.AsMatrix());
        if (losses.RequiresGradient) g.Record(new Backpropagation(logits, g.Keep(targets), logSumExp, losses));
        return losses;
    }

    private sealed class Backpropagation(Tensor logits, Tensor targets, Tensor logSumExp, Tensor losses) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(losses) is not { } dLosses || g.GradientOf(logits) is not { } dLogits) return;
            Numerics.CrossEntropy.Backward(
                g.Workers, logits.AsMatrix(), targets.Integers(), logSumExp.AsMatrix(), dLosses, dLogits);
        }
    }
}
