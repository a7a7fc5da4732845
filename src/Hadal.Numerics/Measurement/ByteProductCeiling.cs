using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>Products of bytes that never leave their registers, with the fastest instructions that products of blocks use.</summary>
internal static class ByteProductCeiling
{
    private const int Rounds = 1 << 16, GeneratedRounds = 1 << 13;

    // Twelve chains hide the latency of two units, though each waits for another.
    private const int Chains = 12;

    // Lane by lane four products and four additions.
    private const int OperationsPerLane = 8;

    /// <summary>Billions of operations a second on all workers.</summary>
    public static double Gigaops(WorkerPool pool, TimeSpan duration) => PanelProduct.Best switch
    {
        PanelInstructions.Vector128 => Gigaops<ByteLanes128, Vector128<int>, Vector128<float>>(pool, duration),
        PanelInstructions.Avx2 or PanelInstructions.Avx2Avx512 => Gigaops<ByteLanes256<Avx2Dot>, Vector256<int>, Vector256<float>>(pool, duration),
        PanelInstructions.Avx512Vnni => Gigaops(new VectorJob(GeneratedKernels.Panels!), PanelKernelSet.OperationsPerCeilingRound, pool, duration),
        PanelInstructions.ByteTiles => Gigaops(new TileJob(GeneratedKernels.ByteTiles!), ByteTileKernelSet.OperationsPerCeilingRound, pool, duration),
        _ => Gigaops<ByteLanes256<VnniDot>, Vector256<int>, Vector256<float>>(pool, duration),
    };

    private static double Gigaops<TJob>(TJob job, int operationsPerRound, WorkerPool pool, TimeSpan duration) where TJob : struct, IParallelJob
    {
        double seconds = MachineCeilings.BestRound(pool, ref job, duration);
        return (double)operationsPerRound * GeneratedRounds * pool.Count / seconds / 1e9;
    }

    private static double Gigaops<TLanes, TInt, TVector>(WorkerPool pool, TimeSpan duration)
        where TLanes : struct, IByteLanes<TInt, TVector>
        where TInt : struct
        where TVector : struct
    {
        Job<TLanes, TInt, TVector> job = new(new float[pool.Count]);
        double seconds = MachineCeilings.BestRound(pool, ref job, duration);
        return (double)OperationsPerLane * TLanes.Count * Chains * Rounds * pool.Count / seconds / 1e9;
    }

    private readonly struct TileJob(ByteTileKernelSet kernels) : IParallelJob
    {
        public void Execute(int part) => kernels.MultiplyInRegisters(GeneratedRounds);
    }

    private readonly struct VectorJob(PanelKernelSet kernels) : IParallelJob
    {
        public void Execute(int part) => kernels.MultiplyInRegisters(GeneratedRounds);
    }

    private readonly unsafe struct Job<TLanes, TInt, TVector>(float[] sinks) : IParallelJob
        where TLanes : struct, IByteLanes<TInt, TVector>
        where TInt : struct
        where TVector : struct
    {
        public void Execute(int part)
        {
            TVector sum = TLanes.ToSingle(Run(TLanes.Create(0x01020304), TLanes.Create(0x04030201)));
            sinks[part] = Unsafe.As<TVector, float>(ref sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static TInt Run(TInt w, TInt x)
        {
            TInt s0 = w, s1 = w, s2 = w, s3 = w, s4 = w, s5 = w, s6 = w, s7 = w, s8 = w, s9 = w, s10 = w, s11 = w;

            // Another chain's sum for weights, which no compiler can take out of the loop or use twice.
            for (int i = 0; i < Rounds; i++)
            {
                s0 = TLanes.Dot(s0, s1, x);
                s1 = TLanes.Dot(s1, s2, x);
                s2 = TLanes.Dot(s2, s3, x);
                s3 = TLanes.Dot(s3, s4, x);
                s4 = TLanes.Dot(s4, s5, x);
                s5 = TLanes.Dot(s5, s6, x);
                s6 = TLanes.Dot(s6, s7, x);
                s7 = TLanes.Dot(s7, s8, x);
                s8 = TLanes.Dot(s8, s9, x);
                s9 = TLanes.Dot(s9, s10, x);
                s10 = TLanes.Dot(s10, s11, x);
                s11 = TLanes.Dot(s11, s0, x);
            }

            TInt first = TLanes.Or(TLanes.Or(TLanes.Or(s0, s1), TLanes.Or(s2, s3)), TLanes.Or(s4, s5));
            TInt second = TLanes.Or(TLanes.Or(TLanes.Or(s6, s7), TLanes.Or(s8, s9)), TLanes.Or(s10, s11));
            return TLanes.Or(first, second);
        }
    }
}
