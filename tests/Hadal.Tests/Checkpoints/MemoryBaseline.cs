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

    /// <summary>Requires that no more is in use than before; what a thread of an earlier test takes for a moment is waited for.</summary>
    internal static void RequireNoMore(long before)
    {
        for (int wait = 0; wait < 50 && NativeBuffer.LiveBytes > before; wait++) Thread.Sleep(20);
        Assert.InRange(NativeBuffer.LiveBytes, 0, before);
    }
}
