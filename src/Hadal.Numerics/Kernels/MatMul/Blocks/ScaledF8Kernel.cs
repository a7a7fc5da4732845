using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>Four times as many E4M3 numbers as there are lanes, as F32: lane i holds the four of the 32 bits i.</summary>
internal unsafe interface IE4M3Lanes<TSelf, TVector>
    where TSelf : struct
    where TVector : struct
{
    /// <summary>What loading needs, read once.</summary>
    static abstract TSelf Create();

    /// <summary>Widens the first, second, third and fourth byte of each 32 bits, exactly.</summary>
    void Load(byte* source, out TVector first, out TVector second, out TVector third, out TVector fourth);
}

/// <summary>
/// The innermost loop of products with E4M3 weights: up to four rows of F32 activations times the 16 rows of a panel. Lanes are rows of
/// the weight. In a block of 128 columns every fourth column is a chain of its own; the four are added in pairs, and their sum times the
/// block's factor is added to the result.
/// </summary>
internal static unsafe class ScaledF8Kernel<TLanes, TSimd, TVector>
    where TLanes : struct, IE4M3Lanes<TLanes, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>Continues sums over a stretch of columns.</summary>
    /// <typeparam name="TRows">Rows of activations.</typeparam>
    /// <param name="panel">The weights.</param>
    /// <param name="a">The first row's activations at the stretch.</param>
    /// <param name="aStride">Floats from row to row.</param>
    /// <param name="sums">16 for each row.</param>
    /// <param name="sumStride">Floats from the sums of a row to those of the next.</param>
    /// <param name="prefetches">Whether the weights come from memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<TRows>(PanelStretch panel, float* a, long aStride, float* sums, long sumStride, bool prefetches) where TRows : ICount
    {
        TLanes lanes = TLanes.Create();
        PanelPrefetch prefetch = new(PanelLayout.Of<F8Format>());
        for (int lane = 0; lane < PanelLayout.Rows; lane += TSimd.Lanes)
        {
            byte* at = panel.Elements + 4 * lane, front = panel.Front;
            float* x = a;
            for (int block = 0; block < panel.Blocks; block++)
            {
                TVector p0 = TSimd.Zero, q0 = TSimd.Zero, r0 = TSimd.Zero, s0 = TSimd.Zero;
                TVector p1 = TSimd.Zero, q1 = TSimd.Zero, r1 = TSimd.Zero, s1 = TSimd.Zero;
                TVector p2 = TSimd.Zero, q2 = TSimd.Zero, r2 = TSimd.Zero, s2 = TSimd.Zero;
                TVector p3 = TSimd.Zero, q3 = TSimd.Zero, r3 = TSimd.Zero, s3 = TSimd.Zero;
                for (int group = 0; group < BlockScaling.ReleasedBlock / 4; group++, at += CacheLines.Size, x += 4)
                {
                    if (prefetches && group % 8 == 0) prefetch.Ask(at, ref front, panel.End);
                    lanes.Load(at, out TVector first, out TVector second, out TVector third, out TVector fourth);
                    Add(x, first, second, third, fourth, ref p0, ref q0, ref r0, ref s0);
                    if (TRows.Count > 1) Add(x + aStride, first, second, third, fourth, ref p1, ref q1, ref r1, ref s1);
                    if (TRows.Count > 2) Add(x + 2 * aStride, first, second, third, fourth, ref p2, ref q2, ref r2, ref s2);
                    if (TRows.Count > 3) Add(x + 3 * aStride, first, second, third, fourth, ref p3, ref q3, ref r3, ref s3);
                }

                TVector scale = TSimd.Load((float*)panel.Heads + block * PanelLayout.Rows + lane);
                float* sum = sums + lane;
                Scale(scale, p0, q0, r0, s0, sum);
                if (TRows.Count > 1) Scale(scale, p1, q1, r1, s1, sum + sumStride);
                if (TRows.Count > 2) Scale(scale, p2, q2, r2, s2, sum + 2 * sumStride);
                if (TRows.Count > 3) Scale(scale, p3, q3, r3, s3, sum + 3 * sumStride);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(
        float* x, TVector first, TVector second, TVector third, TVector fourth, ref TVector p, ref TVector q, ref TVector r, ref TVector s)
    {
        p = TSimd.MultiplyAdd(first, TSimd.Broadcast(x[0]), p);
        q = TSimd.MultiplyAdd(second, TSimd.Broadcast(x[1]), q);
        r = TSimd.MultiplyAdd(third, TSimd.Broadcast(x[2]), r);
        s = TSimd.MultiplyAdd(fourth, TSimd.Broadcast(x[3]), s);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale(TVector scale, TVector p, TVector q, TVector r, TVector s, float* sum) =>
        TSimd.Store(TSimd.MultiplyAdd(scale, TSimd.Add(TSimd.Add(p, q), TSimd.Add(r, s)), TSimd.Load(sum)), sum);
}
