using Hadal.Autograd;

namespace Hadal.Models;

/// <summary>The tokens of a micro-batch and what the model is to predict after each of them.</summary>
public sealed class TrainingBatch
{
    /// <summary>Puts tokens and targets together.</summary>
    /// <param name="tokens">Sequences from position 0 on, nothing cached.</param>
    /// <param name="targets">
    /// For each token the one that follows it in its document, even if that lies beyond the batch; a negative id if there is none or it
    /// is not to be learnt.
    /// </param>
    /// <param name="weights">How much each target counts; null if all count the same, 1.</param>
    /// <exception cref="ArgumentException">There is not one target and one weight for each token, or the sequences are cached.</exception>
    public TrainingBatch(TokenBatch tokens, int[] targets, float[]? weights = null)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(targets);
        if (targets.Length != tokens.Count || (weights is not null && weights.Length != tokens.Count))
        {
            throw new ArgumentException($"{targets.Length} targets and {weights?.Length ?? targets.Length} weights for {tokens.Count} tokens", nameof(targets));
        }

        if (tokens.Caches.Count > 0) throw new ArgumentException("sequences with caches can't be trained on", nameof(tokens));
        (Tokens, Targets, Weights) = (tokens, targets, weights);
    }

    /// <summary>The tokens.</summary>
    public TokenBatch Tokens { get; }

    /// <summary>The token after each.</summary>
    public IReadOnlyList<int> Targets { get; }

    /// <summary>How much each target counts; null if all count the same, 1.</summary>
    public IReadOnlyList<float>? Weights { get; }

    /// <summary>Every token of a sequence but the first is the target of the one before it.</summary>
    public static TrainingBatch Within(TokenBatch tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        int[] targets = new int[tokens.Count];
        foreach (SequenceRows rows in tokens.Sequences)
        {
            for (int i = rows.Start; i < rows.Start + rows.Count - 1; i++) targets[i] = tokens.Ids[i + 1];
            targets[rows.Start + rows.Count - 1] = -1;
        }

        return new TrainingBatch(tokens, targets);
    }

    /// <summary>The weight of a row's target; 0 if it has none.</summary>
    internal float WeightOf(int row) => Targets[row] < 0 ? 0 : Weights?[row] ?? 1;
}

/// <summary>
/// What the losses of a step are divided by: sums over all its micro-batches, so that their gradients add up to that of the mean over the
/// step's targets, however these are distributed.
/// </summary>
/// <param name="Tokens">Number of tokens.</param>
/// <param name="Main">Sum of the targets' weights.</param>
/// <param name="Modules">The same of the targets that each prediction module has, nearest first.</param>
public sealed record TargetTotals(long Tokens, double Main, IReadOnlyList<double> Modules)
{
    /// <summary>Counts a micro-batch.</summary>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="modules">Number of multi-token-prediction modules of the model.</param>
    public static TargetTotals Of(TrainingBatch batch, int modules)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(modules);
        double[] totals = new double[modules + 1];
        foreach (SequenceRows rows in batch.Tokens.Sequences)
        {
            // Depth k reaches the targets of all rows but the first k.
            for (int i = 0; i < rows.Count; i++)
            {
                for (int k = 0; k <= Math.Min(i, modules); k++) totals[k] += batch.WeightOf(rows.Start + i);
            }
        }

        return new TargetTotals(batch.Tokens.Count, totals[0], totals[1..]);
    }

    /// <summary>Both together.</summary>
    /// <exception cref="ArgumentException">They are of different numbers of modules.</exception>
    public TargetTotals Add(TargetTotals other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (Modules.Count != other.Modules.Count)
        {
            throw new ArgumentException($"totals of {other.Modules.Count} prediction modules can't be added to those of {Modules.Count}", nameof(other));
        }

        return new TargetTotals(Tokens + other.Tokens, Main + other.Main, [.. Modules.Zip(other.Modules, (a, b) => a + b)]);
    }
}
