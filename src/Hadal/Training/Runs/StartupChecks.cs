using System.Globalization;
using Hadal.Checkpoints;

namespace Hadal.Training;

/// <summary>What would otherwise fail after hours: a disk or a memory that is too small.</summary>
internal static class StartupChecks
{
    // The system, other programs, and the runtime's own heap.
    private const double UsableMemory = 0.95;

    /// <summary>Fails if the run's states would not fit on the disk that holds its folder.</summary>
    /// <param name="folder">The run's folder, which exists.</param>
    /// <param name="stateBytes">Bytes of one saved state.</param>
    /// <param name="states">States that exist at one time: those kept, the one being written, and the finished model.</param>
    /// <exception cref="CheckpointException">There is too little room.</exception>
    public static void RequireDisk(string folder, long stateBytes, int states)
    {
        long free = new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
        if (free >= stateBytes * states) return;
        throw new CheckpointException(
            folder, $"the disk has {Size(free)} free, expected {Size(stateBytes * states)} for {states} saved states of {Size(stateBytes)} each");
    }

    /// <summary>Fails if what a run keeps needs more memory than the machine can still give.</summary>
    /// <exception cref="InsufficientMemoryException">It does.</exception>
    public static void RequireMemory(long bytes) =>
        Require(bytes, "weights, gradients and optimiser", "train a smaller model");

    /// <summary>Fails if the activations of a micro-batch need more memory than the machine can still give.</summary>
    /// <param name="bytes">What they take.</param>
    /// <param name="advice">What makes it less.</param>
    /// <exception cref="InsufficientMemoryException">They do.</exception>
    public static void RequireMemoryForActivations(long bytes, string advice) => Require(bytes, "the activations of a micro-batch", advice);

    private static void Require(long bytes, string what, string advice)
    {
        long available = AvailableMemory();
        if (bytes <= available * UsableMemory) return;
        throw new InsufficientMemoryException($"training needs about {Size(bytes)} of memory for {what}, but {Size(available)} are available: {advice}.");
    }

    /// <summary>Bytes of memory that this process may still take.</summary>
    private static long AvailableMemory()
    {
        GCMemoryInfo info = GC.GetGCMemoryInfo();
        long limit = info.TotalAvailableMemoryBytes - Environment.WorkingSet;
        const string Linux = "/proc/meminfo";
        if (!File.Exists(Linux)) return limit;
        string? line = File.ReadLines(Linux).FirstOrDefault(l => l.StartsWith("MemAvailable:", StringComparison.Ordinal));
        string? kilobytes = line?.Split(' ', StringSplitOptions.RemoveEmptyEntries).ElementAtOrDefault(1);
        return long.TryParse(kilobytes, NumberStyles.None, CultureInfo.InvariantCulture, out long kb) ? Math.Min(limit, kb * 1024) : limit;
    }

    private static string Size(long bytes) => bytes >= 1L << 30
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):F1} GiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):F1} MiB");
}
