namespace Hadal.Reinforcement.Losses;

/// <summary>From log-probabilities of tokens to those of responses, and gradients the other way.</summary>
public static class SequenceScores
{
    /// <summary>log π(response): the sum over its tokens.</summary>
    /// <param name="logProbabilities">[tokens], responses one after the other.</param>
    /// <param name="lengths">[sequences].</param>
    /// <exception cref="ArgumentException">Lengths don't agree.</exception>
    public static float[] Sums(ReadOnlySpan<float> logProbabilities, ReadOnlySpan<int> lengths)
    {
        int[] starts = PolicyBatch.StartsOf(lengths);
        PolicyBatch.Require(logProbabilities.Length, starts[^1], nameof(logProbabilities));
        float[] sums = new float[lengths.Length];
        for (int i = 0; i < sums.Length; i++)
        {
            double sum = 0;
            for (int t = starts[i]; t < starts[i + 1]; t++) sum += logProbabilities[t];
            sums[i] = (float)sum;
        }

        return sums;
    }

    /// <summary>The mean over a response's tokens, which length doesn't favour.</summary>
    /// <param name="logProbabilities">[tokens], responses one after the other.</param>
    /// <param name="lengths">[sequences].</param>
    /// <exception cref="ArgumentException">Lengths don't agree.</exception>
    public static float[] Means(ReadOnlySpan<float> logProbabilities, ReadOnlySpan<int> lengths)
    {
        float[] means = Sums(logProbabilities, lengths);
        for (int i = 0; i < means.Length; i++) means[i] /= lengths[i];
        return means;
    }

    /// <summary>
    /// Gradients of tokens from gradients of margins: the chosen responses, then the rejected ones, each token with that of its pair.
    /// </summary>
    /// <param name="marginGradients">[pairs].</param>
    /// <param name="lengths">[2 pairs]: of the chosen responses, then of the rejected ones.</param>
    /// <param name="means">Whether the margins were made of means instead of sums.</param>
    /// <returns>[tokens].</returns>
    /// <exception cref="ArgumentException">Lengths don't agree.</exception>
    public static float[] TokenGradients(ReadOnlySpan<float> marginGradients, ReadOnlySpan<int> lengths, bool means = false)
    {
        int pairs = marginGradients.Length;
        int[] starts = PolicyBatch.StartsOf(lengths);
        PolicyBatch.Require(lengths.Length, 2 * pairs, nameof(lengths));
        float[] gradients = new float[starts[^1]];
        for (int i = 0; i < lengths.Length; i++)
        {
            float gradient = i < pairs ? marginGradients[i] : -marginGradients[i - pairs];
            gradients.AsSpan(starts[i], lengths[i]).Fill(means ? gradient / lengths[i] : gradient);
        }

        return gradients;
    }
}
