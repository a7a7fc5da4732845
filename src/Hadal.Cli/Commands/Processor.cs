using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;
using Hadal.Numerics;
using ArmAdvSimd = System.Runtime.Intrinsics.Arm.AdvSimd;

namespace Hadal.Cli.Commands;

/// <summary>The processor under this program, as far as kernels care.</summary>
/// <param name="Name">Its brand.</param>
/// <param name="Cores">Logical cores that this process may use.</param>
/// <param name="MemoryBytes">Memory that this process may use.</param>
/// <param name="Features">Instruction sets that managed code may use, after any DOTNET_Enable* switch.</param>
/// <param name="OtherFeatures">Instruction sets that the processor has and no managed code can use.</param>
internal sealed record Processor(string Name, int Cores, long MemoryBytes, IReadOnlyList<string> Features, IReadOnlyList<string> OtherFeatures)
{
    public static Processor Detect() => new(
        Brand(), Environment.ProcessorCount, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        [
            .. new (string Name, bool Supported)[]
            {
                ("SSE4.2", Sse42.IsSupported), ("AVX", Avx.IsSupported), ("AVX2", Avx2.IsSupported), ("FMA", Fma.IsSupported),
                ("AVX-VNNI", AvxVnni.IsSupported), ("AVX512F", Avx512F.IsSupported), ("AVX512BW", Avx512BW.IsSupported),
                ("AVX512DQ", Avx512DQ.IsSupported), ("AVX512VBMI", Avx512Vbmi.IsSupported), ("AdvSimd", ArmAdvSimd.IsSupported),
            }.Where(feature => feature.Supported).Select(feature => feature.Name),
        ],
        GeneratedKernels.ProcessorFeatureNames);

    // CPUID leaves 0x80000002 to 0x80000004 hold 48 characters.
    private static string Brand()
    {
        if (!X86Base.IsSupported || X86Base.CpuId(unchecked((int)0x80000000), 0).Eax >= 0) return $"{RuntimeInformation.ProcessArchitecture} processor";
        byte[] text = new byte[48];
        for (int leaf = 0; leaf < 3; leaf++)
        {
            (int eax, int ebx, int ecx, int edx) = X86Base.CpuId(unchecked((int)0x80000002) + leaf, 0);
            MemoryMarshal.AsBytes([eax, ebx, ecx, edx]).CopyTo(text.AsSpan(leaf * 16));
        }

        return Encoding.ASCII.GetString(text).TrimEnd('\0', ' ').Trim();
    }
}
