using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>Token ids, targets and routes that an operation keeps for its backward, in the graph's memory rather than in managed arrays.</summary>
internal static class IntegerTensors
{
    /// <summary>A copy that belongs to the operation being recorded.</summary>
    public static Tensor Keep(this Graph g, ReadOnlySpan<int> values)
    {
        Tensor tensor = g.Allocate(new Shape(values.Length), type: ElementType.I32);
        values.CopyTo(tensor.Integers());
        return tensor;
    }

    /// <summary>The elements of an I32 tensor.</summary>
    public static Span<int> Integers(this Tensor tensor) => tensor.ElementType == ElementType.I32
        ? tensor.Buffer.AsSpan<int>(0, checked((int)tensor.Shape.Count))
        : throw new InvalidOperationException($"expected I32 elements, found {tensor.ElementType}");
}
