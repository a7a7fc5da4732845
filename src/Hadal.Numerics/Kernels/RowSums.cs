using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>Sums of one to four rows that are held in registers, a lane for each column.</summary>
internal unsafe struct RowSums<TVector> where TVector : struct
{
    public TVector First, Second, Third, Fourth;

    /// <summary>Loads what rows hold so far, one <paramref name="stride"/> after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowSums<TVector> Load<TSimd, TRows>(float* source, long stride)
        where TSimd : ISimd<TVector>
        where TRows : ICount
    {
        RowSums<TVector> sums = default;
        sums.First = TSimd.Load(source);
        if (TRows.Count > 1) sums.Second = TSimd.Load(source + stride);
        if (TRows.Count > 2) sums.Third = TSimd.Load(source + 2 * stride);
        if (TRows.Count > 3) sums.Fourth = TSimd.Load(source + 3 * stride);
        return sums;
    }

    /// <summary>Adds a column times a number of each row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add<TSimd, TRows>(TVector column, float* a)
        where TSimd : ISimd<TVector>
        where TRows : ICount
    {
        First = TSimd.MultiplyAdd(TSimd.Broadcast(a[0]), column, First);
        if (TRows.Count > 1) Second = TSimd.MultiplyAdd(TSimd.Broadcast(a[1]), column, Second);
        if (TRows.Count > 2) Third = TSimd.MultiplyAdd(TSimd.Broadcast(a[2]), column, Third);
        if (TRows.Count > 3) Fourth = TSimd.MultiplyAdd(TSimd.Broadcast(a[3]), column, Fourth);
    }

    /// <summary>Stores the rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TSimd, TRows>(float* destination, long stride)
        where TSimd : ISimd<TVector>
        where TRows : ICount
    {
        TSimd.Store(First, destination);
        if (TRows.Count > 1) TSimd.Store(Second, destination + stride);
        if (TRows.Count > 2) TSimd.Store(Third, destination + 2 * stride);
        if (TRows.Count > 3) TSimd.Store(Fourth, destination + 3 * stride);
    }
}
