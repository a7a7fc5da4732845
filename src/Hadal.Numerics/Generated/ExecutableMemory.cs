using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Hadal.Numerics;

/// <summary>
/// Pages that hold generated code: written while nothing can execute them, then sealed to read and execute, never both at once. They
/// are given back on dispose, or by the finalizer when the library is unloaded.
/// </summary>
internal sealed unsafe partial class ExecutableMemory : IDisposable
{
    private readonly nuint _length;
    private void* _data;

    /// <summary>Copies code into pages of its own and makes them executable.</summary>
    /// <param name="code">Position-independent machine code.</param>
    /// <exception cref="NotSupportedException">The system is neither Linux nor Windows, or refuses such memory.</exception>
    public ExecutableMemory(ReadOnlySpan<byte> code)
    {
        _length = (nuint)((code.Length + Environment.SystemPageSize) / Environment.SystemPageSize * Environment.SystemPageSize);
        _data = Allocate(_length);
        code.CopyTo(new Span<byte>(_data, code.Length));
        try
        {
            Seal(_data, _length);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    ~ExecutableMemory() => Free();

    /// <summary>Address of the first byte of code.</summary>
    public nint Address => (nint)_data;

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static void* Allocate(nuint length)
    {
        if (OperatingSystem.IsLinux())
        {
            void* data = Linux.Map(null, length, Linux.ReadWrite, Linux.PrivateAnonymous, -1, 0);
            return data != (void*)-1 ? data : throw Refused("memory for it");
        }

        if (OperatingSystem.IsWindows())
        {
            void* data = Windows.VirtualAlloc(null, length, Windows.ReserveAndCommit, Windows.ReadWrite);
            return data != null ? data : throw Refused("memory for it");
        }

        throw new NotSupportedException("generated code runs on Linux and Windows only");
    }

    private static void Seal(void* data, nuint length)
    {
        if (OperatingSystem.IsLinux())
        {
            if (Linux.Protect(data, length, Linux.ReadExecute) != 0) throw Refused("to execute generated code");
            return;
        }

        if (!Windows.VirtualProtect(data, length, Windows.ExecuteRead, out _)) throw Refused("to execute generated code");
        Windows.FlushInstructionCache(Windows.CurrentProcess, data, length);
    }

    private static NotSupportedException Refused(string what) =>
        new($"the system refuses {what}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");

    private void Free()
    {
        if (_data == null) return;
        if (OperatingSystem.IsLinux()) _ = Linux.Unmap(_data, _length);
        else Windows.VirtualFree(_data, 0, Windows.Release);
        _data = null;
    }

    // sys/mman.h; the numbers are those of Linux on x64.
    private static partial class Linux
    {
        public const int ReadWrite = 1 | 2, ReadExecute = 1 | 4, PrivateAnonymous = 2 | 0x20;

        [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        public static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

        [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        public static partial int Protect(void* address, nuint length, int protection);

        [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        public static partial int Unmap(void* address, nuint length);
    }

    // memoryapi.h and processthreadsapi.h.
    private static partial class Windows
    {
        public const uint ReserveAndCommit = 0x3000, Release = 0x8000, ReadWrite = 0x04, ExecuteRead = 0x20;
        public const nint CurrentProcess = -1;

        [LibraryImport("kernel32", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        public static partial void* VirtualAlloc(void* address, nuint length, uint kind, uint protection);

        [LibraryImport("kernel32", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        [return: MarshalAs(UnmanagedType.Bool)]
        public static partial bool VirtualProtect(void* address, nuint length, uint protection, out uint before);

        [LibraryImport("kernel32")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        [return: MarshalAs(UnmanagedType.Bool)]
        public static partial bool FlushInstructionCache(nint process, void* address, nuint length);

        [LibraryImport("kernel32")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        [return: MarshalAs(UnmanagedType.Bool)]
        public static partial bool VirtualFree(void* address, nuint length, uint kind);
    }
}
