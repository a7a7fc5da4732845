using System.Diagnostics.CodeAnalysis;
using Hadal.Numerics;

namespace Hadal.Checkpoints.Gguf;

/// <summary>How elements are stored, by ggml's numbers. Types of blocks hold several elements together with their common scales.</summary>
[SuppressMessage("Naming", "CA1707:Identifiers should not contain underscores", Justification = "The names that the formats have everywhere.")]
[SuppressMessage("Design", "CA1028:Enum storage should be Int32", Justification = "Files store it so.")]
public enum GgmlType : uint
{
    /// <summary>IEEE 754 binary32.</summary>
    F32 = 0,

    /// <summary>IEEE 754 binary16.</summary>
    F16 = 1,

    /// <summary>32 numbers of 4 bits and a scale.</summary>
    Q4_0 = 2,

    /// <summary>32 numbers of 4 bits, a scale and a minimum.</summary>
    Q4_1 = 3,

    /// <summary>32 numbers of 5 bits and a scale.</summary>
    Q5_0 = 6,

    /// <summary>32 numbers of 5 bits, a scale and a minimum.</summary>
    Q5_1 = 7,

    /// <summary>32 numbers of 8 bits and a scale.</summary>
    Q8_0 = 8,

    /// <summary>256 numbers of 2 bits; 16 scales and minima of 4 bits.</summary>
    Q2_K = 10,

    /// <summary>256 numbers of 3 bits; 16 scales of 6 bits.</summary>
    Q3_K = 11,

    /// <summary>256 numbers of 4 bits; 8 scales and minima of 6 bits.</summary>
    Q4_K = 12,

    /// <summary>256 numbers of 5 bits; 8 scales and minima of 6 bits.</summary>
    Q5_K = 13,

    /// <summary>256 numbers of 6 bits; 16 scales of 8 bits.</summary>
    Q6_K = 14,

    /// <summary>The upper half of binary32.</summary>
    BF16 = 30,
}

/// <summary>Facts about <see cref="GgmlType"/> values.</summary>
public static class GgmlTypes
{
    /// <summary>Names of all types that are read, for messages.</summary>
    public static string Known => string.Join(", ", Enum.GetNames<GgmlType>());

    /// <summary>Whether elements of this type can be read here.</summary>
    public static bool IsKnown(this GgmlType type) => Enum.IsDefined(type);

    /// <summary>Whether elements of this type are decoded when a model is read, since nothing computes with them or writes them.</summary>
    public static bool IsOnlyRead(this GgmlType type) => GgmlBlocks.ElementType(type) is null;

    /// <summary>Elements that are stored together.</summary>
    public static int BlockLength(this GgmlType type) => GgmlBlocks.ElementType(type)?.BlockElements() ?? GgmlBlocks.Foreign(type).BlockElements();

    /// <summary>Bytes of the elements that are stored together.</summary>
    public static int BlockBytes(this GgmlType type) => GgmlBlocks.ElementType(type)?.BlockBytes() ?? GgmlBlocks.Foreign(type).BlockBytes();

    /// <summary>Bytes of a row.</summary>
    /// <exception cref="ArgumentException">The row is no whole number of blocks.</exception>
    public static long RowBytes(this GgmlType type, long elements) => elements % type.BlockLength() == 0
        ? elements / type.BlockLength() * type.BlockBytes()
        : throw new ArgumentException($"{elements} elements are no whole blocks of {type}", nameof(elements));
}
