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

    /// <summary>
    /// Starts to load one line of each of <paramref name="rows"/> rows; addresses beyond the end of the memory do no harm.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchRows(byte* address, long rowBytes, int rows)
    {
        if (!Sse.IsSupported) return;
        for (int row = 0; row < rows; row++, address += rowBytes) Sse.Prefetch0(address);
    }

    /// <summary>Starts to load adjacent lines into the second-level cache.</summary>
    public static void PrefetchToSecondLevel(byte* address, int lines)
    {
        if (!Sse.IsSupported) return;
        for (int line = 0; line < lines; line++) Sse.Prefetch1(address + line * Size);
    }
}
