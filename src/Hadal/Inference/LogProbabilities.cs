using Hadal.Numerics;

namespace Hadal.Inference;

/// <summary>How probable the model found a token, and the tokens it found most probable.</summary>
/// <param name="Token">The token.</param>
/// <param name="Best">The most probable tokens, best first, as many as were asked for.</param>
public readonly record struct ScoredToken(TokenScore Token, IReadOnlyList<TokenScore> Best);

/// <summary>Log-probabilities under the model's own distribution: log-softmax of the logits, before temperature, penalties and filters.</summary>
public static class LogProbabilities
{
    /// <summary>Scores a token.</summary>
    /// <param name="logits">One score for each token of the vocabulary.</param>
    /// <param name="token">The token.</param>
    /// <param name="top">How many of the most probable tokens to tell.</param>
    /// <exception cref="ArgumentOutOfRangeException">The token is not in the vocabulary, or the number is negative.</exception>
    public static ScoredToken Of(ReadOnlySpan<float> logits, int token, int top)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfNegative(token);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, logits.Length);
        double logSum = RowExponentials.LogSum(logits);
        int[] best = new int[Math.Min(top, logits.Length)];
        TopK.Select(logits, best);
        TokenScore[] scores = new TokenScore[best.Length];
        for (int i = 0; i < best.Length; i++) scores[i] = new TokenScore(best[i], (float)(logits[best[i]] - logSum));
        return new ScoredToken(new TokenScore(token, (float)(logits[token] - logSum)), scores);
    }
}
