using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>The kinds of kernel that stand behind one face.</summary>
public enum KernelKind
{
    /// <summary>Scalar loops: the definition that the others are tested against.</summary>
    Reference,

    /// <summary>Managed SIMD: Vector512, Vector256 or Vector128, whichever the processor has.</summary>
    Managed,
}

/// <summary>Which kind of kernel this process runs: the environment variable HADAL_KERNELS, else the fastest there is.</summary>
public static class KernelSelection
{
    /// <summary>Name of the environment variable that forces a kind: <c>reference</c> or <c>managed</c>.</summary>
    public const string Variable = "HADAL_KERNELS";

    private static readonly Lazy<KernelKind> s_current = new(() => Parse(Environment.GetEnvironmentVariable(Variable)));

    /// <summary>The kind in force, read once per process.</summary>
    /// <exception cref="FormatException">The environment variable names no kind.</exception>
    public static KernelKind Current => s_current.Value;

    /// <summary>Width of the widest vector register used by managed kernels, in bits; 0 if none is accelerated.</summary>
    public static int VectorBits =>
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;

    /// <summary>Reads a value of <see cref="Variable"/>; null and the empty string mean the default.</summary>
    /// <exception cref="FormatException">The text names no kind.</exception>
    public static KernelKind Parse(string? text) => text switch
    {
        null or "" or "managed" => KernelKind.Managed,
        "reference" => KernelKind.Reference,
        _ => throw new FormatException($"{Variable} is '{text}', expected 'reference' or 'managed'."),
    };
}
