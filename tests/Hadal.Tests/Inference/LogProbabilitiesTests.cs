using Hadal.Inference;

namespace Hadal.Tests.Inference;

public sealed class LogProbabilitiesTests
{
    [Theory]
    [InlineData(5)]
    [InlineData(2_051)]
    public void They_are_the_log_softmax_of_the_logits_and_the_best_come_first(int vocabulary)
    {
        Random random = new(vocabulary);
        float[] logits = [.. Enumerable.Range(0, vocabulary).Select(_ => 40 * random.NextSingle() - 200)];
        double max = logits.Max(), logSum = max + Math.Log(logits.Sum(l => Math.Exp(l - max)));
        ScoredToken scored = LogProbabilities.Of(logits, 3, 4);
        Assert.Equal(3, scored.Token.Token);
        Assert.Equal(logits[3] - logSum, scored.Token.LogProb, 1e-4);
        int[] order = [.. Enumerable.Range(0, vocabulary).OrderByDescending(i => logits[i]).Take(4)];
        Assert.Equal(order, scored.Best.Select(b => b.Token));
        Assert.All(scored.Best, b => Assert.Equal(logits[b.Token] - logSum, b.LogProb, 1e-4));
    }

    [Fact]
    public void Asking_for_more_than_the_vocabulary_gives_all_of_it()
    {
        Assert.Equal([1, 2, 0], LogProbabilities.Of([1, 3, 2], 0, 20).Best.Select(b => b.Token));
        Assert.Empty(LogProbabilities.Of([1, 3, 2], 0, 0).Best);
        Assert.Throws<ArgumentOutOfRangeException>(() => LogProbabilities.Of([1, 3, 2], 3, 0));
    }

    [Fact]
    public void A_token_that_cannot_come_has_minus_infinity() =>
        Assert.Equal(float.NegativeInfinity, LogProbabilities.Of([1, float.NegativeInfinity], 1, 1).Token.LogProb);
}
