using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>A term of a sum over a row.</summary>
internal interface ISumTerm
{
    /// <summary>sum plus the terms of the elements from i on that fill a register.</summary>
    TVector Add<TSimd, TVector>(TVector sum, nint i)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct;
}

/// <summary>Reductions over a row in an order that follows from its length and the register width alone.</summary>
internal static unsafe class RowReductions
{
    // Within a chunk the lanes add in binary32; chunks add in binary64. So the error stays that of a short sum however long the row:
    // a vocabulary of 129,280 logits would otherwise lose ten bits.
    public const int Chunk = 2048;

    /// <summary>
    /// The sum of a term over [0, count). An element meets at most Chunk/(4*Lanes) + 4 + Lanes additions in binary32 (its accumulator,
    /// the tree over four accumulators and their lanes, the tail).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum<TSimd, TVector, TTerm>(TTerm term, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TTerm : struct, ISumTerm
    {
        double total = 0;
        for (nint start = 0; start < count; start += Chunk)
        {
            nint end = Math.Min(start + Chunk, count);
            int lanes = TSimd.Lanes;

            // Four accumulators: an addition takes four cycles, and one starts every cycle at best.
            TVector s0 = TSimd.Zero, s1 = TSimd.Zero, s2 = TSimd.Zero, s3 = TSimd.Zero;
            nint i = start;
            for (; i <= end - 4 * lanes; i += 4 * lanes)
            {
                s0 = term.Add<TSimd, TVector>(s0, i);
                s1 = term.Add<TSimd, TVector>(s1, i + lanes);
                s2 = term.Add<TSimd, TVector>(s2, i + 2 * lanes);
                s3 = term.Add<TSimd, TVector>(s3, i + 3 * lanes);
            }

            for (; i <= end - lanes; i += lanes) s0 = term.Add<TSimd, TVector>(s0, i);
            float tail = 0;
            for (; i < end; i++) tail = term.Add<SimdScalar, float>(tail, i);
            total += TSimd.Sum(TSimd.Add(TSimd.Add(s0, s1), TSimd.Add(s2, s3))) + tail;
        }

        return total;
    }

    /// <summary>The largest of the elements, -inf if there are none, NaN if one is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max<TSimd, TVector>(float* x, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        TVector m0 = TSimd.Broadcast(float.NegativeInfinity), m1 = m0;
        nint i = 0;
        for (; i <= count - 2 * TSimd.Lanes; i += 2 * TSimd.Lanes)
        {
            m0 = TSimd.Max(m0, TSimd.Load(x + i));
            m1 = TSimd.Max(m1, TSimd.Load(x + i + TSimd.Lanes));
        }

        float max = TSimd.MaxLane(TSimd.Max(m0, m1));
        for (; i < count; i++) max = MathF.Max(max, x[i]);
        return max;
    }

    /// <summary>The same with plain scalar code.</summary>
    public static float MaxReference(float* x, nint count)
    {
        float max = float.NegativeInfinity;
        for (nint i = 0; i < count; i++) max = MathF.Max(max, x[i]);
        return max;
    }
}
