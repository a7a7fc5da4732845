using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>How router logits become scores.</summary>
public enum ScoreFunction
{
    /// <summary>Each expert by itself: DeepSeek-V3.</summary>
    Sigmoid,

    /// <summary>Experts compete: DeepSeek-V2.</summary>
    Softmax,
}

/// <summary>How experts are chosen from their scores.</summary>
public enum ExpertSelection
{
    /// <summary>The best experts of all.</summary>
    Greedy,

    /// <summary>The best groups by their best expert, then the best experts in them: DeepSeek-V2 (2405.04434) section 2.2.2.</summary>
    GroupLimitedGreedy,

    /// <summary>
    /// Scores plus a correction bias decide; groups count by the sum of their two best. The bias takes no part in the weights:
    /// DeepSeek-V3 (2412.19437) section 2.1.2.
    /// </summary>
    NoAuxiliaryLoss,
}

/// <summary>The whole routing rule of a model.</summary>
/// <param name="Score">How logits become scores.</param>
/// <param name="Selection">How experts are chosen.</param>
/// <param name="TopK">Experts per token.</param>
/// <param name="Groups">Number of expert groups.</param>
/// <param name="TopGroups">Groups that a token may use.</param>
/// <param name="Normalise">Whether the weights of a token's experts are divided by their sum.</param>
/// <param name="Scale">Factor on the weights.</param>
public readonly record struct RoutingRule(
    ScoreFunction Score, ExpertSelection Selection, int TopK, int Groups, int TopGroups, bool Normalise, float Scale)
{
    internal bool LimitsGroups => Selection != ExpertSelection.Greedy && Groups > 1;
}

/// <summary>A token's experts and how much each counts.</summary>
/// <param name="Experts">[tokens, TopK], I32, best first.</param>
/// <param name="Weights">[tokens, TopK], F32: unbiased scores, normalised and scaled as the rule says; differentiable.</param>
/// <param name="Scores">[tokens, experts]: the unbiased scores of all experts, for balance losses; differentiable. Null if a router didn't make these routes.</param>
public readonly record struct Routes(Tensor Experts, Tensor Weights, Tensor? Scores = null);

/// <summary>
/// The router of DeepSeekMoE. The choice is not differentiated; the gradient flows through the chosen scores, their normalisation and
/// the scale. Saves the scores.
/// </summary>
public static class ExpertRoutingOperation
{
    // What DeepSeek's code adds to the sum before it divides.
    private const float SumFloor = 1e-20f;

    /// <summary>Chooses experts for every token.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="logits">[tokens, experts].</param>
    /// <param name="bias">The correction bias of each expert, or an empty span.</param>
    /// <param name="rule">The routing rule.</param>
    /// <exception cref="ArgumentException">The rule or the bias does not suit the number of experts.</exception>
    public static Routes RouteToExperts(this Graph g, Tensor logits, ReadOnlySpan<float> bias, RoutingRule rule)
    {
        Check(logits.Shape.Last, bias.Length, rule);
        int tokens = logits.Shape.Rows, experts = logits.Shape.Last;
        Tensor weights = g.Allocate(new Shape(tokens, rule.TopK), g.Records(logits));
        Tensor chosen = g.Allocate(weights.Shape, type: ElementType.I32);
        Tensor scores = g.Allocate(logits.Shape, g.Records(logits));
        if (rule.Score == ScoreFunction.Sigmoid) Sigmoid.Forward(g.Workers, logits.AsMatrix(), scores.AsMatrix());
        else Softmax.Forward(g.Workers, logits.AsMatrix(), scores.AsMatrix());

        Tensor? biases = bias.IsEmpty ? null : g.Borrow(new Shape(experts));
        if (biases is not null) bias.CopyTo(biases.Span);
        RowJobs.Run(g.Workers, tokens, new RouteTokens(scores, biases, rule, chosen, weights));
        biases?.Dispose();
        if (weights.RequiresGradient) g.Record(new Backpropagation(logits, rule, scores, chosen, weights));
        return new Routes(chosen, weights, scores);
    }

    private static void Check(int experts, int biases, RoutingRule rule)
    {
        if (biases != 0 && biases != experts) throw new ArgumentException($"{biases} biases for {experts} experts");
        if (rule.TopK < 1 || rule.TopK > experts) throw new ArgumentException($"a token can't have {rule.TopK} of {experts} experts", nameof(rule));
        if (!rule.LimitsGroups) return;
        int size = experts / rule.Groups;
        if (size * rule.Groups != experts || rule.TopGroups < 1 || rule.TopGroups > rule.Groups || size * rule.TopGroups < rule.TopK ||
            (rule.Selection == ExpertSelection.NoAuxiliaryLoss && size < 2))
        {
            throw new ArgumentException($"can't choose {rule.TopK} of {experts} experts from {rule.TopGroups} of {rule.Groups} groups", nameof(rule));
        }
    }

    private readonly struct RouteTokens(Tensor scores, Tensor? biases, RoutingRule rule, Tensor chosen, Tensor weights) : IRowJob
    {
        public void Execute(int first, int end)
        {
            ReadOnlySpan<float> bias = biases is null ? [] : biases.Span;
            Span<float> selection = stackalloc float[scores.Shape.Last];
            for (int t = first; t < end; t++)
            {
                ReadOnlySpan<float> score = scores.AsMatrix().Row(t);
                Span<int> indices = chosen.Integers().Slice(t * rule.TopK, rule.TopK);
                Choose(score, bias, rule, selection, indices);
                Weigh(score, indices, rule, weights.AsMatrix().Row(t));
            }
        }
    }

