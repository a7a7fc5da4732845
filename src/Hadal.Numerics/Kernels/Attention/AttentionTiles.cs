using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Hadal.Numerics;

/// <summary>
/// Small matrix products C += A B whose every element is one chain of multiply-adds over the depth in ascending order, starting from
/// the value in memory. So an element's bits don't depend on the tile it was computed in, on how many rows there are, or on where the
/// chain was interrupted: what attention's promise of equal results in every batching rests on.
/// A[row, k] lies at a[row * rowStep + k * depthStep]; rows of B and C are padded to whole vectors.
/// </summary>
internal static unsafe class AttentionTiles<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    // With 32 vector registers a tile of 4x4 vectors is held in registers, with 16 one of 4x2.
    private static bool HasManyRegisters => Vector512.IsHardwareAccelerated || AdvSimd.IsSupported;

    // A panel of B this deep and this wide takes half to two thirds of a first-level cache.
    private const int PanelDepth = 128;
    private const int PanelColumns = 128;

    /// <summary>Rectangular product: all rows take the whole depth. B is narrow (the keys of a block).</summary>
    public static void Dense(float* a, nint aStride, float* b, nint bStride, float* c, nint cStride, int rows, int vectors, int depth)
    {
        for (int k = 0; k < depth; k += PanelDepth)
        {
            int count = Math.Min(PanelDepth, depth - k);
            int row = 0;
            for (; row + 4 <= rows; row += 4)
            {
                Quad(a + row * aStride + k, aStride, 1, b + k * bStride, bStride, c + row * cStride, cStride, vectors, count);
            }

            for (; row < rows; row++) Single(a + row * aStride + k, 1, b + k * bStride, bStride, c + row * cStride, vectors, count);
        }
    }

    /// <summary>
    /// Product along the causal diagonal: row r takes the depths from[r] to to[r]. Both bounds ascend with r. What is masked is never
    /// multiplied, not even by zero, so an infinity behind the mask does no harm.
    /// </summary>
    public static void Stairs(
        float* a, nint rowStep, nint depthStep, float* b, nint bStride, float* c, nint cStride, int rows, int vectors, int* from, int* to)
    {
        int panel = PanelColumns / TSimd.Lanes;
        for (int start = 0; start < vectors; start += panel)
        {
            int count = Math.Min(panel, vectors - start);
            float* bPanel = b + start * TSimd.Lanes;
            float* cPanel = c + start * TSimd.Lanes;
            int row = 0;
            for (; row + 4 <= rows; row += 4)
            {
                int low = from[row + 3];
                int high = to[row];
                if (low < high)
                {
                    Steps(a, rowStep, depthStep, bPanel, bStride, cPanel, cStride, count, row, from, low);
                    Quad(
                        a + row * rowStep + low * depthStep, rowStep, depthStep, bPanel + low * bStride, bStride,
                        cPanel + row * cStride, cStride, count, high - low);
                    Steps(a, rowStep, depthStep, bPanel, bStride, cPanel, cStride, count, row, high, to);
                }
                else
                {
                    for (int i = row; i < row + 4; i++)
                    {
                        Step(a, rowStep, depthStep, bPanel, bStride, cPanel, cStride, count, i, from[i], to[i]);
                    }
                }
            }

            for (; row < rows; row++) Step(a, rowStep, depthStep, bPanel, bStride, cPanel, cStride, count, row, from[row], to[row]);
        }
    }

    // The lower ends of four rows, up to where all four have begun.
    private static void Steps(
        float* a, nint rowStep, nint depthStep, float* b, nint bStride, float* c, nint cStride, int vectors, int row, int* from, int to)
    {
        for (int i = row; i < row + 3; i++) Step(a, rowStep, depthStep, b, bStride, c, cStride, vectors, i, from[i], to);
    }

    // The upper ends of four rows, from where the first has ended.
    private static void Steps(
        float* a, nint rowStep, nint depthStep, float* b, nint bStride, float* c, nint cStride, int vectors, int row, int from, int* to)
    {
        for (int i = row + 1; i < row + 4; i++) Step(a, rowStep, depthStep, b, bStride, c, cStride, vectors, i, from, to[i]);
    }

    private static void Step(
        float* a, nint rowStep, nint depthStep, float* b, nint bStride, float* c, nint cStride, int vectors, int row, int from, int to)
    {
        if (from >= to) return;
        Single(a + row * rowStep + from * depthStep, depthStep, b + from * bStride, bStride, c + row * cStride, vectors, to - from);
    }

    private static void Quad(
        float* a, nint rowStep, nint depthStep, float* b, nint bStride, float* c, nint cStride, int vectors, int depth)
    {
        int vector = 0;
        if (HasManyRegisters)
        {
            for (; vector + 4 <= vectors; vector += 4)
            {
                FourByFour(a, rowStep, depthStep, b, bStride, c, cStride, vector * TSimd.Lanes, depth);
            }
        }

        for (; vector + 2 <= vectors; vector += 2) FourByTwo(a, rowStep, depthStep, b, bStride, c, cStride, vector * TSimd.Lanes, depth);
        if (vector < vectors) FourByOne(a, rowStep, depthStep, b, bStride, c, cStride, vector * TSimd.Lanes, depth);
    }

    private static void Single(float* a, nint depthStep, float* b, nint bStride, float* c, int vectors, int depth)
    {
        int vector = 0;
        for (; vector + 4 <= vectors; vector += 4)
        {
            OneByFour(a, depthStep, b + vector * TSimd.Lanes, bStride, c + vector * TSimd.Lanes, depth);
        }
        for (; vector < vectors; vector++) OneByOne(a, depthStep, b + vector * TSimd.Lanes, bStride, c + vector * TSimd.Lanes, depth);
    }

    private static void FourByFour(
        float* a, nint rowStep, nint depthStep, float* b, nint bStride, float* c, nint cStride, int column, int depth)
    {
        int n = TSimd.Lanes;
        b += column;
        c += column;
        float* c1 = c + cStride;
        float* c2 = c1 + cStride;
        float* c3 = c2 + cStride;
        TVector s00 = TSimd.Load(c), s01 = TSimd.Load(c + n), s02 = TSimd.Load(c + 2 * n), s03 = TSimd.Load(c + 3 * n);
        TVector s10 = TSimd.Load(c1), s11 = TSimd.Load(c1 + n), s12 = TSimd.Load(c1 + 2 * n), s13 = TSimd.Load(c1 + 3 * n);
        TVector s20 = TSimd.Load(c2), s21 = TSimd.Load(c2 + n), s22 = TSimd.Load(c2 + 2 * n), s23 = TSimd.Load(c2 + 3 * n);
        TVector s30 = TSimd.Load(c3), s31 = TSimd.Load(c3 + n), s32 = TSimd.Load(c3 + 2 * n), s33 = TSimd.Load(c3 + 3 * n);
        nint rowStep2 = 2 * rowStep;
        nint rowStep3 = 3 * rowStep;
        for (int k = 0; k < depth; k++)
        {
            TVector b0 = TSimd.Load(b), b1 = TSimd.Load(b + n), b2 = TSimd.Load(b + 2 * n), b3 = TSimd.Load(b + 3 * n);
            TVector x = TSimd.Broadcast(a[0]);
            s00 = TSimd.MultiplyAdd(x, b0, s00);
            s01 = TSimd.MultiplyAdd(x, b1, s01);
            s02 = TSimd.MultiplyAdd(x, b2, s02);
            s03 = TSimd.MultiplyAdd(x, b3, s03);
            x = TSimd.Broadcast(a[rowStep]);
            s10 = TSimd.MultiplyAdd(x, b0, s10);
            s11 = TSimd.MultiplyAdd(x, b1, s11);
            s12 = TSimd.MultiplyAdd(x, b2, s12);
            s13 = TSimd.MultiplyAdd(x, b3, s13);
            x = TSimd.Broadcast(a[rowStep2]);
            s20 = TSimd.MultiplyAdd(x, b0, s20);
            s21 = TSimd.MultiplyAdd(x, b1, s21);
            s22 = TSimd.MultiplyAdd(x, b2, s22);
            s23 = TSimd.MultiplyAdd(x, b3, s23);
            x = TSimd.Broadcast(a[rowStep3]);
            s30 = TSimd.MultiplyAdd(x, b0, s30);
            s31 = TSimd.MultiplyAdd(x, b1, s31);
            s32 = TSimd.MultiplyAdd(x, b2, s32);
            s33 = TSimd.MultiplyAdd(x, b3, s33);
            a += depthStep;
            b += bStride;
        }

        StoreFour(s00, s01, s02, s03, c);
        StoreFour(s10, s11, s12, s13, c1);
        StoreFour(s20, s21, s22, s23, c2);
        StoreFour(s30, s31, s32, s33, c3);
    }

    private static void FourByTwo(
        float* a, nint rowStep, nint depthStep, float* b, nint bStride, float* c, nint cStride, int column, int depth)
    {
        int n = TSimd.Lanes;
        b += column;
        c += column;
        float* c1 = c + cStride;
        float* c2 = c1 + cStride;
        float* c3 = c2 + cStride;
        TVector s00 = TSimd.Load(c), s01 = TSimd.Load(c + n);
        TVector s10 = TSimd.Load(c1), s11 = TSimd.Load(c1 + n);
        TVector s20 = TSimd.Load(c2), s21 = TSimd.Load(c2 + n);
        TVector s30 = TSimd.Load(c3), s31 = TSimd.Load(c3 + n);
        nint rowStep2 = 2 * rowStep;
        nint rowStep3 = 3 * rowStep;
        for (int k = 0; k < depth; k++)
        {
            TVector b0 = TSimd.Load(b), b1 = TSimd.Load(b + n);
            TVector x = TSimd.Broadcast(a[0]);
            s00 = TSimd.MultiplyAdd(x, b0, s00);
            s01 = TSimd.MultiplyAdd(x, b1, s01);
            x = TSimd.Broadcast(a[rowStep]);
            s10 = TSimd.MultiplyAdd(x, b0, s10);
            s11 = TSimd.MultiplyAdd(x, b1, s11);
            x = TSimd.Broadcast(a[rowStep2]);
            s20 = TSimd.MultiplyAdd(x, b0, s20);
            s21 = TSimd.MultiplyAdd(x, b1, s21);
            x = TSimd.Broadcast(a[rowStep3]);
            s30 = TSimd.MultiplyAdd(x, b0, s30);
            s31 = TSimd.MultiplyAdd(x, b1, s31);
            a += depthStep;
            b += bStride;
        }

        StoreTwo(s00, s01, c);
        StoreTwo(s10, s11, c1);
        StoreTwo(s20, s21, c2);
        StoreTwo(s30, s31, c3);
    }

    private static void FourByOne(
        float* a, nint rowStep, nint depthStep, float* b, nint bStride, float* c, nint cStride, int column, int depth)
    {
        b += column;
        c += column;
        TVector s0 = TSimd.Load(c), s1 = TSimd.Load(c + cStride), s2 = TSimd.Load(c + 2 * cStride), s3 = TSimd.Load(c + 3 * cStride);
        for (int k = 0; k < depth; k++)
        {
            TVector x = TSimd.Load(b);
            s0 = TSimd.MultiplyAdd(TSimd.Broadcast(a[0]), x, s0);
            s1 = TSimd.MultiplyAdd(TSimd.Broadcast(a[rowStep]), x, s1);
            s2 = TSimd.MultiplyAdd(TSimd.Broadcast(a[2 * rowStep]), x, s2);
            s3 = TSimd.MultiplyAdd(TSimd.Broadcast(a[3 * rowStep]), x, s3);
            a += depthStep;
            b += bStride;
        }

        TSimd.Store(s0, c);
        TSimd.Store(s1, c + cStride);
        TSimd.Store(s2, c + 2 * cStride);
        TSimd.Store(s3, c + 3 * cStride);
    }

    private static void OneByFour(float* a, nint depthStep, float* b, nint bStride, float* c, int depth)
    {
        int n = TSimd.Lanes;
        TVector s0 = TSimd.Load(c), s1 = TSimd.Load(c + n), s2 = TSimd.Load(c + 2 * n), s3 = TSimd.Load(c + 3 * n);
        for (int k = 0; k < depth; k++)
        {
            TVector x = TSimd.Broadcast(*a);
            s0 = TSimd.MultiplyAdd(x, TSimd.Load(b), s0);
            s1 = TSimd.MultiplyAdd(x, TSimd.Load(b + n), s1);
            s2 = TSimd.MultiplyAdd(x, TSimd.Load(b + 2 * n), s2);
            s3 = TSimd.MultiplyAdd(x, TSimd.Load(b + 3 * n), s3);
            a += depthStep;
            b += bStride;
        }

        StoreFour(s0, s1, s2, s3, c);
    }

    private static void OneByOne(float* a, nint depthStep, float* b, nint bStride, float* c, int depth)
    {
        TVector sum = TSimd.Load(c);
        for (int k = 0; k < depth; k++)
        {
            sum = TSimd.MultiplyAdd(TSimd.Broadcast(*a), TSimd.Load(b), sum);
            a += depthStep;
            b += bStride;
        }

        TSimd.Store(sum, c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFour(TVector v0, TVector v1, TVector v2, TVector v3, float* destination)
    {
        StoreTwo(v0, v1, destination);
        StoreTwo(v2, v3, destination + 2 * TSimd.Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreTwo(TVector v0, TVector v1, float* destination)
    {
        TSimd.Store(v0, destination);
        TSimd.Store(v1, destination + TSimd.Lanes);
    }
}
