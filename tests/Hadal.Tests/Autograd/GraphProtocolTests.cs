using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Tests.Autograd;

/// <summary>What a graph refuses, and that it can be used again after it refused.</summary>
public sealed class GraphProtocolTests : IDisposable
{
    private readonly WorkerPool _pool = new(1);
    private readonly Graph _g;
    private readonly Tensor _x = FiniteDifferences.Input(1, new Shape(2, 3));

    public GraphProtocolTests() => _g = new Graph(_pool, recording: true);

    public void Dispose()
    {
        _g.Dispose();
        _x.Dispose();
        _pool.Dispose();
    }

    [Fact]
    public void Backward_starts_only_from_one_element_that_requires_a_gradient()
    {
        Assert.Throws<ArgumentException>(() => _g.Backward(_g.SwiGlu(_x, _x)));
        using Tensor constant = Tensor.Create(new Shape(1));
        Assert.Throws<ArgumentException>(() => _g.Backward(constant));
        Assert.Throws<ArgumentException>(() => _g.Backward(_g.Add(constant, constant)));
    }

    [Fact]
    public void A_graph_that_does_not_record_takes_no_operation()
    {
        using Graph plain = new(_pool, recording: false);
        Assert.Throws<InvalidOperationException>(() => plain.Record(new Failing(_x, _x)));
        Assert.False(plain.Allocate(new Shape(1), requiresGradient: true).RequiresGradient);
    }

    [Fact]
    public void A_loss_goes_backward_once()
    {
        Tensor loss = Sum(_g.SwiGlu(_x, _x));
        _g.Backward(loss);
        float[] once = _x.Gradient!.Span.ToArray();
        long live = _g.LiveBytes;
        Assert.Throws<InvalidOperationException>(() => _g.Backward(loss));

        // Nor does it take the tape of the next loss away.
        Tensor next = Sum(_g.Add(_x, _x));
        Assert.Throws<InvalidOperationException>(() => _g.Backward(loss));
        _g.Backward(next);
        for (int i = 0; i < once.Length; i++) Assert.Equal(once[i] + 2, _x.Gradient.Span[i]);
        Assert.Equal(2 * live, _g.LiveBytes);
    }

    [Fact]
    public void A_loss_that_was_released_is_refused_and_leaves_no_memory_behind()
    {
        Tensor first = Sum(_x), second = Sum(_g.Add(_x, _x));
        _g.Backward(second);
        Assert.Throws<InvalidOperationException>(() => _g.Backward(first));
        Tensor third = Sum(_x);
        _g.Reset();
        Assert.Throws<InvalidOperationException>(() => _g.Backward(third));
        Assert.Equal(0, _g.LiveBytes);
    }

    [Fact]
    public void A_loss_in_the_middle_of_the_tape_stays_readable()
    {
        Tensor y = _g.SwiGlu(_x, _x), loss = Sum(y);
        float value = loss.Item;
        Tensor later = _g.Add(y, y);
        _g.Backward(loss);
        Assert.Equal(value, loss.Item);
        Assert.Throws<ObjectDisposedException>(() => later.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => y.Span.Length);
    }

    [Fact]
    public void Tensors_allocated_after_the_last_operation_are_released_by_backward_too()
    {
        Tensor loss = Sum(_x), rest = _g.Allocate(new Shape(5000));
        _g.Backward(loss);
        Assert.Throws<ObjectDisposedException>(() => rest.Span.Length);
        Assert.Equal(1024, _g.LiveBytes);
    }

    [Fact]
    public void Tensors_of_unrecorded_operations_live_until_their_readers_have_run()
    {
        // z is made of frozen inputs, belongs to the next recorded operation and is read by a later one as well.
        using Tensor frozen = FiniteDifferences.Input(2, new Shape(2, 3), requiresGradient: false);
        FiniteDifferences.Check(
            g =>
            {
                Tensor z = g.Add(frozen, frozen), y = g.SwiGlu(_x, z);
                return g.SwiGlu(z, y);
            },
            _x, frozen);
    }

    [Fact]
    public void An_operation_that_fails_going_forward_does_not_spoil_the_step()
    {
        Tensor y = _g.SwiGlu(_x, _x);
        using Tensor other = Tensor.Create(new Shape(3, 3));
        Assert.Throws<ArgumentException>(() => _g.SwiGlu(y, other));
        Assert.Throws<ArgumentException>(() => _g.RmsNorm(y, other, 1));
        _g.Backward(Sum(y));
        float[] found = _x.Gradient!.Span.ToArray();
        _g.Reset();
        Assert.Equal(0, _g.LiveBytes);
        _x.ZeroGradient();
        _g.Backward(Sum(_g.SwiGlu(_x, _x)));
        Assert.Equal(found, _x.Gradient.Span.ToArray());
    }

    [Fact]
    public void An_operation_that_fails_going_backward_leaves_a_graph_that_can_be_reset()
    {
        Tensor y = _g.SwiGlu(_x, _x), z = _g.Allocate(y.Shape, requiresGradient: true);
        y.Span.CopyTo(z.Span);
        _g.Record(new Failing(y, z));
        Assert.Throws<NotSupportedException>(() => _g.Backward(Sum(_g.Add(z, z))));
        _g.Reset();
        Assert.Equal((0, 0), (_g.LiveBytes, _g.RecordedOperations));
        _g.Backward(Sum(_g.Add(_x, _x)));
        Assert.All(_x.Gradient!.Span.ToArray(), value => Assert.Equal(2, value));
    }

    [Fact]
    public void What_a_scope_released_can_not_be_read()
    {
        using Graph plain = new(_pool, recording: false);
        GraphScope scope = plain.Scope();
        Tensor y = plain.Add(_x, _x);
        scope.Close(plain.Add(y, y));
        Assert.Throws<ObjectDisposedException>(() => plain.Add(y, y));
        Assert.Throws<ObjectDisposedException>(() => y.AsMatrix());
    }

    [Fact]
    public void A_tensor_disposed_early_is_not_given_back_twice()
    {
        Tensor y = _g.Allocate(new Shape(10));
        y.Dispose();
        y.Dispose();
        Assert.Equal(0, _g.LiveBytes);
        Tensor a = _g.Allocate(new Shape(10)), b = _g.Allocate(new Shape(10));
        Assert.NotSame(a.Buffer, b.Buffer);
        _g.Reset();
        Assert.Equal(0, _g.LiveBytes);
    }

    [Fact]
    public void Attention_to_caches_is_refused_on_a_graph_that_records()
    {
        // Whether or not the queries require a gradient: the caches may depend on something that does.
        foreach (bool requires in (bool[])[true, false])
        {
            using Tensor q = FiniteDifferences.Input(1, new Shape(2, 4), requires);
            Assert.Throws<InvalidOperationException>(
                () => _g.Attention(new AttentionShape(1, 1, 4, 4, 1), q, [new AttentionSequence(0, 2, q.AsMatrix(), q.AsMatrix())]));
        }
    }

    private Tensor Sum(Tensor x) => _g.WeightedSum(x, [1, 1, 1, 1, 1, 1]);

    private sealed class Failing(Tensor x, Tensor y) : Operation
    {
        public override void Backward(Graph g)
        {
            using Tensor scratch = g.Borrow(x.Shape);
            Elementwise.Accumulate(g.Workers, Graph.GradientReaching(y)!.Value, g.GradientOf(x)!.Value);
            throw new NotSupportedException();
        }
    }
}
