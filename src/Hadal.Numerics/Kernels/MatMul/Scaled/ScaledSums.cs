using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// Promotion (2412.19437, section 3.3.2): sums of 128 products of codes, short of their scales, are added to a result in F32,
/// y = fma(scaleA · scaleB, sum, y).
/// </summary>
internal static unsafe class ScaledSums<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    /// <summary>Adds a block of sums.</summary>
    /// <param name="rows">Rows of the block.</param>
    /// <param name="columns">Columns of the block.</param>
    /// <param name="sums">The sums.</param>
    /// <param name="stride">Floats from one row of them to the next.</param>
    /// <param name="a">A scale for each row.</param>
    /// <param name="b">A scale for each column.</param>
    /// <param name="c">First element of the result.</param>
    /// <param name="cStride">Floats from one row of the result to the next.</param>
    /// <param name="fromZero">Whether y starts at zero and not at what c holds.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Add(int rows, int columns, float* sums, long stride, float* a, float* b, float* c, long cStride, bool fromZero)
    {
        for (int i = 0; i < rows; i++, sums += stride, c += cStride)
        {
            TVector scale = TSimd.Broadcast(a[i]);
            int j = 0;
            for (; j <= columns - TSimd.Lanes; j += TSimd.Lanes)
            {
                TVector y = fromZero ? TSimd.Zero : TSimd.Load(c + j);
                TSimd.Store(TSimd.MultiplyAdd(TSimd.Multiply(scale, TSimd.Load(b + j)), TSimd.Load(sums + j), y), c + j);
            }

            for (; j < columns; j++) c[j] = SimdScalar.MultiplyAdd(a[i] * b[j], sums[j], fromZero ? 0 : c[j]);
        }
    }
}
