using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

[Trait("Category", "Kernels")]
public sealed class TopKTests
{
    [Fact]
    public void Selection_equals_a_stable_sort_at_every_length_and_k()
    {
        foreach (int n in Sample.Lengths.Where(n => n < 300))
        {
            // Few distinct values (many ties), -inf, NaN, both zeros; then values all different, ascending and descending.
            Random random = new(n);
            float[] values = [1, 2, 0, -0f, float.NegativeInfinity, float.NaN, 3];
            float[] few = [.. Enumerable.Range(0, n).Select(_ => values[random.Next(values.Length)])];
            float[] many = [.. Enumerable.Range(0, n).Select(_ => (float)random.NextDouble())];
            float[] rising = [.. Enumerable.Range(0, n).Select(i => (float)i)];
            float[] falling = [.. Enumerable.Range(0, n).Select(i => -(float)i)];
            foreach (float[] scores in (float[][])[few, many, rising, falling])
            {
                // Adding 0 makes one value of both zeros.
                int[] sorted =
                [
                    .. Enumerable.Range(0, n).OrderBy(i => float.IsNaN(scores[i])).ThenByDescending(i => scores[i] + 0f).ThenBy(i => i),
                ];
                foreach (int k in ((int[])[0, 1, 2, 8, n / 2, n - 1, n]).Where(k => k >= 0 && k <= n).Distinct())
                {
                    int[] selected = new int[k];
                    TopK.Select(scores, selected);
                    Assert.Equal(sorted[..k], selected);
                }
            }
        }
    }

    [Fact]
    public void A_vocabulary_of_scores_is_sorted()
    {
        Random random = new(1);
        float[] scores = [.. Enumerable.Range(0, 20_011).Select(_ => (float)random.NextDouble())];
        int[] sorted = [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).ThenBy(i => i)];
        foreach (int k in (int[])[50, scores.Length])
        {
            int[] selected = new int[k];
            TopK.Select(scores, selected);
            Assert.Equal(sorted[..k], selected);
        }
    }

    [Fact]
    public void More_than_there_are_is_refused() => Assert.Throws<ArgumentException>(() => TopK.Select([1, 2], new int[3]));
}
