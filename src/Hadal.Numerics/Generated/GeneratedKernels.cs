using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>A family of generated kernels and whether this process can run it.</summary>
/// <param name="Name">What it computes, and with which instructions.</param>
/// <param name="Obstacle">Why it can't run, in words for a user; null if it can.</param>
public sealed record GeneratedKernelFamily(string Name, string? Obstacle);

/// <summary>
/// The registry of generated kernels. A family is there when the processor has its instructions and the system allows them; where it
/// isn't, managed kernels compute the same faces. Nothing is generated before it is first used.
/// </summary>
public static class GeneratedKernels
{
    /// <summary>Name of the environment variable that turns tile registers off with the value 0, as DOTNET_EnableAVX512 does AVX-512.</summary>
    public const string TilesVariable = "HADAL_ENABLE_AMX";

    /// <summary>
    /// Name of the environment variable that takes products with AVX512-BF16, where there are no tile registers, with the value 1 on any processor that has
    /// them, with 0 on none. By default AMD's do: a Sapphire Rapids Xeon multiplies pairs of BF16 in vector registers at a quarter of F32's rate.
    /// </summary>
    public const string VectorsVariable = "HADAL_ENABLE_AVX512BF16";

    private static readonly Lazy<string?> s_tilesObstacle = new(() => TilesObstacle(TileKernelSet.Needs(TileInstructions.Amx)));

    private static readonly Lazy<string?> s_byteTilesObstacle = new(() => TilesObstacle(ByteTileKernelSet.Needs));

    private static readonly Lazy<string?> s_vectorTilesObstacle = new(() =>
        Obstacle(TileKernelSet.Needs(TileInstructions.Avx512)) ?? (s_tilesObstacle.Value == null ? "AMX tiles are faster" : VectorsSwitch()));

    private static readonly Lazy<TileKernelSet?> s_tiles = new(() => KernelSelection.Current != KernelKind.Generated ? null
        : s_tilesObstacle.Value == null ? new TileKernelSet(TileInstructions.Amx)
        : s_vectorTilesObstacle.Value == null ? new TileKernelSet(TileInstructions.Avx512) : null);

    private static readonly Lazy<ByteTileKernelSet?> s_byteTiles =
        new(() => KernelSelection.Current == KernelKind.Generated && s_byteTilesObstacle.Value == null ? new ByteTileKernelSet() : null);

    private static readonly Lazy<string?> s_panelsObstacle = new(() =>
        Obstacle(PanelKernelSet.Needs) ?? (s_byteTilesObstacle.Value == null ? "AMX tiles are faster" : null));

    private static readonly Lazy<PanelKernelSet?> s_panels =
        new(() => KernelSelection.Current == KernelKind.Generated && s_panelsObstacle.Value == null ? new PanelKernelSet() : null);

    private static readonly Lazy<string?> s_fewRowsObstacle = new(() => Avx512BW.IsSupported ? Obstacle(ProcessorFeatures.None) : "the processor has no AVX-512, or it is turned off");

    private static readonly Lazy<FewRowsKernelSet?> s_fewRows =
        new(() => KernelSelection.Current == KernelKind.Generated && s_fewRowsObstacle.Value == null ? new FewRowsKernelSet() : null);

    /// <summary>All families, in the order in which users should read of them.</summary>
    public static IReadOnlyList<GeneratedKernelFamily> Families { get; } =
    [
        new("BF16 products on AMX tiles", s_tilesObstacle.Value), new("INT8 products on AMX tiles", s_byteTilesObstacle.Value),
        new("BF16 products with AVX512-BF16", s_vectorTilesObstacle.Value), new("products with weights in blocks with AVX512-VNNI", s_panelsObstacle.Value),
        new("F32 products of few rows with AVX-512", s_fewRowsObstacle.Value),
    ];

    /// <summary>The processor's instruction sets for which generated code exists or could, by name.</summary>
    public static IReadOnlyList<string> ProcessorFeatureNames { get; } = ProcessorFeature.Names(ProcessorFeature.Present);

    /// <summary>BF16 products on tiles, whichever instructions multiply them; null where managed kernels compute them.</summary>
    internal static TileKernelSet? Tiles => s_tiles.Value;

    /// <summary>Products of bytes on tiles; null where managed kernels compute them.</summary>
    internal static ByteTileKernelSet? ByteTiles => s_byteTiles.Value;

    /// <summary>Products with weights in blocks in vector registers; null where tiles or managed kernels compute them.</summary>
    internal static PanelKernelSet? Panels => s_panels.Value;

    /// <summary>F32 products of a few rows; null where managed kernels compute them.</summary>
    internal static FewRowsKernelSet? FewRows => s_fewRows.Value;

    private static string? TilesObstacle(ProcessorFeatures needs) => Environment.GetEnvironmentVariable(TilesVariable) == "0"
        ? $"{TilesVariable} turns tile registers off"
        : Obstacle(needs) ?? TilePermission.Request();

    private static string? VectorsSwitch() => Environment.GetEnvironmentVariable(VectorsVariable) switch
    {
        "1" => null,
        "0" => $"{VectorsVariable} turns them off",
        _ => ProcessorFeature.IsAmd ? null : $"F32 was faster where this was measured, on an Intel Xeon; {VectorsVariable}=1 takes them all the same",
    };

    // A page of no use, sealed and given back, shows whether the system allows generated code.
    private static string? Obstacle(ProcessorFeatures needs)
    {
        ProcessorFeatures missing = needs & ~ProcessorFeature.Present;
        if (missing != 0) return $"the processor has no {string.Join(", ", ProcessorFeature.Names(missing))}";
        if ((needs & ~ProcessorFeature.Usable) != 0) return "AVX-512 is turned off for this process";
        try
        {
            new ExecutableMemory([0xC3]).Dispose();
            return null;
        }
        catch (NotSupportedException e)
        {
            return e.Message;
        }
    }
}
