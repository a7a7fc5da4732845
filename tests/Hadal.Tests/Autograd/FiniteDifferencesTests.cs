using Hadal.Autograd;
using Hadal.Numerics;
using Xunit.Sdk;

namespace Hadal.Tests.Autograd;

/// <summary>The harness itself must tell a right gradient from one that is wrong by a thousandth.</summary>
public sealed class FiniteDifferencesTests
{
    [Fact]
    public void A_gradient_wrong_by_a_thousandth_is_found()
    {
        Tensor x = FiniteDifferences.Input(1, new Shape(2, 3));
        FiniteDifferences.Check(g => Square(g, x, 2), x);
        x.Dispose();
        Tensor y = FiniteDifferences.Input(1, new Shape(2, 3));
        Assert.ThrowsAny<XunitException>(() => FiniteDifferences.Check(g => Square(g, y, 2.002f), y));
    }

    private static Tensor Square(Graph g, Tensor x, float slope)
    {
        Tensor y = g.Allocate(x.Shape, g.Records(x));
        Elementwise.Multiply(g.Workers, x.AsMatrix(), x.AsMatrix(), y.AsMatrix());
        if (y.RequiresGradient) g.Record(new SquareBackpropagation(x, y, slope));
        return y;
    }

    private sealed class SquareBackpropagation(Tensor x, Tensor y, float slope) : Operation
    {
        public override void Backward(Graph g)
        {
            using Tensor product = g.Borrow(x.Shape);
            Elementwise.Multiply(g.Workers, x.AsMatrix(), Graph.GradientReaching(y)!.Value, product.AsMatrix());
            Elementwise.Accumulate(g.Workers, product.AsMatrix(), g.GradientOf(x)!.Value, slope);
        }
    }
}
