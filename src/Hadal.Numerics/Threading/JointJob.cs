using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// Jobs that do not depend on each other as one, so that they share a parallel region: the parts of the first, then those of the second.
/// The jobs lie in memory of the caller, who keeps it until the region is over.
/// </summary>
internal unsafe struct JointJob(JointJob.Entry* entries) : IParallelJob
{
    private int _count;

    /// <summary>A job and where its parts end.</summary>
    public struct Entry
    {
        public void* Job;
        public delegate*<void*, int, void> Execute;
        public int End;
    }

    /// <summary>Parts of all jobs.</summary>
    public readonly int Parts => _count == 0 ? 0 : entries[_count - 1].End;

    /// <summary>Adds a job.</summary>
    public void Add<TJob>(TJob* job, int parts) where TJob : unmanaged, IParallelJob
    {
        int end = checked(Parts + parts);
        entries[_count++] = new Entry { Job = job, Execute = &Execute<TJob>, End = end };
    }

    public readonly void Execute(int part)
    {
        Entry* entry = entries;
        int first = 0;
        for (; part >= entry->End; entry++) first = entry->End;
        entry->Execute(entry->Job, part - first);
    }

    private static void Execute<TJob>(void* job, int part) where TJob : unmanaged, IParallelJob => Unsafe.AsRef<TJob>(job).Execute(part);
}
