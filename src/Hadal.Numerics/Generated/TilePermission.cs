using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Hadal.Numerics;

/// <summary>
/// The system's leave to use AMX: tile registers enlarge what it saves for each thread, so a process must ask once. It then holds for
/// all of its threads.
/// </summary>
internal static partial class TilePermission
{
    // XSAVE's number of the tile data, and Linux's call (asm/prctl.h).
    private const int TileData = 18;
    private const nint ArchPrctl = 158, RequestPermission = 0x1023;

    /// <summary>Asks for leave. Null if it is given, else why not.</summary>
    public static string? Request()
    {
        if (OperatingSystem.IsLinux())
        {
            return SystemCall(ArchPrctl, RequestPermission, TileData) == 0
                ? null
                : $"the system refuses AMX: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}";
        }

        if (!OperatingSystem.IsWindows()) return "this system has no way to ask for AMX";
        try
        {
            return EnableProcessOptionalXStateFeatures(1UL << TileData) ? null : "the system refuses AMX";
        }
        catch (EntryPointNotFoundException)
        {
            return "this version of Windows does not know AMX";
        }
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nint SystemCall(nint number, nint argument0, nint argument1);

    [LibraryImport("kernel32")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool EnableProcessOptionalXStateFeatures(ulong features);
}
