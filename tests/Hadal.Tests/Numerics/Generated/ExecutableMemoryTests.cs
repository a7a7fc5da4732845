using System.Globalization;
using System.Runtime.InteropServices;
using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Generated;

[Trait("Category", "Kernels")]
public sealed partial class ExecutableMemoryTests
{
    // mov eax, 42; ret
    private static readonly byte[] s_answer = [0xB8, 42, 0, 0, 0, 0xC3];

    [SkippableFact]
    public unsafe void Code_runs_from_memory_that_can_no_longer_be_written()
    {
        RequireExecutableMemory();
        using ExecutableMemory memory = new(s_answer);
        Assert.Equal(42, ((delegate* unmanaged<int>)memory.Address)());
        Assert.Equal("r-xp", Protection(memory.Address));
    }

    [SkippableFact]
    public void Disposed_memory_is_given_back()
    {
        RequireExecutableMemory();
        ExecutableMemory memory = new(s_answer);
        nint address = memory.Address;
        memory.Dispose();
        memory.Dispose();
        Assert.NotEqual("r-xp", Protection(address));
    }

    // Asked for without Hadal's code: where the system refuses, a failure would say nothing about it.
    private static void RequireExecutableMemory()
    {
        const int Read = 1, Write = 2, Execute = 4, Private = 2, Anonymous = 0x20, Page = 4096;
        Skip.IfNot(
            OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64, "the test knows Linux on x64 only");
        nint page = Map(0, Page, Read | Write, Private | Anonymous, -1, 0);
        bool refused = Protect(page, Page, Read | Execute) != 0;
        _ = Unmap(page, Page);
        Skip.If(refused, "the system refuses executable memory");
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);

    // The access rights of the mapping that holds an address, as /proc says; null if there is none.
    private static string? Protection(nint address)
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] fields = line.Split(' ');
            string[] range = fields[0].Split('-');
            if (Hex(range[0]) <= address && address < Hex(range[1])) return fields[1];
        }

        return null;

        static nint Hex(string text) => nint.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
