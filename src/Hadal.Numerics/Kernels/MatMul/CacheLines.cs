using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>
/// Asks for memory ahead of its use. Products walk down tens of rows side by side, more streams than the processor follows by itself;
/// where there is no such instruction nothing happens.
/// </summary>
internal static unsafe class CacheLines
{
    /// <summary>Bytes of a cache line.</summary>
    public const int Size = 64;

    /// <summary>Bytes of a page, and pages that <see cref="PrefetchSpread"/> asks for lines of.</summary>
    public const int PageBytes = 4096, SpreadPages = 8;

    /// <summary>Bytes between what is read and what <see cref="PrefetchSpread"/> asks for.</summary>
    public const int SpreadBytes = SpreadPages * PageBytes;

    /// <summary>
    /// Starts to load one line of each of <paramref name="rows"/> rows; addresses beyond the end of the memory do no harm.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchRows(byte* address, long rowBytes, int rows)
    {
        if (!Sse.IsSupported) return;
        for (int row = 0; row < rows; row++, address += rowBytes) Sse.Prefetch0(address);
    }

    /// <summary>
    /// For memory that is read front to back, 512 bytes from here on: starts to load eight lines that will be read about
    /// 32 KB later, one in each of eight pages. A processor's own prefetcher follows a stream to the end of its page
    /// and needs time to begin a new one: with one stream a core reads at little more than half of its speed, with eight at nearly all of it.
    /// </summary>
    /// <param name="address">What is read now.</param>
    /// <param name="end">Where that ends; nothing behind it is asked for.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchSpread(byte* address, byte* end)
    {
        PrefetchHalf(address, 0, end);
        PrefetchHalf(address, SpreadPages / 2, end);
    }

    /// <summary>The same for 256 bytes and four lines.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchSpreadHalf(byte* address, byte* end) => PrefetchHalf(address, (long)((ulong)address / 256 % 2 * (SpreadPages / 2)), end);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchHalf(byte* address, long firstPage, byte* end)
    {
        if (!Sse.IsSupported) return;
        ulong at = (ulong)address;
        byte* line = (byte*)(at - at % SpreadBytes + SpreadBytes + at % SpreadBytes / (SpreadPages * Size) * Size) + firstPage * PageBytes;
        if (line + 3 * PageBytes < end)
        {
            Sse.Prefetch1(line);
            Sse.Prefetch1(line + PageBytes);
            Sse.Prefetch1(line + 2 * PageBytes);
            Sse.Prefetch1(line + 3 * PageBytes);
        }
        else
        {
            for (; line < end; line += PageBytes) Sse.Prefetch1(line);
        }
    }

    /// <summary>Starts to load adjacent lines into the second-level cache.</summary>
    public static void PrefetchToSecondLevel(byte* address, int lines)
    {
        if (!Sse.IsSupported) return;
        for (int line = 0; line < lines; line++) Sse.Prefetch1(address + line * Size);
    }
}
