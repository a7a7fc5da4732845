using System.Diagnostics.CodeAnalysis;

namespace Hadal.Numerics;

/// <summary>How the elements of a tensor are stored: one by one, or in blocks that share scales.</summary>
/// <remarks>
/// Kernels compute on <see cref="F32"/> and <see cref="BF16"/>, and products also on weights in blocks; the others are storage formats,
/// converted on reading. The formats of blocks are ggml's, with ggml's names, and <see cref="F8Scaled"/>.
/// </remarks>
[SuppressMessage("Naming", "CA1707:Identifiers should not contain underscores", Justification = "The names that the formats have everywhere.")]
public enum ElementType
{
    /// <summary>IEEE 754 binary32.</summary>
    F32,

    /// <summary>The upper half of binary32: 8 exponent bits, 7 mantissa bits.</summary>
    BF16,

    /// <summary>IEEE 754 binary16.</summary>
    F16,

    /// <summary>OCP OFP8 E4M3FN: bias 7, largest finite 448, no infinities.</summary>
    F8E4M3,

    /// <summary>OCP OFP8 E5M2: bias 15, largest finite 57344, IEEE-like infinities.</summary>
    F8E5M2,

    /// <summary>IEEE 754 binary64.</summary>
    F64,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>One byte, 0 or 1.</summary>
    Bool,

    /// <summary>Blocks of 32 in 34 bytes: an F16 scale and signed bytes.</summary>
    Q8_0,

    /// <summary>Blocks of 32 in 18 bytes: an F16 scale and four bits each, minus 8.</summary>
    Q4_0,

    /// <summary>Blocks of 256 in 144 bytes: four bits each; every 32 have a scale and a minimum of 6 bits, times two F16.</summary>
    Q4_K,

    /// <summary>Blocks of 256 in 210 bytes: six bits each, minus 32; every 16 have a signed scale of 8 bits, times an F16.</summary>
    Q6_K,

    /// <summary>
    /// E4M3 with an F32 factor for each 128 columns of a row, 132 bytes: holds the blocks of 128x128 that DeepSeek-V3 is released in
    /// (2412.19437, section 3.3.2) as they are.
    /// </summary>
    F8Scaled,
}

/// <summary>Facts about <see cref="ElementType"/> values.</summary>
public static class ElementTypes
{
    /// <summary>Bytes that one element takes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type's elements come in blocks, or it is no type.</exception>
    public static int SizeInBytes(this ElementType type) => type switch
    {
        ElementType.F64 or ElementType.I64 or ElementType.U64 => 8,
        ElementType.F32 or ElementType.I32 or ElementType.U32 => 4,
        ElementType.BF16 or ElementType.F16 or ElementType.I16 or ElementType.U16 => 2,
        ElementType.F8E4M3 or ElementType.F8E5M2 or ElementType.I8 or ElementType.U8 or ElementType.Bool => 1,
        _ when type.IsBlocked() => throw new ArgumentOutOfRangeException(nameof(type), type, "elements in blocks have no size of their own"),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown element type"),
    };

    /// <summary>Whether elements come in blocks that share scales, so that none can be addressed by itself.</summary>
    public static bool IsBlocked(this ElementType type) => type is
        ElementType.Q8_0 or ElementType.Q4_0 or ElementType.Q4_K or ElementType.Q6_K or ElementType.F8Scaled;

    /// <summary>Adjacent elements of a row that make a block; 1 where elements stand for themselves.</summary>
    public static int BlockElements(this ElementType type) => type switch
    {
        ElementType.Q8_0 or ElementType.Q4_0 => 32,
        ElementType.F8Scaled => 128,
        ElementType.Q4_K or ElementType.Q6_K => 256,
        _ => 1,
    };

    /// <summary>Bytes of a block as files have it, ggml's layout; for <see cref="ElementType.F8Scaled"/> the factor, then the bytes.</summary>
    public static int BlockBytes(this ElementType type) => type switch
    {
        ElementType.Q8_0 => 34,
        ElementType.Q4_0 => 18,
        ElementType.Q4_K => 144,
        ElementType.Q6_K => 210,
        ElementType.F8Scaled => 132,
        _ => type.SizeInBytes(),
    };

    /// <summary>
    /// Bytes of memory that a matrix takes: its elements one after the other, or for types in blocks panels of
    /// <see cref="WeightPanels.Rows"/> rows, the last one filled up.
    /// </summary>
    /// <param name="type">The element type.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Elements in a row.</param>
    /// <exception cref="ArgumentException">The columns are no whole number of blocks.</exception>
    /// <exception cref="OverflowException">The size does not fit 64 bits.</exception>
    public static long ByteLength(this ElementType type, long rows, long columns) => type.IsBlocked()
        ? WeightPanels.ByteLength(type, rows, columns)
        : checked(rows * columns * type.SizeInBytes());
}
