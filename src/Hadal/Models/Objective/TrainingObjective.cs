using Hadal.Autograd;

namespace Hadal.Models;

/// <summary>
/// What pretraining minimises: L_main + λ · mean over depths of L_MTP^k (DeepSeek-V3, 2412.19437, eqs. 24-25) + balance losses + z-loss.
/// Each cross entropy is a mean over the targets that it has. The paper divides L_MTP^k by all T tokens, of which it scores T - k.
/// </summary>
public static class TrainingObjective
{
    /// <summary>Passes a micro-batch through the model and scores it.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="model">The model.</param>
    /// <param name="batch">The micro-batch. At depth k row i predicts the target of row i + k; sequences of k tokens or fewer have none.</param>
    /// <param name="totals">Of all micro-batches of the step.</param>
    /// <param name="options">How much each part counts.</param>
    /// <param name="load">Counts the tokens of every expert, the modules' included.</param>
    /// <exception cref="ArgumentException">The totals are of another number of modules, or the step has no target.</exception>
    public static TrainingLoss Build(
        Graph g, Transformer model, TrainingBatch batch, TargetTotals totals, ObjectiveOptions options, ExpertLoad? load = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(totals);
        ArgumentNullException.ThrowIfNull(options);
        if (totals.Modules.Count != model.Modules.Count || totals.Tokens < batch.Tokens.Count || !(totals.Main > 0))
        {
            throw new ArgumentException(
                $"totals of {totals.Tokens} tokens, {totals.Modules.Count} modules and a weight of {totals.Main} are no step of " +
                $"{model.Modules.Count} modules with this batch of {batch.Tokens.Count} tokens and a target", nameof(totals));
        }

        ExpertBalance balance = new(options.Balance, totals.Tokens, load);
        Tensor hidden = model.Forward(g, batch.Tokens, balance: balance);                               // [tokens, hidden]
        Scored main = Score(g, model, batch, hidden, rows: null, depth: 0, options.MainWeight / totals.Main, options.ZLossWeight);
        Tensor loss = main.Loss;
        LossSum modules = default;
        if (model.Modules.Count > 0 && options.MtpWeight != 0)
        {
            foreach (ModulePrediction deeper in model.PredictFurther(g, hidden, batch.Tokens, balance: balance))
            {
                double total = totals.Modules[deeper.Depth - 1];
                if (total == 0) continue;
                double scale = options.MtpWeight / model.Modules.Count / total;
                Scored scored = Score(g, model, batch, deeper.Hidden, deeper.Rows, deeper.Depth, scale, options.ZLossWeight); // [rows, hidden]
                loss = g.AddScaled(loss, scored.Loss, 1);
                modules = new LossSum(modules.Sum + scored.CrossEntropy.Sum, modules.Weight + scored.CrossEntropy.Weight);
            }
        }

        if (balance.Loss is { } unevenness) loss = g.AddScaled(loss, unevenness, 1);
        return new TrainingLoss(loss, main.CrossEntropy, modules, balance.Value, main.ZLoss, hidden);
    }

    // Row i of `hidden` belongs to token rows[i] and predicts the target `depth` rows further. Rows without a target don't reach the head.
    private static Scored Score(
        Graph g, Transformer model, TrainingBatch batch, Tensor hidden, int[]? rows, int depth, double scale, float zLossWeight)
    {
        List<int> counted = [], targets = [];
        List<float> weights = [];
        for (int i = 0; i < hidden.Shape.Rows; i++)
        {
            int target = (rows is null ? i : rows[i]) + depth;
            float weight = batch.WeightOf(target);
            if (weight == 0) continue;
            counted.Add(i);
            targets.Add(batch.Targets[target]);
            weights.Add(weight);
        }

        if (counted.Count < hidden.Shape.Rows) hidden = g.Rows(hidden, [.. counted]);                   // [counted, hidden]
        float[] scaled = [.. weights.Select(weight => (float)(weight * scale))];
        HeadLoss head = g.HeadCrossEntropy(hidden, model.Head.Value, [.. targets], scaled, zLossWeight);
        double crossEntropies = 0, squares = 0, weightSum = 0;
        for (int i = 0; i < counted.Count; i++)
        {
            weightSum += weights[i];
            crossEntropies += (double)weights[i] * head.CrossEntropies.Span[i];
            squares += (double)weights[i] * head.LogSumExps.Span[i] * head.LogSumExps.Span[i];
        }

        return new Scored(head.Loss, new LossSum(crossEntropies, weightSum), new LossSum(squares, weightSum));
    }

    private readonly record struct Scored(Tensor Loss, LossSum CrossEntropy, LossSum ZLoss);
}
