using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>What the head says about its targets.</summary>
/// <param name="Loss">[1]: Σ weight (crossEntropy + zLossWeight · logSumExp²) over the rows with a target.</param>
/// <param name="CrossEntropies">[rows, 1]: each row's cross entropy in nats, 0 without a target. Not differentiable.</param>
/// <param name="LogSumExps">[rows, 1]: the logarithm of each row's softmax denominator, 0 without a target. Not differentiable.</param>
public readonly record struct HeadLoss(Tensor Loss, Tensor CrossEntropies, Tensor LogSumExps);

/// <summary>
/// Output head and weighted cross entropy in one, for training: [rows, vocabulary] logits never exist at once. Stretches of rows are
/// scored, and while they are at hand their gradients are taken, so that the head's product isn't computed twice; backward only scales
/// them. Saves the gradients with respect to the hidden rows and the head. A z-loss (Chowdhery et al. 2022, PaLM, section 5) may be added.
/// </summary>
/// <remarks>
/// Forward pays for backward: use it at the end of a graph whose <see cref="Graph.Backward"/> follows, and
/// <see cref="CrossEntropyOperation"/> where each row's loss goes on into other operations.
/// </remarks>
public static class HeadCrossEntropyOperation
{
    // Enough rows for the products to run at full speed with the largest vocabularies (64 of 129,280), and little beside a model's memory.
    private const long LogitBytes = 32 << 20;

    /// <summary>Σ_i weight_i (-log softmax(hidden_i · headᵀ)[target_i] + zLossWeight · logSumExp_i²).</summary>
    /// <param name="g">The graph.</param>
    /// <param name="hidden">[rows, hidden], normed.</param>
    /// <param name="head">[vocabulary, hidden], F32 or BF16.</param>
    /// <param name="targets">One id a row; a negative one leaves its row out.</param>
    /// <param name="weights">One factor a row.</param>
    /// <param name="zLossWeight">Factor of the squared logarithm of the softmax denominator.</param>
    /// <exception cref="ArgumentException">There is not one target and one weight for each row, or the head does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A target is not in the vocabulary.</exception>
    public static HeadLoss HeadCrossEntropy(
        this Graph g, Tensor hidden, Tensor head, ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, float zLossWeight = 0)
    {
        int rows = hidden.Shape.Rows, vocabulary = head.Shape.Rows;
        if (head.Shape.Last != hidden.Shape.Last || targets.Length != rows || weights.Length != rows)
        {
            throw new ArgumentException($"a head {head.Shape}, {targets.Length} targets and {weights.Length} weights for hidden rows {hidden.Shape}");
        }

        Tensor loss = g.Allocate(new Shape(1), g.Records(hidden, head));
        Tensor losses = g.Allocate(new Shape(rows, 1)), logSumExp = g.Allocate(losses.Shape); // [rows, 1]
        bool records = loss.RequiresGradient;
        Tensor? dHidden = records && hidden.RequiresGradient ? g.Allocate(hidden.Shape) : null; // [rows, hidden]
        Tensor? dHead = records && head.RequiresGradient ? g.Allocate(head.Shape) : null;       // [vocabulary, hidden]
        if (rows == 0 && dHead is not null) Elementwise.Fill(dHead.AsMatrix(), 0);

        int stretch = (int)Math.Clamp(LogitBytes / sizeof(float) / vocabulary, 1, Math.Max(rows, 1));
        using Tensor logits = g.Borrow(new Shape(stretch, vocabulary)), gradients = g.Borrow(new Shape(2, stretch));
        double sum = 0;
        for (int start = 0; start < rows; start += stretch)
        {
            int count = Math.Min(stretch, rows - start);
            Matrix x = hidden.AsMatrix().RowRange(start, count), scores = logits.AsMatrix().RowRange(0, count); // [count, vocabulary]
            Matrix rowLosses = losses.AsMatrix().RowRange(start, count), rowLogSumExp = logSumExp.AsMatrix().RowRange(start, count);
            ReadOnlySpan<int> ids = targets.Slice(start, count);
            MatMul.Nt(g.Workers, x, head.AsMatrix(), scores, accumulate: false, g.Precision.WithoutF8());
            Numerics.CrossEntropy.Forward(g.Workers, scores, ids, rowLosses, rowLogSumExp);
            for (int i = start; i < start + count; i++)
            {
                if (targets[i] >= 0) sum += weights[i] * (losses.Span[i] + (double)zLossWeight * logSumExp.Span[i] * logSumExp.Span[i]);
            }

            if (!records) continue;
            Matrix dLosses = gradients.AsMatrix(2 * stretch, 1).RowRange(0, count), dLogSumExp = gradients.AsMatrix(2 * stretch, 1).RowRange(stretch, count);
            for (int i = 0; i < count; i++)
            {
                dLosses.Row(i)[0] = weights[start + i];
                dLogSumExp.Row(i)[0] = 2 * zLossWeight * weights[start + i] * logSumExp.Span[start + i];
            }

            Numerics.CrossEntropy.ReplaceByGradient(g.Workers, scores, ids, rowLogSumExp, dLosses, zLossWeight == 0 ? null : dLogSumExp);
            if (dHidden is not null) MatMul.Nn(g.Workers, scores, head.AsMatrix(), dHidden.AsMatrix().RowRange(start, count), accumulate: false, g.Precision.WithoutF8());
            if (dHead is not null) MatMul.Tn(g.Workers, scores, x, dHead.AsMatrix(), accumulate: start > 0, g.Precision.WithoutF8());
        }

        loss.Span[0] = (float)sum;
        if (records) g.Record(new Backpropagation(hidden, head, dHidden, dHead, loss));
        return new HeadLoss(loss, losses, logSumExp);
    }

    private sealed class Backpropagation(Tensor hidden, Tensor head, Tensor? dHidden, Tensor? dHead, Tensor loss) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(loss) is not { } dLoss) return;
            float scale = dLoss.Row(0)[0];
            if (dHidden is not null) g.TargetOf(hidden)!.Value.Add(g.Workers, dHidden.AsMatrix(), scale);
            if (dHead is not null) g.TargetOf(head)!.Value.Add(g.Workers, dHead.AsMatrix(), scale);
        }
    }
}
