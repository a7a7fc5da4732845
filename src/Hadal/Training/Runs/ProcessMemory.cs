using System.Diagnostics;

namespace Hadal.Training;

/// <summary>What this process takes of the machine's memory.</summary>
internal static class ProcessMemory
{
    /// <summary>The most that was resident at one time, in bytes.</summary>
    public static long PeakBytes
    {
        get
        {
            using Process process = Process.GetCurrentProcess();
            return process.PeakWorkingSet64;
        }
    }
}
