using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints;

/// <summary>Tests that count the process's native memory: none runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MemoryBaseline
{
    public const string Name = "memory baseline";

    /// <summary>Native bytes in use after what earlier tests forgot is gone.</summary>
    internal static long Take()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return NativeBuffer.LiveBytes;
    }
}
