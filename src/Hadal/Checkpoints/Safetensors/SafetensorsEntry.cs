using Hadal.Numerics;

namespace Hadal.Checkpoints.Safetensors;

/// <summary>One tensor of a safetensors file: what it is and where it lies. Elements are little-endian and in row-major order.</summary>
public sealed class SafetensorsEntry
{
    private readonly long[] _shape;

    internal SafetensorsEntry(string name, ElementType elementType, long[] shape, long elementCount, long begin, long end)
    {
        Name = name;
        ElementType = elementType;
        _shape = shape;
        ElementCount = elementCount;
        Begin = begin;
        End = end;
    }

    /// <summary>The tensor's name.</summary>
    public string Name { get; }

    /// <summary>Type of each element.</summary>
    public ElementType ElementType { get; }

    /// <summary>The dimensions; none for a scalar.</summary>
    public IReadOnlyList<long> Shape => _shape;

    /// <summary>Product of the dimensions.</summary>
    public long ElementCount { get; }

    /// <summary>First byte, counted from the end of the header.</summary>
    public long Begin { get; }

    /// <summary>One past the last byte, counted from the end of the header.</summary>
    public long End { get; }

    /// <summary>Bytes of all elements.</summary>
    public long ByteLength => End - Begin;

    /// <summary>Such as <c>lm_head.weight BF16[320, 160]</c>.</summary>
    public override string ToString() => $"{Name} {ElementType}[{string.Join(", ", _shape)}]";
}
