using Hadal.Autograd;
using Hadal.Numerics;
using static Hadal.Tests.Autograd.FiniteDifferences;

namespace Hadal.Tests.Reinforcement.Losses;

/// <summary>The operations that losses of reinforcement stand on, against their definitions and against differences.</summary>
public sealed class LogProbabilityOperationTests
{
    [Theory]
    [InlineData(1f)]
    [InlineData(0.6f)]
    [InlineData(2f)]
    public void LogProbabilities_and_Entropy_are_those_of_the_softmax(float temperature)
    {
        using Tensor logits = Input(5, new Shape(4, 33), requiresGradient: false);
        using WorkerPool workers = new(3);
        using Graph g = new(workers, recording: false);
        int[] targets = [0, 32, 7, -1];
        float[] logProbabilities = g.LogProbabilities(logits, targets, temperature).Span.ToArray(), entropies = g.Entropy(logits, temperature).Span.ToArray();
        for (int row = 0; row < 4; row++)
        {
            double[] x = [.. logits.Span.Slice(row * 33, 33).ToArray().Select(v => v / (double)temperature)];
            double normaliser = Math.Log(x.Sum(Math.Exp)), entropy = x.Sum(v => -(v - normaliser) * Math.Exp(v - normaliser));
            Assert.Equal(targets[row] < 0 ? 0 : x[targets[row]] - normaliser, logProbabilities[row], 2e-6);
            Assert.Equal(entropy, entropies[row], 2e-6);
        }
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(0.7f)]
    public void LogProbabilities_and_Entropy_pass_the_gradient_to_the_logits(float temperature)
    {
        Tensor logits = Input(1, new Shape(5, 11)), others = Input(2, new Shape(3, 7));
        Check(g => g.LogProbabilities(logits, [3, 10, -1, 0, 5], temperature), logits);
        Check(g => g.Entropy(others, temperature), others);
    }

    [Fact]
    public void LossOf_passes_the_gradient_that_it_was_given_times_what_reaches_it()
    {
        using WorkerPool workers = new(1);
        using Graph g = new(workers, recording: true);
        using Tensor x = Tensor.Create(new Shape(3), [1, 2, 3], requiresGradient: true);
        Tensor loss = g.LossOf(x, 7, [0.5f, 0, -2]), sum = g.AddScaled(g.WeightedSum(x, [1, 1, 1]), loss, 3);
        Assert.Equal(7, loss.Item);
        g.Backward(sum);
        Assert.Equal([2.5f, 1, -5], x.Gradient!.Span.ToArray());
        Assert.Throws<ArgumentException>(() => g.LossOf(x, 7, [1, 2]));
    }
}
