using Hadal.Numerics;

namespace Hadal.Checkpoints.Gguf;

/// <summary>Between F32 and the elements of a GGUF file.</summary>
internal static class GgmlBlocks
{
    /// <summary>The element type that this library has for one of ggml's; null for those that are only decoded.</summary>
    public static ElementType? ElementType(GgmlType type) => type switch
    {
        GgmlType.F32 => Numerics.ElementType.F32,
        GgmlType.F16 => Numerics.ElementType.F16,
        GgmlType.BF16 => Numerics.ElementType.BF16,
        GgmlType.Q8_0 => Numerics.ElementType.Q8_0,
        GgmlType.Q4_0 => Numerics.ElementType.Q4_0,
        GgmlType.Q4_K => Numerics.ElementType.Q4_K,
        GgmlType.Q6_K => Numerics.ElementType.Q6_K,
        _ => null,
    };

    /// <summary>One of the types that are only decoded.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none.</exception>
    public static ForeignBlockType Foreign(GgmlType type) => type switch
    {
        GgmlType.Q4_1 => ForeignBlockType.Q4_1,
        GgmlType.Q5_0 => ForeignBlockType.Q5_0,
        GgmlType.Q5_1 => ForeignBlockType.Q5_1,
        GgmlType.Q2_K => ForeignBlockType.Q2_K,
        GgmlType.Q3_K => ForeignBlockType.Q3_K,
        GgmlType.Q5_K => ForeignBlockType.Q5_K,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a type that is known here"),
    };

    /// <summary>The one of ggml's types that is an element type; null if it has none.</summary>
    public static GgmlType? OfElementType(ElementType type) =>
        Enum.GetValues<GgmlType>().Where(ggml => ElementType(ggml) == type).Select(ggml => (GgmlType?)ggml).FirstOrDefault();

    /// <summary>Decodes elements, whole blocks of them.</summary>
    public static void ToSingle(GgmlType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        if (ElementType(type) is not { } element) ForeignBlocks.Dequantise(Foreign(type), source, destination);
        else if (element.IsBlocked()) BlockQuantisation.Dequantise(element, source, destination);
        else ElementConversion.ToSingle(element, source, destination);
    }

    /// <summary>Encodes elements, whole blocks of them.</summary>
    /// <exception cref="ArgumentException">The type is only read, or a block has a number that is not finite.</exception>
    public static void FromSingle(GgmlType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        ElementType element = ElementType(type) ?? throw new ArgumentException($"{type} is read, but not written", nameof(type));
        if (element.IsBlocked()) BlockQuantisation.Quantise(element, source, destination);
        else ElementConversion.FromSingle(element, source, destination);
    }
}
