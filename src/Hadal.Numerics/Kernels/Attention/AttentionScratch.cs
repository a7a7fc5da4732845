using System.Numerics;

namespace Hadal.Numerics;

/// <summary>
/// Native memory that a thread keeps between attention calls, so that a call allocates nothing. It grows to the largest call seen, in
/// powers of two because a text that is decoded needs a few bytes more every page, and is freed by the buffer's finalizer when the
/// thread has ended.
/// </summary>
internal static unsafe class AttentionScratch
{
    private const ulong Smallest = 4096;

    [ThreadStatic]
    private static NativeBuffer? t_tiles;

    [ThreadStatic]
    private static NativeBuffer? t_plan;

    [ThreadStatic]
    private static NativeBuffer? t_shared;

    /// <summary>Memory for the tiles of the task this thread computes; content undefined.</summary>
    public static float* Tiles(long floats) => (float*)Reserve(ref t_tiles, floats * sizeof(float));

    /// <summary>
    /// Memory for the description of the call this thread made: apart from the tiles, because the caller computes tasks too.
    /// </summary>
    public static byte* Plan(long bytes) => Reserve(ref t_plan, bytes);

    /// <summary>Memory that the tasks of the call this thread made share; content undefined.</summary>
    public static float* Shared(long floats) => (float*)Reserve(ref t_shared, floats * sizeof(float));

    private static byte* Reserve(ref NativeBuffer? buffer, long bytes)
    {
        if (buffer == null || buffer.ByteLength < bytes)
        {
            buffer?.Dispose();
            buffer = null;
            buffer = new NativeBuffer((long)BitOperations.RoundUpToPowerOf2(Math.Max((ulong)bytes, Smallest)), zeroed: false);
        }

        return buffer.Data;
    }
}

/// <summary>Hands out cache-line aligned pieces of a block of memory, or only counts them if the block is null.</summary>
internal unsafe struct TileCarver(float* start)
{
    private const int LineFloats = NativeBuffer.Alignment / sizeof(float);

    /// <summary>Floats handed out so far.</summary>
    public long Taken { get; private set; }

    public float* Take(long floats)
    {
        float* piece = start + Taken;
        Taken += (floats + LineFloats - 1) / LineFloats * LineFloats;
        return piece;
    }
}
