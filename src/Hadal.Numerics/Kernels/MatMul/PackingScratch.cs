using System.Runtime.InteropServices;

namespace Hadal.Numerics;

/// <summary>
/// Native memory that a thread reuses for packed panels. It only grows, so products allocate nothing once the largest shape was
/// seen; the finalizer frees it after its thread has ended. It is no <see cref="NativeBuffer"/>, because it belongs to no caller
/// and must not count as memory that a caller holds.
/// </summary>
internal sealed unsafe class PackingScratch
{
    [ThreadStatic]
    private static PackingScratch? t_shared;

    [ThreadStatic]
    private static PackingScratch? t_local;

    [ThreadStatic]
    private static PackingScratch? t_scaled;

    // What the blocks of the memory hold, as the user numbers it.
    private readonly long[] _owners = new long[16];
    private float* _data;
    private long _length;

    ~PackingScratch() => NativeMemory.AlignedFree(_data);

    /// <summary>Memory that the thread which calls a product lends to all workers until the product is done.</summary>
    public static float* Shared(long length) => (t_shared ??= new PackingScratch()).Grow(length);

    /// <summary>Memory for factors that are rounded before their product is computed, lent like <see cref="Shared"/> and beside it.</summary>
    public static float* Scaled(long length) => (t_scaled ??= new PackingScratch()).Grow(length);

    /// <summary>Memory that a worker uses within one part.</summary>
    public static float* Local(long length) => (t_local ??= new PackingScratch()).Grow(length);

    /// <summary>
    /// The same, with notes of what its blocks hold. They last from part to part until the memory grows; a user must number its content
    /// so that nobody else's notes can be taken for its own.
    /// </summary>
    public static float* Local(long length, out Span<long> owners)
    {
        float* data = Local(length);
        owners = t_local!._owners;
        return data;
    }

    private float* Grow(long length)
    {
        if (length <= _length) return _data;
        NativeMemory.AlignedFree(_data);
        _data = null;
        _length = 0;
        Array.Clear(_owners);
        _data = (float*)NativeMemory.AlignedAlloc((nuint)(length * sizeof(float)), NativeBuffer.Alignment);
        _length = length;
        return _data;
    }
}
