using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>Work on the rows of tensors that are independent of each other.</summary>
internal interface IRowJob
{
    /// <summary>Computes rows <paramref name="first"/> to <paramref name="end"/>, without the latter.</summary>
    void Execute(int first, int end);
}

/// <summary>Deals rows out to the workers, in parts that follow from their number alone.</summary>
internal static class RowJobs
{
    private const int RowsPerPart = 64;

    public static void Run<TJob>(WorkerPool pool, int rows, TJob job) where TJob : struct, IRowJob
    {
        Parts<TJob> parts = new(job, rows);
        pool.Run(ref parts, (rows + RowsPerPart - 1) / RowsPerPart);
    }

    private readonly struct Parts<TJob>(TJob job, int rows) : IParallelJob where TJob : struct, IRowJob
    {
        public void Execute(int part) => job.Execute(part * RowsPerPart, Math.Min(rows, (part + 1) * RowsPerPart));
    }
}
