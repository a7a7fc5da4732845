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

    /// <summary>Requires that as much is in use as before, to the byte; what others take or free for a moment is waited for.</summary>
    internal static void RequireSame(long before)
    {
        for (int wait = 0; wait < 50 && NativeBuffer.LiveBytes != before; wait++) Thread.Sleep(20);
        Assert.Equal(before, NativeBuffer.LiveBytes);
    }
}
