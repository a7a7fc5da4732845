using Hadal.Autograd;
using Hadal.Numerics;
using static Hadal.Tests.Autograd.FiniteDifferences;

namespace Hadal.Tests.Autograd;

/// <summary>Which tensors get gradients, and how those from several places come together.</summary>
public sealed class GradientFlowTests : IDisposable
{
    private readonly WorkerPool _pool = new(1);
    private readonly Graph _g;

    public GradientFlowTests() => _g = new Graph(_pool, recording: true);

    public void Dispose()
    {
        _g.Dispose();
        _pool.Dispose();
    }

    [Fact]
    public void Gradients_of_two_backward_passes_add_up_until_they_are_zeroed()
    {
        // loss = 2 x0 + 3 x1, then 5 x0 - 1 x1: together (7, 2).
        Tensor x = Tensor.Create(new Shape(2), [1, 1], requiresGradient: true);
        Step(x, [2, 3]);
        Step(x, [5, -1]);
        Assert.Equal([7, 2], x.Gradient!.Span.ToArray());
        x.ZeroGradient();
        Step(x, [5, -1]);
        Assert.Equal([5, -1], x.Gradient.Span.ToArray());
    }

    [Fact]
    public void A_tensor_used_twice_gets_the_sum()
    {
        // y = w x; z = y + silu(y) y: y is used three times, x once, and x gets all of it.
        Tensor x = Input(1, new Shape(2, 3)), w = Input(2, new Shape(4, 3));
        Check(Diamond, x, w);

        Tensor Diamond(Graph g)
        {
            Tensor y = g.Linear(x, w);
            return g.Add(y, g.SwiGlu(y, y));
        }
    }

    [Fact]
    public void One_tensor_on_both_sides_of_an_operation_gets_both_gradients()
    {
        Tensor x = Input(1, new Shape(3, 3));
        Check(g => g.Add(x, x), x);
        Tensor y = Input(1, new Shape(3, 3));
        Check(g => g.Concatenate(y, y), y);
        Tensor z = Input(1, new Shape(3, 3));
        Check(g => g.SwiGlu(z, z), z);
        Tensor u = Input(1, new Shape(3, 3));
        Check(g => g.Linear(u, u), u);
        Tensor v = Input(1, new Shape(1));
        Check(g => g.AddScaled(v, v, 0.5f), v);
    }

    [Fact]
    public void The_same_weight_in_two_layers_gets_the_sum()
    {
        Tensor x = Input(1, new Shape(2, 3)), w = Input(2, new Shape(3, 3));
        Check(g => g.Linear(g.Linear(x, w), w), x, w);
    }

    [Fact]
    public void A_gradient_flows_through_frozen_weights_to_what_lies_below()
    {
        Tensor x = Input(1, new Shape(2, 3)), lower = Input(2, new Shape(4, 3)), frozen = Input(3, new Shape(5, 4), requiresGradient: false);
        Tensor norm = Input(4, new Shape(4), requiresGradient: false);
        Check(g => g.Linear(g.RmsNorm(g.Linear(x, lower), norm, 0.1f), frozen), x, lower, frozen, norm);
    }

    [Fact]
    public void What_needs_no_gradient_is_not_recorded()
    {
        Tensor x = Input(1, new Shape(2, 3), false), w = Input(2, new Shape(3, 3), false);
        Tensor y = _g.SwiGlu(_g.Linear(x, w), _g.Add(x, x));
        Assert.False(y.RequiresGradient);
        Assert.Equal(0, _g.RecordedOperations);
        Assert.Throws<ArgumentException>(() => _g.Backward(_g.WeightedSum(y, new float[6])));
    }

    [Fact]
    public void A_parameter_that_the_loss_does_not_depend_on_has_no_gradient()
    {
        Tensor x = Input(1, new Shape(2, 3)), used = Input(2, new Shape(3, 3)), aside = Input(3, new Shape(3, 3)), never = Input(4, new Shape(3));
        Tensor y = _g.Linear(x, used);
        _ = _g.Linear(y, aside); // recorded, but no gradient reaches its output
        _g.Backward(_g.WeightedSum(y, [1, 1, 1, 1, 1, 1]));
        Assert.NotNull(used.Gradient);
        Assert.Null(aside.Gradient);
        Assert.Null(never.Gradient);
    }

    [Fact]
    public void A_parameter_frozen_between_forward_and_backward_gets_no_gradient()
    {
        Tensor x = Input(1, new Shape(2, 3)), w = Input(2, new Shape(3, 3));
        Tensor loss = _g.WeightedSum(_g.Linear(x, w), [1, 1, 1, 1, 1, 1]);
        w.RequiresGradient = false;
        _g.Backward(loss);
        Assert.Null(w.Gradient);
        Assert.NotNull(x.Gradient);
    }

    private void Step(Tensor x, float[] weights)
    {
        _g.Backward(_g.WeightedSum(x, weights));
        _g.Reset();
    }
}
