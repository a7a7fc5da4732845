using System.Runtime.InteropServices;

namespace Hadal.Numerics;

/// <summary>
/// Owns one block of native memory whose start is aligned to a cache line. Disposing it frees the block; views into it
/// (<see cref="Matrix"/>) hold the buffer, so a view can outlive every other reference, but not the dispose.
/// </summary>
public sealed unsafe class NativeBuffer : IDisposable
{
    /// <summary>Alignment of the first byte: one cache line and one 512-bit register.</summary>
    public const int Alignment = 64;

    private static long s_liveBytes;
    private byte* _data;

    /// <summary>Allocates <paramref name="byteLength"/> bytes.</summary>
    /// <param name="byteLength">Size in bytes; zero is allowed.</param>
    /// <param name="zeroed">Whether the memory is cleared; otherwise its content is undefined.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    /// <exception cref="OutOfMemoryException">The system refused the allocation.</exception>
    public NativeBuffer(long byteLength, bool zeroed = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        nuint rounded = (nuint)((Math.Max(byteLength, 1) + Alignment - 1) / Alignment * Alignment);
        bool huge = HugePages.Suit(byteLength);
        _data = (byte*)NativeMemory.AlignedAlloc(rounded, huge ? HugePages.Size : (nuint)Alignment);
        if (huge) HugePages.Ask(_data, rounded);
        ByteLength = byteLength;
        Interlocked.Add(ref s_liveBytes, byteLength);
        if (zeroed) NativeMemory.Clear(_data, rounded);
    }

    /// <summary>Frees the block if its owner forgot to.</summary>
    ~NativeBuffer() => Free();

    /// <summary>Bytes of all buffers of the process that are not freed yet.</summary>
    public static long LiveBytes => Interlocked.Read(ref s_liveBytes);

    /// <summary>Size in bytes, as asked for.</summary>
    public long ByteLength { get; }

    /// <summary>The first byte.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    internal byte* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(_data == null, this);
            return _data;
        }
    }

    /// <summary>A span over <paramref name="length"/> elements of type <typeparamref name="T"/>, from element <paramref name="start"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the buffer.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public Span<T> AsSpan<T>(long start, int length) where T : unmanaged
    {
        if (start < 0 || length < 0 || (start + length) * sizeof(T) > ByteLength)
        {
            throw new ArgumentOutOfRangeException(
                nameof(start), $"elements {start} to {start + length} of {sizeof(T)} bytes leave a buffer of {ByteLength} bytes");
        }

        return new Span<T>((T*)Data + start, length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_data == null) return;
        NativeMemory.AlignedFree(_data);
        _data = null;
        Interlocked.Add(ref s_liveBytes, -ByteLength);
    }
}
