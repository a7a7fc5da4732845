using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// One factor of a product, seen as elements (i, k): i is its row or column of the result, k runs over the sum. Nt, Nn and Tn differ
/// only in which of both is adjacent in memory, so one algorithm serves all three.
/// </summary>
internal readonly unsafe struct Factor
{
    /// <summary>Values of k that share a scale.</summary>
    public const int ScaledInner = BlockScaling.ReleasedBlock;

    private readonly byte* _data;
    private readonly long _rowStride;
    private readonly float* _scales;
    private readonly long _scaleStride;

    private Factor(byte* data, long rowStride, bool isBFloat16, bool isInnerAdjacent, bool isRounded, float* scales, long scaleStride)
    {
        _data = data;
        _rowStride = rowStride;
        _scales = scales;
        _scaleStride = scaleStride;
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

    /// <summary>Whether sums over <see cref="ScaledInner"/> values of k are to be multiplied by <see cref="Scales"/>.</summary>
    public bool IsScaled => _scales != null;

    /// <summary>The scales of i, i + 1, ... for the 128 values of k that begin at the first element.</summary>
    public float* Scales => _scales;

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
        new((byte*)data, rowStride, isBFloat16: false, isInnerAdjacent, isRounded: true, null, 0);

    /// <summary>A factor of BF16 rows that lie elsewhere than in a matrix, <paramref name="rowBytes"/> bytes apart.</summary>
    public static Factor OfBFloat16(byte* data, long rowBytes, bool isInnerAdjacent) =>
        new(data, rowBytes / sizeof(ushort), isBFloat16: true, isInnerAdjacent, isRounded: false, null, 0);

    /// <summary>A factor in codes of E4M3, held in BF16, with <paramref name="scaleStride"/> floats from the scales of 128 values of k to the next.</summary>
    public static Factor Of(ushort* codes, long rowStride, bool isInnerAdjacent, float* scales, long scaleStride) =>
        new((byte*)codes, rowStride, isBFloat16: true, isInnerAdjacent, isRounded: false, scales, scaleStride);

    /// <summary>The same factor with (<paramref name="i"/>, <paramref name="k"/>) as its first element; a scaled one's k is a multiple of 128.</summary>
    public Factor From(long i, long k) => From(i, k, k / ScaledInner);

    /// <summary>
    /// The factor of a group whose values of k begin at <paramref name="k"/> of those of all groups. Its blocks of 128 begin there too: in front of
    /// each group at most one block more is counted than k / 128 says, so k / 128 + group numbers the first of each without a table.
    /// </summary>
    public Factor OfGroup(int group, long k) => From(0, k, k / ScaledInner + group);

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
        return new((byte*)matrix.Data, matrix.RowStride, isBFloat16, isInnerAdjacent, !isBFloat16 && precision == ProductPrecision.BF16, null, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Factor From(long i, long k, long block) => new(
        _data + OffsetBytes(i, k), _rowStride, IsBFloat16, IsInnerAdjacent, IsRounded, _scales == null ? null : _scales + block * _scaleStride + i, _scaleStride);

    private long OffsetBytes(long i, long k) => (IsInnerAdjacent ? i * _rowStride + k : k * _rowStride + i) * ElementBytes;
}
