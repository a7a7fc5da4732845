using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// One factor of a product, seen as elements (i, k): i is its row or column of the result, k runs over the sum. Nt, Nn and Tn differ
/// only in which of both is adjacent in memory, so one algorithm serves all three.
/// </summary>
internal readonly unsafe struct Factor
{
    private readonly byte* _data;
    private readonly long _rowStride;

    private Factor(byte* data, long rowStride, bool isBFloat16, bool isInnerAdjacent, bool isRounded)
    {
        _data = data;
        _rowStride = rowStride;
        IsBFloat16 = isBFloat16;
        IsInnerAdjacent = isInnerAdjacent;
        IsRounded = isRounded;
    }

    /// <summary>Whether elements are BF16; otherwise F32.</summary>
    public bool IsBFloat16 { get; }

    /// <summary>Whether elements adjacent in k are adjacent in memory; otherwise those adjacent in i are.</summary>
    public bool IsInnerAdjacent { get; }

    /// <summary>Whether the elements are F32 that the product rounds to BF16.</summary>
    public bool IsRounded { get; }

    /// <summary>Bytes from one row of the stored matrix to the next.</summary>
    public long RowBytes => _rowStride * ElementBytes;

    /// <summary>The first element, F32 or the bits of BF16.</summary>
    public byte* Data => _data;

    private int ElementBytes => IsBFloat16 ? sizeof(ushort) : sizeof(float);

    /// <summary>A factor whose stored rows are i: k lies along the row.</summary>
    public static Factor AlongRows(Matrix matrix, ProductPrecision precision = ProductPrecision.F32) =>
        Create(matrix, precision, isInnerAdjacent: true);

    /// <summary>A factor whose stored rows are k: i lies along the row.</summary>
    public static Factor DownColumns(Matrix matrix, ProductPrecision precision = ProductPrecision.F32) =>
        Create(matrix, precision, isInnerAdjacent: false);

    /// <summary>A factor of F32 in a kernel's own memory, to be rounded, with <paramref name="rowStride"/> elements from a stored row to the next.</summary>
    public static Factor Of(float* data, long rowStride, bool isInnerAdjacent) =>
        new((byte*)data, rowStride, isBFloat16: false, isInnerAdjacent, isRounded: true);

    /// <summary>A factor of BF16 rows that lie elsewhere than in a matrix, <paramref name="rowBytes"/> bytes apart.</summary>
    public static Factor OfBFloat16(byte* data, long rowBytes, bool isInnerAdjacent) =>
        new(data, rowBytes / sizeof(ushort), isBFloat16: true, isInnerAdjacent, isRounded: false);

    /// <summary>The same factor with (<paramref name="i"/>, <paramref name="k"/>) as its first element.</summary>
    public Factor From(long i, long k) =>
        new(_data + OffsetBytes(i, k), _rowStride, IsBFloat16, IsInnerAdjacent, IsRounded);

    /// <summary>Element (<paramref name="i"/>, <paramref name="k"/>), rounded or widened.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Element(long i, long k)
    {
        byte* element = _data + OffsetBytes(i, k);
        if (IsBFloat16) return BitConverter.UInt32BitsToSingle((uint)*(ushort*)element << 16);
        return IsRounded ? BFloat16Rounding.Round(*(float*)element) : *(float*)element;
    }

    private static Factor Create(Matrix matrix, ProductPrecision precision, bool isInnerAdjacent)
    {
        bool isBFloat16 = matrix.ElementType == ElementType.BF16;
        return new((byte*)matrix.Data, matrix.RowStride, isBFloat16, isInnerAdjacent, !isBFloat16 && precision == ProductPrecision.BF16);
    }

    private long OffsetBytes(long i, long k) => (IsInnerAdjacent ? i * _rowStride + k : k * _rowStride + i) * ElementBytes;
}
