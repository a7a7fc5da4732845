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
    private static readonly Lazy<string?> s_tilesObstacle = new(() => Obstacle(TileKernelSet.Needs) ?? TilePermission.Request());

    private static readonly Lazy<TileKernelSet?> s_tiles =
        new(() => KernelSelection.Current == KernelKind.Generated && s_tilesObstacle.Value == null ? new TileKernelSet() : null);

    private static readonly Lazy<string?> s_byteTilesObstacle = new(() => Obstacle(ByteTileKernelSet.Needs) ?? TilePermission.Request());

    private static readonly Lazy<ByteTileKernelSet?> s_byteTiles =
        new(() => KernelSelection.Current == KernelKind.Generated && s_byteTilesObstacle.Value == null ? new ByteTileKernelSet() : null);

    /// <summary>All families, in the order in which users should read of them.</summary>
    public static IReadOnlyList<GeneratedKernelFamily> Families { get; } =
    [
        new("BF16 products on AMX tiles", s_tilesObstacle.Value), new("INT8 products on AMX tiles", s_byteTilesObstacle.Value),
    ];

    /// <summary>The processor's instruction sets for which generated code exists or could, by name.</summary>
    public static IReadOnlyList<string> ProcessorFeatureNames { get; } = ProcessorFeature.Names(ProcessorFeature.Present);

    /// <summary>BF16 products on tiles; null where managed kernels compute them.</summary>
    internal static TileKernelSet? Tiles => s_tiles.Value;

    /// <summary>Products of bytes on tiles; null where managed kernels compute them.</summary>
    internal static ByteTileKernelSet? ByteTiles => s_byteTiles.Value;

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
