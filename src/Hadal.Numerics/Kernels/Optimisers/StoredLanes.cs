using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>How optimiser state lies in memory; it is computed with in F32.</summary>
internal unsafe interface IStoredLanes
{
    static abstract TVector Load<TSimd, TVector>(void* row, nint i)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct;

    static abstract void Store<TSimd, TVector>(TVector value, void* row, nint i)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct;
}

internal readonly unsafe struct F32Lanes : IStoredLanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TSimd, TVector>(void* row, nint i) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.Load((float*)row + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TSimd, TVector>(TVector value, void* row, nint i) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.Store(value, (float*)row + i);
}

/// <summary>Widened exactly, stored to nearest, ties to even.</summary>
internal readonly unsafe struct BFloat16Lanes : IStoredLanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TSimd, TVector>(void* row, nint i) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.LoadBFloat16((ushort*)row + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TSimd, TVector>(TVector value, void* row, nint i) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.StoreBFloat16(value, (ushort*)row + i);
}

/// <summary>The rows of a view of F32 or BF16 as a kernel sees them; of no view, null.</summary>
internal readonly unsafe struct StoredRows(byte* data, long strideBytes)
{
    public void* this[long row]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => data + row * strideBytes;
    }

    public static implicit operator StoredRows(Matrix matrix) =>
        new((byte*)matrix.Data, matrix.RowStride * matrix.ElementType.SizeInBytes());

    public static implicit operator StoredRows(Matrix? matrix) => matrix is Matrix present ? present : default(StoredRows);

    /// <exception cref="ArgumentException">The view, if there is one, has another shape, or a type that is not among the allowed.</exception>
    public static void Require(
        Matrix? matrix, int rows, int columns, bool f32, bool bfloat16, [CallerArgumentExpression(nameof(matrix))] string? name = null)
    {
        if (matrix is not Matrix found) return;
        bool typeFits = (f32 && found.ElementType == ElementType.F32) || (bfloat16 && found.ElementType == ElementType.BF16);
        if (typeFits && found.Rows == rows && found.Columns == columns && found.Buffer is not null) return;
        string types = f32 && bfloat16 ? "F32 or BF16" : f32 ? "F32" : "BF16";
        throw new ArgumentException($"expected {rows}x{columns} {types}, found {found.Rows}x{found.Columns} {found.ElementType}", name);
    }
}
