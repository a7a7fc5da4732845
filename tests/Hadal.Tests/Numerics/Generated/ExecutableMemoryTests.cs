using System.Globalization;
using System.Runtime.InteropServices;
using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Generated;

[Trait("Category", "Kernels")]
public sealed class ExecutableMemoryTests
{
    // mov eax, 42; ret
    private static readonly byte[] s_answer = [0xB8, 42, 0, 0, 0, 0xC3];

    [SkippableFact]
    public unsafe void Code_runs_from_memory_that_can_no_longer_be_written()
    {
        RequireLinuxOnX64();
        using ExecutableMemory memory = new(s_answer);
        Assert.Equal(42, ((delegate* unmanaged<int>)memory.Address)());
        Assert.Equal("r-xp", Protection(memory.Address));
    }

    [SkippableFact]
    public void Disposed_memory_is_given_back()
    {
        RequireLinuxOnX64();
        ExecutableMemory memory = new(s_answer);
        nint address = memory.Address;
        memory.Dispose();
        memory.Dispose();
        Assert.NotEqual("r-xp", Protection(address));
    }

    private static void RequireLinuxOnX64() =>
        Skip.IfNot(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64, "the test knows Linux on x64 only");

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
