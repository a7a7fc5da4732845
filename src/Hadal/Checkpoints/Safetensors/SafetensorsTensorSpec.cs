using Hadal.Numerics;

namespace Hadal.Checkpoints.Safetensors;

/// <summary>A tensor about to be written: all that the header says about it, before its bytes exist.</summary>
public sealed class SafetensorsTensorSpec
{
    /// <summary>Describes a tensor.</summary>
    /// <exception cref="ArgumentException">The name is the format's own, a dimension is negative, the size leaves 63 bits, or the type is one in blocks.</exception>
    public SafetensorsTensorSpec(string name, ElementType elementType, params IReadOnlyList<long> shape)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(shape);
        if (name == "__metadata__") throw new ArgumentException("a tensor can't have the name __metadata__", nameof(name));
        if (elementType.IsBlocked()) throw new ArgumentException($"safetensors has no tensors of {elementType}", nameof(elementType));
        bool fits = !shape.Any(dimension => dimension < 0);
        fits &= SafetensorsHeader.TryCountElements(shape, elementType.SizeInBytes(), out long elements);
        if (!fits) throw new ArgumentException($"{SafetensorsHeader.Shorten(shape)} is no shape for {elementType}", nameof(shape));
        Name = name;
        ElementType = elementType;
        Shape = [.. shape];
        ByteLength = elements * elementType.SizeInBytes();
    }

    /// <summary>The tensor's name.</summary>
    public string Name { get; }

    /// <summary>Type of each element.</summary>
    public ElementType ElementType { get; }

    /// <summary>The dimensions; none for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Bytes that must be written for it.</summary>
    public long ByteLength { get; }

    /// <summary>Such as <c>lm_head.weight BF16[320, 160]</c>.</summary>
    public override string ToString() => $"{Name} {ElementType}{SafetensorsHeader.Shorten(Shape)}";
}
