using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Inference;

/// <summary>How well a model predicts a text.</summary>
/// <param name="Tokens">Tokens that were predicted: all but the first.</param>
/// <param name="Nats">The sum of their negative log-likelihoods.</param>
public readonly record struct PerplexityResult(long Tokens, double Nats)
{
    /// <summary>exp of the mean negative log-likelihood of a token.</summary>
    public double Perplexity => Math.Exp(Nats / Tokens);
}

/// <summary>
/// Perplexity over windows that overlap by half: every token but the first is predicted exactly once, and, from the second window on,
/// from at least half a window of context.
/// </summary>
public static class PerplexityMeasure
{
    // Rows whose logits are in memory at a time.
    private const int RowsAtOnce = 256;

    /// <summary>Measures a model on a text.</summary>
    /// <param name="model">The model.</param>
    /// <param name="workers">Threads to use.</param>
    /// <param name="ids">The text's tokens, two or more.</param>
    /// <param name="window">Tokens of a window, two or more and at most the model's context.</param>
    /// <param name="progress">Told after each window how many tokens of how many have been predicted.</param>
    /// <param name="precision">What products do to their factors.</param>
    /// <param name="cancellation">Checked before every window.</param>
    /// <exception cref="ArgumentException">There are too few tokens, or the window does not fit the model.</exception>
    public static PerplexityResult Run(
        Transformer model, WorkerPool workers, IReadOnlyList<int> ids, int window, Action<long, long>? progress = null,
        ProductPrecision precision = ProductPrecision.F32, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(ids);
        if (ids.Count < 2) throw new ArgumentException($"perplexity needs two tokens or more, found {ids.Count}", nameof(ids));
        if (window < 2 || window > model.Config.MaxPositionEmbeddings)
        {
            throw new ArgumentException($"a window has {window} tokens, expected 2 to {model.Config.MaxPositionEmbeddings}", nameof(window));
        }

        using Graph g = new(workers, recording: false) { Precision = precision };
        double nats = 0;
        int predicted = 1; // the first token has nothing before it
        for (int start = 0; predicted < ids.Count; start += Math.Max(1, window / 2))
        {
            cancellation.ThrowIfCancellationRequested();
            int end = Math.Min(ids.Count, start + window);
            int[] tokens = [.. Enumerable.Range(start, end - start).Select(i => ids[i])];
            nats += Score(g, model, tokens, first: predicted - start);
            predicted = end;
            progress?.Invoke(predicted, ids.Count);
        }

        return new PerplexityResult(ids.Count - 1, nats);
    }

    // The negative log-likelihood of tokens[first..], each given all before it.
    private static double Score(Graph g, Transformer model, int[] tokens, int first)
    {
        double nats = 0;
        Tensor hidden = model.Forward(g, TokenBatch.Of(tokens)); // [tokens, hidden]
        for (int row = first - 1; row < tokens.Length - 1; row += RowsAtOnce)
        {
            GraphScope scope = g.Scope();
            int count = Math.Min(RowsAtOnce, tokens.Length - 1 - row);
            Tensor logits = model.Logits(g, g.Rows(hidden, [.. Enumerable.Range(row, count)])); // [count, vocabulary]
            Tensor losses = scope.Close(g.CrossEntropy(logits, tokens.AsSpan(row + 1, count))); // [count, 1]
            foreach (float loss in losses.Span) nats += loss;
        }

        g.Reset();
        return nats;
    }
}
