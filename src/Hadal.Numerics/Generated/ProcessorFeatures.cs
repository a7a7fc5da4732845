using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>Instruction sets that generated code may use and for which managed code has no intrinsics.</summary>
[Flags]
internal enum ProcessorFeatures
{
    None = 0,

    /// <summary>Tile registers and their configuration.</summary>
    AmxTile = 1,

    /// <summary>Products of BF16 tiles.</summary>
    AmxBf16 = 2,

    /// <summary>Products of INT8 tiles.</summary>
    AmxInt8 = 4,

    /// <summary>Conversions to BF16 and dot products of BF16 pairs in vector registers.</summary>
    Avx512Bf16 = 8,

    /// <summary>Dot products of INT8 in 512-bit registers.</summary>
    Avx512Vnni = 16,

    /// <summary>Arithmetic in F16.</summary>
    Avx512Fp16 = 32,
}

/// <summary>What CPUID says of them.</summary>
internal static class ProcessorFeature
{
    /// <summary>The features of this processor, whether they can be used or not.</summary>
    public static ProcessorFeatures Present { get; } = Detect();

    /// <summary>The features of this processor. None of them without the AVX-512 of managed code, so its switch turns them off too.</summary>
    public static ProcessorFeatures Usable => Avx512BW.IsSupported ? Present : ProcessorFeatures.None;

    /// <summary>Whether the processor is AMD's.</summary>
    public static bool IsAmd { get; } = X86Base.IsSupported && X86Base.CpuId(0, 0) is (_, 0x68747541, 0x444D4163, 0x69746E65); // "AuthenticAMD" in EBX, EDX, ECX

    /// <summary>The names of features, as manuals write them.</summary>
    public static string[] Names(ProcessorFeatures features) =>
    [
        .. new (ProcessorFeatures Feature, string Name)[]
        {
            (ProcessorFeatures.AmxTile, "AMX-TILE"), (ProcessorFeatures.AmxBf16, "AMX-BF16"), (ProcessorFeatures.AmxInt8, "AMX-INT8"),
            (ProcessorFeatures.Avx512Bf16, "AVX512-BF16"), (ProcessorFeatures.Avx512Vnni, "AVX512-VNNI"),
            (ProcessorFeatures.Avx512Fp16, "AVX512-FP16"),
        }.Where(named => features.HasFlag(named.Feature)).Select(named => named.Name),
    ];

    // Intel's and AMD's manuals, CPUID leaf 7: subleaf 0 in ECX and EDX, subleaf 1 in EAX.
    private static ProcessorFeatures Detect()
    {
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < 7) return ProcessorFeatures.None;
        (int subleaves, _, int ecx, int edx) = X86Base.CpuId(7, 0);
        int eax = subleaves >= 1 ? X86Base.CpuId(7, 1).Eax : 0;
        return If(edx, 24, ProcessorFeatures.AmxTile) | If(edx, 22, ProcessorFeatures.AmxBf16) | If(edx, 25, ProcessorFeatures.AmxInt8)
            | If(eax, 5, ProcessorFeatures.Avx512Bf16) | If(ecx, 11, ProcessorFeatures.Avx512Vnni) | If(edx, 23, ProcessorFeatures.Avx512Fp16);

        static ProcessorFeatures If(int bits, int bit, ProcessorFeatures feature) => (bits >> bit & 1) != 0 ? feature : ProcessorFeatures.None;
    }
}
