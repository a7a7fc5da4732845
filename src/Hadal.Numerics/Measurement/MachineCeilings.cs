using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>
/// What this machine can do at most, measured: the numbers that kernel speeds are shares of. Each is the best of the rounds that fit the
/// duration, because other load on the machine only ever slows a round down.
/// </summary>
public static class MachineCeilings
{
    private const int MultiplyAddsPerRound = 1 << 20;
    private const int TileProductsPerRound = 1 << 15;
    private const int RegionsPerRound = 1000;

    /// <summary>
    /// Billions of floating-point operations a second (a multiply-add is two) of a loop that touches registers only, in the widest
    /// vectors of this processor, on all workers.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The duration is not positive.</exception>
    public static double FmaGigaflops(WorkerPool pool, TimeSpan duration)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(duration, TimeSpan.Zero);
        if (Vector512.IsHardwareAccelerated) return FmaGigaflops<Simd512, Vector512<float>>(pool, duration);
        if (Vector256.IsHardwareAccelerated) return FmaGigaflops<Simd256, Vector256<float>>(pool, duration);
        return FmaGigaflops<Simd128, Vector128<float>>(pool, duration);
    }

    /// <summary>
    /// Billions of floating-point operations a second of BF16 products on matrix tiles that never leave their registers, on all workers;
    /// null where this process has no kernels for them.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The duration is not positive.</exception>
    public static double? TileGigaflops(WorkerPool pool, TimeSpan duration)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(duration, TimeSpan.Zero);
        if (GeneratedKernels.Tiles is not { } kernels) return null;
        TileJob job = new(kernels);
        double seconds = BestRound(pool, ref job, duration);
        return (double)TileShape.Operations * TileProductsPerRound * pool.Count / seconds / 1e9;
    }

    /// <summary>
    /// Billions of operations a second (a product and an addition are two) of products of bytes that touch registers only, with the
    /// fastest instructions that kernels use for weights in blocks, on all workers.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The duration is not positive.</exception>
    public static double ByteGigaops(WorkerPool pool, TimeSpan duration)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(duration, TimeSpan.Zero);
        return ByteProductCeiling.Gigaops(pool, duration);
    }

    /// <summary>
    /// The ceiling of the unit that products of this precision run on: the tile unit where BF16 products are generated for it, else
    /// multiply-adds in vector registers.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The duration is not positive.</exception>
    public static double ProductGigaflops(WorkerPool pool, ProductPrecision precision, TimeSpan duration) =>
        (precision != ProductPrecision.F32 ? TileGigaflops(pool, duration) : null) ?? FmaGigaflops(pool, duration);

    /// <summary>
    /// Billions of bytes a second that all workers together read from a buffer of <paramref name="bytes"/>, which should be several
    /// times what the last-level cache holds for them.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The duration is not positive, or the buffer is below 1 MB.</exception>
    public static double ReadGigabytesPerSecond(WorkerPool pool, TimeSpan duration, long bytes = 512L << 20)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(duration, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1 << 20);
        if (Vector512.IsHardwareAccelerated) return ReadGigabytesPerSecond<Simd512, Vector512<float>>(pool, duration, bytes);
        if (Vector256.IsHardwareAccelerated) return ReadGigabytesPerSecond<Simd256, Vector256<float>>(pool, duration, bytes);
        return ReadGigabytesPerSecond<Simd128, Vector128<float>>(pool, duration, bytes);
    }

    /// <summary>
    /// Microseconds that a parallel region takes in which nothing is computed: until every worker has begun a part, as each waits for the
    /// others, and the caller has come back. Nothing else may use the pool meanwhile.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The duration is not positive.</exception>
    /// <exception cref="InvalidOperationException">The pool is at work, so that one worker would have to wait for itself.</exception>
    public static double DispatchMicroseconds(WorkerPool pool, TimeSpan duration)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(duration, TimeSpan.Zero);
        if (pool.Free != pool.Count) throw new InvalidOperationException("the pool is at work, expected an idle one");
        MeetingJob job = new(new int[1], pool.Count);
        double best = double.MaxValue;
        long start = Stopwatch.GetTimestamp();
        do
        {
            long begin = Stopwatch.GetTimestamp();
            for (int region = 0; region < RegionsPerRound; region++) job.Meet(pool);
            best = Math.Min(best, Stopwatch.GetElapsedTime(begin).TotalMicroseconds / RegionsPerRound);
        }
        while (Stopwatch.GetElapsedTime(start) < duration);

        return best;
    }

    private static double FmaGigaflops<TSimd, TVector>(WorkerPool pool, TimeSpan duration)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        MultiplyAddJob<TSimd, TVector> job = new(new float[pool.Count]);
        double seconds = BestRound(pool, ref job, duration);
        return 2.0 * TSimd.Lanes * MultiplyAddsPerRound * pool.Count / seconds / 1e9;
    }

    private static double ReadGigabytesPerSecond<TSimd, TVector>(WorkerPool pool, TimeSpan duration, long bytes)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        using NativeBuffer buffer = new(bytes);
        ReadJob<TSimd, TVector> job = new(buffer, new float[pool.Count]);
        double seconds = BestRound(pool, ref job, duration);
        return job.BytesPerWorker * (double)pool.Count / seconds / 1e9;
    }

    // The first round warms up; after it at least three count.
    internal static double BestRound<TJob>(WorkerPool pool, ref TJob job, TimeSpan duration) where TJob : struct, IParallelJob
    {
        pool.Run(ref job, pool.Count);
        double best = double.MaxValue;
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; round < 3 || Stopwatch.GetElapsedTime(start) < duration; round++)
        {
            long begin = Stopwatch.GetTimestamp();
            pool.Run(ref job, pool.Count);
            best = Math.Min(best, Stopwatch.GetElapsedTime(begin).TotalSeconds);
        }

        return best;
    }

    // As many parts as workers, of which none ends before all have begun, so every worker has one.
    private readonly struct MeetingJob(int[] arrived, int workers) : IParallelJob
    {
        public void Meet(WorkerPool pool)
        {
            arrived[0] = 0;
            MeetingJob job = this;
            pool.Run(ref job, workers);
        }

        public void Execute(int part)
        {
            Interlocked.Increment(ref arrived[0]);
            SpinWait wait = default;
            while (Volatile.Read(ref arrived[0]) < workers) wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    // Twelve chains: two ports with a latency of four or five cycles need eight to ten, and sixteen registers hold them with both factors.
    private readonly struct MultiplyAddJob<TSimd, TVector>(float[] sinks) : IParallelJob
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        public void Execute(int part) => sinks[part] = Chains(MultiplyAddsPerRound / 12);

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static float Chains(int rounds)
        {
            TVector x = TSimd.Broadcast(0.5f), y = TSimd.Broadcast(0.25f);
            TVector s0 = x, s1 = x, s2 = x, s3 = x, s4 = x, s5 = x, s6 = x, s7 = x, s8 = x, s9 = x, s10 = x, s11 = x;
            for (int i = 0; i < rounds; i++)
            {
                s0 = TSimd.MultiplyAdd(s0, x, y);
                s1 = TSimd.MultiplyAdd(s1, x, y);
                s2 = TSimd.MultiplyAdd(s2, x, y);
                s3 = TSimd.MultiplyAdd(s3, x, y);
                s4 = TSimd.MultiplyAdd(s4, x, y);
                s5 = TSimd.MultiplyAdd(s5, x, y);
                s6 = TSimd.MultiplyAdd(s6, x, y);
                s7 = TSimd.MultiplyAdd(s7, x, y);
                s8 = TSimd.MultiplyAdd(s8, x, y);
                s9 = TSimd.MultiplyAdd(s9, x, y);
                s10 = TSimd.MultiplyAdd(s10, x, y);
                s11 = TSimd.MultiplyAdd(s11, x, y);
            }

            TVector low = TSimd.Add(TSimd.Add(TSimd.Add(s0, s1), TSimd.Add(s2, s3)), TSimd.Add(s4, s5));
            TVector high = TSimd.Add(TSimd.Add(TSimd.Add(s6, s7), TSimd.Add(s8, s9)), TSimd.Add(s10, s11));
            return TSimd.Sum(TSimd.Add(low, high));
        }
    }

    private readonly struct TileJob(TileKernelSet kernels) : IParallelJob
    {
        public void Execute(int part)
        {
            kernels.Configure();
            kernels.MultiplyInRegisters(TileProductsPerRound / TileKernelSet.ProductsPerCeilingRound);
            kernels.Release();
        }
    }

    // Eight streams for each worker: one stream leaves half of what a core can have in flight unused.
    private readonly unsafe struct ReadJob<TSimd, TVector>(NativeBuffer buffer, float[] sinks) : IParallelJob
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        private const int Streams = 8;

        public long BytesPerWorker => StreamLength * Streams * sizeof(float);

        // In floats, a whole number of cache lines.
        private long StreamLength => buffer.ByteLength / sizeof(float) / sinks.Length / Streams / 16 * 16;

        public void Execute(int part)
        {
            long length = StreamLength;
            sinks[part] = Sum((float*)buffer.Data + part * Streams * length, length);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static float Sum(float* source, long length)
        {
            TVector s0 = TSimd.Zero, s1 = TSimd.Zero, s2 = TSimd.Zero, s3 = TSimd.Zero;
            float* source4 = source + 4 * length;
            for (long i = 0; i < length; i += TSimd.Lanes, source += TSimd.Lanes, source4 += TSimd.Lanes)
            {
                s0 = TSimd.Add(TSimd.Add(s0, TSimd.Load(source)), TSimd.Load(source4));
                s1 = TSimd.Add(TSimd.Add(s1, TSimd.Load(source + length)), TSimd.Load(source4 + length));
                s2 = TSimd.Add(TSimd.Add(s2, TSimd.Load(source + 2 * length)), TSimd.Load(source4 + 2 * length));
                s3 = TSimd.Add(TSimd.Add(s3, TSimd.Load(source + 3 * length)), TSimd.Load(source4 + 3 * length));
            }

            return TSimd.Sum(TSimd.Add(TSimd.Add(s0, s1), TSimd.Add(s2, s3)));
        }
    }
}
