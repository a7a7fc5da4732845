using System.Runtime.InteropServices;

namespace Hadal.Numerics;

/// <summary>
/// Pages of 2 MB for large blocks: reading weights front to back then needs one address translation where it took 512, and in a virtual
/// machine a translation costs what several lines from memory do. Linux gives them to whoever asks; elsewhere nothing happens.
/// </summary>
internal static unsafe partial class HugePages
{
    /// <summary>Size and alignment of a page.</summary>
    public const int Size = 2 << 20;

    // MADV_HUGEPAGE of sys/mman.h.
    private const int Advice = 14;

    /// <summary>Whether a block is large enough to ask.</summary>
    public static bool Suit(long byteLength) => byteLength >= Size && OperatingSystem.IsLinux();

    /// <summary>Asks for them. A system that has none goes on with small pages, so there is nothing to report.</summary>
    /// <param name="data">The first byte, aligned to <see cref="Size"/>.</param>
    /// <param name="byteLength">Size of the block.</param>
    public static void Ask(byte* data, nuint byteLength) => _ = Advise(data, byteLength, Advice);

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Advise(void* address, nuint length, int advice);
}
