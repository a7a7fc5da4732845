using Hadal.Autograd;
using Hadal.Numerics;
using static Hadal.Tests.Autograd.FiniteDifferences;

namespace Hadal.Tests.Autograd;

/// <summary>The fused head against differences of its values and against head and cross entropy one after the other.</summary>
public sealed class HeadCrossEntropyTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData(0, ElementType.F32)]
    [InlineData(0.125f, ElementType.F32)]
    [InlineData(0.125f, ElementType.BF16)]
    public void The_gradient_reaches_the_hidden_rows_and_the_head(float zLossWeight, ElementType type)
    {
        Tensor hidden = Input(1, new Shape(4, 3)), head = Input(2, new Shape(6, 3), type: type);
        float[] weights = [0.5f, 3, -1, 2];
        Check(g => g.HeadCrossEntropy(hidden, head, [5, -1, 0, 5], weights, zLossWeight).Loss, hidden, head);
        Assert.All(hidden.Gradient!.AsMatrix().Row(1).ToArray(), value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_frozen_is_left_out(bool headIsFrozen)
    {
        Tensor hidden = Input(1, new Shape(4, 3), headIsFrozen), head = Input(2, new Shape(6, 3), !headIsFrozen);
        Check(g => g.HeadCrossEntropy(hidden, head, [5, 2, 0, 5], [1, 2, 3, 4]).Loss, hidden, head);
    }

    [Fact]
    public void Several_stretches_of_rows_have_the_bits_of_head_and_cross_entropy_one_after_the_other()
    {
        // 300 rows of 70,000 logits are 84 MB: three stretches. Weights are 1, so that the unfused path rounds nothing more.
        const int rows = 300, vocabulary = 70_000;
        int[] targets = [.. Enumerable.Range(0, rows).Select(i => i % 7 == 3 ? -1 : i * 233)];
        float[] weights = new float[rows];
        Array.Fill(weights, 1);
        using Tensor hidden = Input(1, new Shape(rows, 4)), head = Input(2, new Shape(vocabulary, 4));
        using Graph g = new(_pool, recording: true);

        HeadLoss fused = g.HeadCrossEntropy(hidden, head, targets, weights);
        Assert.InRange(g.LiveBytes, 1, (long)rows * vocabulary * sizeof(float) / 4);
        float[] losses = fused.CrossEntropies.Span.ToArray();
        float loss = fused.Loss.Item;
        g.Backward(fused.Loss);
        (float[] dHidden, float[] dHead) = (hidden.Gradient!.Span.ToArray(), head.Gradient!.Span.ToArray());
        g.Reset();
        hidden.ZeroGradient();
        head.ZeroGradient();

        Tensor rowLosses = g.CrossEntropy(g.Linear(hidden, head), targets);
        Assert.Equal(rowLosses.Span.ToArray(), losses);
        Tensor sum = g.WeightedSum(rowLosses, weights);
        Assert.Equal(sum.Item, loss);
        g.Backward(sum);
        Assert.Equal(hidden.Gradient.Span.ToArray(), dHidden);
        Assert.Equal(head.Gradient.Span.ToArray(), dHead);
    }

    [Fact]
    public void The_gradient_that_arrives_is_a_factor()
    {
        using Tensor hidden = Input(1, new Shape(4, 3)), head = Input(2, new Shape(6, 3)), zero = Input(3, new Shape(1), requiresGradient: false);
        using Graph g = new(_pool, recording: true);
        zero.Span[0] = 0;
        float[] Gradient(float factor)
        {
            hidden.ZeroGradient();
            g.Backward(g.AddScaled(zero, g.HeadCrossEntropy(hidden, head, [1, 2, 3, 4], [1, 1, 1, 1]).Loss, factor));
            g.Reset();
            return hidden.Gradient!.Span.ToArray();
        }

        Assert.Equal(Gradient(1).Select(value => value * 8), Gradient(8));
    }

    [Fact]
    public void No_rows_cost_nothing_and_leave_a_gradient_of_zero()
    {
        using Tensor hidden = Input(1, new Shape(0, 3)), head = Input(2, new Shape(6, 3));
        using Graph g = new(_pool, recording: true);
        HeadLoss none = g.HeadCrossEntropy(hidden, head, [], []);
        Assert.Equal(0, none.Loss.Item);
        g.Backward(none.Loss);
        Assert.All(head.Gradient!.Span.ToArray(), value => Assert.Equal(0, value));
    }
}
