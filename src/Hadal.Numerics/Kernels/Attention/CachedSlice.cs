using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>A sequence's cached rows as kernels see them.</summary>
internal readonly unsafe struct CachedSlice
{
    private readonly byte* _pool;
    private readonly int* _pages;
    private readonly long _rowBytes;
    private readonly bool _isLatent;

    /// <summary>Rows whose page table was copied to native memory.</summary>
    public CachedSlice(CacheRows rows, int* pages)
    {
        CacheRowFormat format = rows.Format;
        _pool = rows.Pool.Data;
        _pages = pages;
        _rowBytes = format.RowBytes;
        _isLatent = format.IsLatent;
        First = format.First;
        Second = format.Second;
    }

    public readonly CachePart First;
    public readonly CachePart Second;

    public bool IsNull => _pool == null;

    public bool IsLatent => _isLatent;

    /// <summary>Whether rows can be read where they lie.</summary>
    public bool IsF32 => First.Type == ElementType.F32;

    public long RowBytes => _rowBytes;

    public byte* Row(int key) => _pool + ((long)_pages[key / CacheRows.PageTokens] * CacheRows.PageTokens + key % CacheRows.PageTokens) * _rowBytes;

    /// <summary>In F32 rows, where the key of a head starts in the row of a token: latent and rotated key are adjacent.</summary>
    public float* KeyF32(int key, int head) => (float*)(Row(key) + First.Offset) + (long)head * First.Length;

    /// <summary>In F32 rows, where the value of a head starts in the row of a token.</summary>
    public float* ValueF32(int key, int head) =>
        _isLatent ? (float*)(Row(key) + First.Offset) : (float*)(Row(key) + Second.Offset) + (long)head * Second.Length;

    /// <summary>Widens the key of a head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ReadKey<TSimd, TVector>(byte* row, int head, float* destination)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        First.Read<TSimd, TVector>(row, head, destination);
        if (_isLatent) Second.Read<TSimd, TVector>(row, 0, destination + First.Length);
    }

    /// <summary>Widens the value of a head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ReadValue<TSimd, TVector>(byte* row, int head, float* destination)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (_isLatent) First.Read<TSimd, TVector>(row, 0, destination);
        else Second.Read<TSimd, TVector>(row, head, destination);
    }
}
