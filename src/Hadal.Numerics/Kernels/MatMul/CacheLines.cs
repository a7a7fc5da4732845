using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>
/// Asks for memory ahead of its use. Products walk down tens of rows side by side, more streams than the processor follows by itself;
/// where there is no such instruction nothing happens.
/// </summary>
internal static unsafe class CacheLines
{
    // What this thread has asked for and is to read next.
    [ThreadStatic]
    private static byte* t_next;

    /// <summary>Bytes of a cache line.</summary>
    public const int Size = 64;

    /// <summary>Bytes of a page, and pages that <see cref="PrefetchFront"/> asks for lines of.</summary>
    public const int PageBytes = 4096, SpreadPages = 8;

    /// <summary>Bytes between what is read and what <see cref="PrefetchFront"/> asks for, in eight pages or straight on.</summary>
    public const int SpreadBytes = SpreadPages * PageBytes, StraightBytes = 2 * PageBytes;

    /// <summary>
    /// Whether memory is read fastest from front to back. A Zen 4 core reads 32 GB/s so and 13 GB/s in four streams, where a Sapphire
    /// Rapids reads little more than half of its speed with one stream.
    /// </summary>
    public static bool ReadsStraight => ProcessorFeature.IsAmd;

    /// <summary>The one of the two that is used.</summary>
    public static int AheadBytes => ReadsStraight ? StraightBytes : SpreadBytes;

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
    /// For memory that is read front to back, 512 bytes from here on: starts to load eight lines that will be read later, far enough
    /// ahead that they have come by then, whatever is computed in between; a processor looks no further ahead than some hundred
    /// instructions, and its own prefetcher no further than the end of a page. Where <see cref="ReadsStraight"/> they are those 8 KB
    /// ahead, and otherwise those in eight pages about 32 KB ahead, so that the processor follows eight streams.
    /// </summary>
    /// <param name="address">What is read now.</param>
    /// <param name="end">Where that ends; nothing behind it is asked for.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchFront(byte* address, byte* end)
    {
        if (ReadsStraight)
        {
            PrefetchFour(address + StraightBytes, Size, end);
            PrefetchFour(address + StraightBytes + 4 * Size, Size, end);
            return;
        }

        PrefetchPages(address, 0, end);
        PrefetchPages(address, SpreadPages / 2, end);
    }

    /// <summary>In eight pages, the four lines for 256 bytes: of 512 the upper ones ask for the upper pages.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchHalfSpread(byte* address, byte* end) => PrefetchPages(address, (long)((ulong)address / 256 % 2 * (SpreadPages / 2)), end);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchPages(byte* address, long firstPage, byte* end)
    {
        ulong at = (ulong)address;
        byte* line = (byte*)(at - at % SpreadBytes + SpreadBytes + at % SpreadBytes / (SpreadPages * Size) * Size);
        PrefetchFour(line + firstPage * PageBytes, PageBytes, end);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchFour(byte* line, int step, byte* end)
    {
        if (!Sse.IsSupported) return;
        if (line + 3 * step < end)
        {
            Sse.Prefetch1(line);
            Sse.Prefetch1(line + step);
            Sse.Prefetch1(line + 2 * step);
            Sse.Prefetch1(line + 3 * step);
        }
        else
        {
            for (; line < end; line += step) Sse.Prefetch1(line);
        }
    }

    /// <summary>
    /// Starts to load the first bytes of what a thread is to read, unless it asked for them while it read what came before. Without them small
    /// matrices are over before memory delivers at its full speed.
    /// </summary>
    /// <param name="start">Where reading begins.</param>
    /// <param name="bytes">How much is asked for, whole cache lines.</param>
    /// <param name="next">What will be asked for on the way, to be read next; null if that is not known.</param>
    public static void PrefetchStart(byte* start, int bytes, byte* next)
    {
        if (start != t_next) PrefetchToSecondLevel(start, bytes / Size);
        t_next = next;
    }

    /// <summary>Starts to load adjacent lines into the second-level cache.</summary>
    public static void PrefetchToSecondLevel(byte* address, int lines)
    {
        if (!Sse.IsSupported) return;
        for (int line = 0; line < lines; line++) Sse.Prefetch1(address + line * Size);
    }
}
