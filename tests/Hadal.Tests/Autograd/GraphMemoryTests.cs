using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Tests.Autograd;

/// <summary>Where a graph's memory goes.</summary>
public sealed class GraphMemoryTests : IDisposable
{
    private readonly WorkerPool _pool = new(1);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void After_backward_only_the_loss_lives_and_after_reset_nothing_does()
    {
        using Block block = new(_pool, tokens: 6);
        Tensor loss = block.Forward(block.Recording);
        float value = loss.Item;
        block.Recording.Backward(loss);

        // The loss and its gradient, each in the smallest block there is.
        Assert.Equal(1024, block.Recording.LiveBytes);
        Assert.Equal(0, block.Recording.RecordedOperations);
        Assert.Equal(value, loss.Item);
        block.Recording.Reset();
        Assert.Equal(0, block.Recording.LiveBytes);
        Assert.Throws<ObjectDisposedException>(() => loss.Item);
    }

    [Fact]
    public void Backward_releases_activations_on_its_way_down()
    {
        // Watchers between the layers see the live bytes during backward, from the last layer to the first.
        using Graph g = new(_pool, recording: true);
        Tensor x = FiniteDifferences.Input(1, new Shape(64, 64));
        List<long> live = [];
        Tensor y = x;
        for (int layer = 0; layer < 8; layer++) y = Watch(g, g.SwiGlu(y, y), () => live.Add(g.LiveBytes));
        float[] weights = new float[y.Shape.Count];
        Tensor loss = g.WeightedSum(y, weights);
        g.Backward(loss);
        Assert.Equal(8, live.Count);
        for (int i = 1; i < live.Count; i++)
        {
            // 64 x 64 floats are a block of 16 KiB. Each layer gives back its output and the watcher's, and the gradients of both.
            Assert.Equal(live[i - 1] - 2 * 16384, live[i]);
        }
    }

    [Fact]
    public void The_second_step_takes_all_its_memory_from_the_pool()
    {
        using Block block = new(_pool, tokens: 6);
        Step(block);
        long pooled = block.Recording.PooledBytes;
        Assert.True(pooled > 0);
        for (int i = 0; i < 3; i++)
        {
            Step(block);
            Assert.Equal((0, pooled), (block.Recording.LiveBytes, block.Recording.PooledBytes));
        }
    }

    [Fact]
    public void A_scope_releases_everything_but_its_result()
    {
        using Block block = new(_pool, tokens: 6);
        using Graph g = new(_pool, recording: false);
        Tensor before = g.Allocate(new Shape(10));
        GraphScope outer = g.Scope();
        Tensor inner;
        {
            GraphScope scope = g.Scope();
            Tensor dropped = g.Allocate(new Shape(1000));
            Tensor result = g.Allocate(new Shape(20));
            result.Span.Fill(3);
            _ = g.Allocate(new Shape(3000));
            inner = scope.Close(result);
            Assert.Same(result, inner);
            Assert.Throws<ObjectDisposedException>(() => dropped.Span.Length);
        }

        Assert.Equal(2 * 512, g.LiveBytes);
        Assert.Equal(3, inner.Span[19]);

        // A result from before the scope: nothing of the scope survives.
        Assert.Same(before, outer.Close(before));
        Assert.Equal(512, g.LiveBytes);
        Assert.Equal(10, before.Span.Length);
        g.Reset();
        Assert.Equal(0, g.LiveBytes);
    }

    [Fact]
    public void A_scope_of_a_recording_graph_keeps_what_backward_needs()
    {
        using Graph g = new(_pool, recording: true);
        Tensor x = FiniteDifferences.Input(1, new Shape(2, 3));
        GraphScope scope = g.Scope();
        Tensor y = scope.Close(g.SwiGlu(g.SwiGlu(x, x), x));
        g.Backward(g.WeightedSum(y, [1, 1, 1, 1, 1, 1]));
        Assert.NotNull(x.Gradient);
    }

    [Fact]
    public void Gradients_of_parameters_survive_the_reset_and_the_graph()
    {
        Tensor x = Tensor.Create(new Shape(2), [1, 1], requiresGradient: true);
        using (Graph g = new(_pool, recording: true))
        {
            g.Backward(g.WeightedSum(x, [2, 3]));
            g.Reset();
            Tensor other = g.Allocate(new Shape(2)); // what was freed is used again
            other.Span.Fill(float.NaN);
        }

        Assert.Equal([2, 3], x.Gradient!.Span.ToArray());
    }

    [Fact]
    public void A_block_of_the_pool_is_at_most_an_eighth_larger_than_asked_for()
    {
        using Graph g = new(_pool, recording: false);
        for (int count = 128; count < 100_000; count += 1 + count / 37)
        {
            g.Allocate(new Shape(count));
            Assert.InRange(g.LiveBytes, count * 4L, count * 4L * 9 / 8);
            g.Reset();
        }
    }

    [Fact]
    public void Memory_that_the_system_refuses_is_not_counted()
    {
        using Graph g = new(_pool, recording: false);
        Assert.Throws<OutOfMemoryException>(() => g.Allocate(new Shape(int.MaxValue, int.MaxValue / 8)));
        Assert.Equal(0, g.LiveBytes);
    }

    private static void Step(Block block)
    {
        block.Recording.Backward(block.Forward(block.Recording));
        block.Recording.Reset();
    }

    private static Tensor Watch(Graph g, Tensor x, Action seen)
    {
        Tensor y = g.Allocate(x.Shape, g.Records(x));
        x.Span.CopyTo(y.Span);
        g.Record(new Watcher(x, y, seen));
        return y;
    }

    private sealed class Watcher(Tensor x, Tensor y, Action seen) : Operation
    {
        public override void Backward(Graph g)
        {
            Elementwise.Accumulate(g.Workers, Graph.GradientReaching(y)!.Value, g.GradientOf(x)!.Value);
            seen();
        }
    }
}