    private static void Choose(ReadOnlySpan<float> score, ReadOnlySpan<float> bias, RoutingRule rule, Span<float> selection, Span<int> indices)
    {
        score.CopyTo(selection);
        if (rule.Selection == ExpertSelection.NoAuxiliaryLoss && !bias.IsEmpty)
        {
            for (int e = 0; e < bias.Length; e++) selection[e] += bias[e];
        }

        if (rule.LimitsGroups) MaskGroups(rule, selection);
        TopK.Select(selection, indices);
    }

    // Experts outside the best groups get -inf, not 0: with a negative bias a chosen group can hold scores below 0.
    private static void MaskGroups(RoutingRule rule, Span<float> selection)
    {
        int size = selection.Length / rule.Groups;
        Span<float> groupScores = stackalloc float[rule.Groups];
        for (int group = 0; group < rule.Groups; group++)
        {
            float best = float.NegativeInfinity, second = float.NegativeInfinity;
            foreach (float value in selection.Slice(group * size, size))
            {
                if (value > best) (best, second) = (value, best);
                else if (value > second) second = value;
            }

            groupScores[group] = rule.Selection == ExpertSelection.NoAuxiliaryLoss ? best + second : best;
        }

        Span<int> kept = stackalloc int[rule.TopGroups];
        TopK.Select(groupScores, kept);
        for (int group = 0; group < rule.Groups; group++)
        {
            if (!kept.Contains(group)) selection.Slice(group * size, size).Fill(float.NegativeInfinity);
        }
    }

    private static void Weigh(ReadOnlySpan<float> score, ReadOnlySpan<int> indices, RoutingRule rule, Span<float> weights)
    {
        float sum = 0;
        for (int k = 0; k < indices.Length; k++) sum += weights[k] = score[indices[k]];
        float factor = rule.Normalise ? rule.Scale / (sum + SumFloor) : rule.Scale;
        for (int k = 0; k < indices.Length; k++) weights[k] *= factor;
    }

    private sealed class Backpropagation(Tensor logits, RoutingRule rule, Tensor scores, Tensor chosen, Tensor weights) : Operation
    {
        public override void Backward(Graph g)
        {
            if (g.GradientOf(logits) is not { } dLogits) return;
            if (Graph.GradientReaching(weights) is { } dWeights)
            {
                RowJobs.Run(g.Workers, scores.Shape.Rows, new LogitGradients(scores, chosen, rule, dWeights, dLogits));
            }

            if (Graph.GradientReaching(scores) is not { } dScores) return;
            if (rule.Score == ScoreFunction.Sigmoid) Sigmoid.Backward(g.Workers, scores.AsMatrix(), dScores, dLogits);
            else Softmax.Backward(g.Workers, scores.AsMatrix(), dScores, dLogits);
        }
    }

    private readonly struct LogitGradients(Tensor scores, Tensor chosen, RoutingRule rule, Matrix dWeights, Matrix dLogits) : IRowJob
    {
        public void Execute(int first, int end)
        {
            Span<float> dScore = stackalloc float[rule.TopK];
            for (int t = first; t < end; t++)
            {
                ReadOnlySpan<float> score = scores.AsMatrix().Row(t);
                ReadOnlySpan<int> indices = chosen.Integers().Slice(t * rule.TopK, rule.TopK);
                ScoreGradient(score, indices, dWeights.Row(t), dScore);
                AddLogitGradient(score, indices, dScore, dLogits.Row(t));
            }
        }

        // w_k = scale s_k / S with S = Σ s, or scale s_k: dL/ds_j = scale/S (dw_j - Σ_k dw_k s_k / S), or scale dw_j.
        private void ScoreGradient(ReadOnlySpan<float> score, ReadOnlySpan<int> indices, ReadOnlySpan<float> dWeight, Span<float> dScore)
        {
            float sum = SumFloor, weighted = 0;
            for (int k = 0; k < indices.Length; k++)
            {
                sum += score[indices[k]];
                weighted += dWeight[k] * score[indices[k]];
            }

            for (int k = 0; k < indices.Length; k++)
            {
                dScore[k] = rule.Normalise ? rule.Scale / sum * (dWeight[k] - weighted / sum) : rule.Scale * dWeight[k];
            }
        }

        // Sigmoid: ds/dl = s (1 - s), expert by expert. Softmax: dl_e = s_e (ds_e - Σ_k ds_k s_k), every expert.
        private void AddLogitGradient(ReadOnlySpan<float> score, ReadOnlySpan<int> indices, ReadOnlySpan<float> dScore, Span<float> dLogit)
        {
            float shared = 0;
            for (int k = 0; k < indices.Length; k++)
            {
                float s = score[indices[k]];
                if (rule.Score == ScoreFunction.Sigmoid)
                {
                    dLogit[indices[k]] += dScore[k] * s * (1 - s);
                }
                else
                {
                    dLogit[indices[k]] += dScore[k] * s;
                    shared += dScore[k] * s;
                }
            }

            if (rule.Score == ScoreFunction.Softmax)
            {
                for (int e = 0; e < score.Length; e++) dLogit[e] -= score[e] * shared;
            }
        }
    }
}
