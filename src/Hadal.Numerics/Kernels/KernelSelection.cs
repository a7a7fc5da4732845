using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>The kinds of kernel that stand behind one face.</summary>
public enum KernelKind
{
    /// <summary>Scalar loops: the definition that the others are tested against.</summary>
    Reference,

    /// <summary>Managed SIMD: Vector512, Vector256 or Vector128, whichever the processor has.</summary>
    Managed,

    /// <summary>Machine code generated at run time where there is some (<see cref="GeneratedKernels"/>), managed SIMD for the rest.</summary>
    Generated,
}

/// <summary>Which kind of kernel this process runs: the environment variable HADAL_KERNELS, else the fastest there is.</summary>
public static class KernelSelection
{
    /// <summary>Name of the environment variable that forces a kind: <c>reference</c>, <c>managed</c> or <c>generated</c>.</summary>
    public const string Variable = "HADAL_KERNELS";

    private static readonly Lazy<KernelKind> s_current =
        new(() => Choose(Environment.GetEnvironmentVariable(Variable), GeneratedKernels.Families));

    /// <summary>The kind in force, read once per process.</summary>
    /// <exception cref="FormatException">The environment variable names no kind, or one that this process can't run.</exception>
    public static KernelKind Current => s_current.Value;

    /// <summary>Width of the widest vector register used by managed kernels, in bits; 0 if none is accelerated.</summary>
    public static int VectorBits =>
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;

    /// <summary>
    /// Reads a value of <see cref="Variable"/>. Null and the empty string take the fastest kind; <c>generated</c> by name is an error
    /// where no family of generated kernels can run.
    /// </summary>
    /// <exception cref="FormatException">The text names no kind, or one that this process can't run.</exception>
    public static KernelKind Choose(string? text, IReadOnlyList<GeneratedKernelFamily> families)
    {
        ArgumentNullException.ThrowIfNull(families);
        bool canGenerate = families.Any(family => family.Obstacle == null);
        return text switch
        {
            null or "" => canGenerate ? KernelKind.Generated : KernelKind.Managed,
            "generated" when canGenerate => KernelKind.Generated,
            "generated" => throw new FormatException(
                $"{Variable} is 'generated', but no generated kernel can run here: {string.Join("; ", families.Select(family => family.Obstacle).Distinct())}."),
            "managed" => KernelKind.Managed,
            "reference" => KernelKind.Reference,
            _ => throw new FormatException($"{Variable} is '{text}', expected 'reference', 'managed' or 'generated'."),
        };
    }
}
