using System.Numerics;
using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>
/// Native blocks kept for reuse, sorted by size class (eight steps to an octave, so at most an eighth is wasted). A training step
/// asks for the same sizes every time: from the second step on nothing is allocated. Not safe for use by several threads.
/// </summary>
internal sealed class BufferPool : IDisposable
{
    private readonly Dictionary<long, Stack<NativeBuffer>> _free = [];

    /// <summary>Bytes handed out and not returned yet.</summary>
    public long RentedBytes { get; private set; }

    /// <summary>The most bytes that were handed out at a time since the last <see cref="ResetPeak"/>.</summary>
    public long PeakRentedBytes { get; private set; }

    /// <summary>Bytes that wait for reuse.</summary>
    public long FreeBytes { get; private set; }

    public NativeBuffer Rent(long bytes)
    {
        long size = SizeClass(bytes);
        if (_free.TryGetValue(size, out Stack<NativeBuffer>? stack) && stack.TryPop(out NativeBuffer? buffer)) FreeBytes -= size;
        else buffer = new NativeBuffer(size, zeroed: false);
        RentedBytes += size;
        PeakRentedBytes = Math.Max(PeakRentedBytes, RentedBytes);
        return buffer;
    }

    public void ResetPeak() => PeakRentedBytes = RentedBytes;

    public void Return(NativeBuffer buffer)
    {
        if (!_free.TryGetValue(buffer.ByteLength, out Stack<NativeBuffer>? stack)) _free[buffer.ByteLength] = stack = new();
        stack.Push(buffer);
        RentedBytes -= buffer.ByteLength;
        FreeBytes += buffer.ByteLength;
    }

    public void Dispose()
    {
        foreach (Stack<NativeBuffer> stack in _free.Values)
        {
            foreach (NativeBuffer buffer in stack) buffer.Dispose();
        }

        _free.Clear();
        FreeBytes = 0;
    }

    private static long SizeClass(long bytes)
    {
        if (bytes <= 512) return 512;
        long step = 1L << (BitOperations.Log2((ulong)bytes - 1) - 3);
        return (bytes + step - 1) / step * step;
    }
}
