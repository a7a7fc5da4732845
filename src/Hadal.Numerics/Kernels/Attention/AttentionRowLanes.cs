using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Hadal.Numerics;

/// <summary>
/// Scores and weights with a lane for each row: for the query heads of one key head, whose keys are then read in place, each component
/// broadcast to all rows, and reductions over keys go from register to register. An element passes through the same operations in the
/// same order as with a lane for each key (<see cref="AttentionTiles{TSimd, TVector}"/>, <see cref="AttentionKeyLanes{TSimd, TVector}"/>),
/// so it has the same bits, and which form a task takes is a matter of speed.
/// </summary>
internal static unsafe class AttentionRowLanes<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    // A panel of two vectors of queries this deep takes a third of a first-level cache.
    private const int PanelDepth = 128;

    // Sixteen sums and their factors need 32 vector registers.
    private static bool HasManyRegisters => Vector512.IsHardwareAccelerated || AdvSimd.IsSupported;

    /// <summary>
    /// Whether this form costs less than copying keys into lanes: a half-filled register of rows costs what the copy does.
    /// </summary>
    public static bool IsWorthwhile(int rows) =>
        FitsHalf(rows) ? AttentionRowLanes<Simd256, Vector256<float>>.IsWorthwhile(rows) : (rows + TSimd.Lanes - 1) / TSimd.Lanes * TSimd.Lanes <= rows + TSimd.Lanes / 2;

    // Half of a register would be of no use, and a processor that computes with halves needs only one of them.
    private static bool FitsHalf(int rows) => TSimd.Lanes == 2 * Vector256<float>.Count && rows <= Vector256<float>.Count;

    /// <summary>scores[key, row] = keys[key, :] · q[:, row], each one chain over the depth.</summary>
    /// <param name="keys">[count, keyStride].</param>
    /// <param name="keyStride">Floats from key to key.</param>
    /// <param name="q">[depth, padded].</param>
    /// <param name="rows">Rows that are asked for; what stands behind them, up to <paramref name="padded"/>, does not matter.</param>
    /// <param name="padded">Rows, whole registers of them.</param>
    /// <param name="scores">[count, padded].</param>
    /// <param name="count">Keys.</param>
    /// <param name="depth">Components of a key.</param>
    public static void Scores(float* keys, nint keyStride, float* q, int rows, int padded, float* scores, int count, int depth)
    {
        if (FitsHalf(rows))
        {
            AttentionRowLanes<Simd256, Vector256<float>>.Scores(keys, keyStride, q, Vector256<float>.Count, padded, scores, count, depth);
            return;
        }

        int whole = (rows + TSimd.Lanes - 1) / TSimd.Lanes * TSimd.Lanes;
        for (int start = 0; start < depth; start += PanelDepth)
        {
            int panel = Math.Min(PanelDepth, depth - start);
            float* from = q + (long)start * padded;
            for (int row = 0; row < whole;)
            {
                int width = whole - row >= 2 * TSimd.Lanes ? 2 * TSimd.Lanes : TSimd.Lanes;
                int key = 0;
                if (width > TSimd.Lanes)
                {
                    if (HasManyRegisters)
                    {
                        for (; key + 8 <= count; key += 8) EightByTwo(keys + key * keyStride + start, keyStride, from + row, padded, scores + key * padded + row, panel, start == 0);
                    }

                    for (; key + 4 <= count; key += 4) FourByTwo(keys + key * keyStride + start, keyStride, from + row, padded, scores + key * padded + row, panel, start == 0);
                }
                else
                {
                    if (HasManyRegisters)
                    {
                        for (; key + 16 <= count; key += 16) SixteenByOne(keys + key * keyStride + start, keyStride, from + row, padded, scores + key * padded + row, panel, start == 0);
                    }

                    for (; key + 4 <= count; key += 4) FourByOne(keys + key * keyStride + start, keyStride, from + row, padded, scores + key * padded + row, panel, start == 0);
                }

                for (; key < count; key++)
                {
                    for (int lane = 0; lane < width; lane += TSimd.Lanes)
                    {
                        OneByOne(keys + key * keyStride + start, from + row + lane, padded, scores + key * padded + row + lane, panel, start == 0);
                    }
                }

                row += width;
            }
        }
    }

    /// <summary>Multiplies all scores by the scale and hides those that lie behind the mask: of row r, those from <paramref name="seen"/>[r] on.</summary>
    public static void ScaleAndMask(float* scores, int rows, int keys, float scale, int* seen, int seenRows)
    {
        TVector factor = TSimd.Broadcast(scale);
        for (int i = 0; i < keys * rows; i += TSimd.Lanes) TSimd.Store(TSimd.Multiply(TSimd.Load(scores + i), factor), scores + i);
        for (int row = 0; row < seenRows; row++)
        {
            for (int key = seen[row]; key < keys; key++) scores[key * rows + row] = float.NegativeInfinity;
        }
    }

    /// <summary>Turns scores into weights relative to the new maximum of each row; decay receives the factor for what was summed before.</summary>
    /// <param name="scores">[keys, padded].</param>
    /// <param name="rows">Rows that are asked for.</param>
    /// <param name="padded">Rows, whole registers of them.</param>
    /// <param name="keys">Keys of the block.</param>
    /// <param name="scale">Factor on the scores.</param>
    /// <param name="max">[padded].</param>
    /// <param name="sum">[padded].</param>
    /// <param name="decay">[padded].</param>
    /// <param name="lanes">Room for the sums of keys that share a lane in the other form, [Lanes, Lanes].</param>
    public static void Softmax(float* scores, int rows, int padded, int keys, float scale, float* max, float* sum, float* decay, float* lanes)
    {
        if (FitsHalf(rows))
        {
            AttentionRowLanes<Simd256, Vector256<float>>.SoftmaxRows(scores, padded, keys, scale, max, sum, decay, lanes, TSimd.Lanes);
            return;
        }

        for (int row = 0; row < padded; row += TSimd.Lanes)
        {
            SoftmaxRows(scores + row, padded, keys, scale, max + row, sum + row, decay + row, lanes, TSimd.Lanes);
        }
    }

    // width: lanes of the other form's registers, of which half a register of rows has the same sums.
    private static void SoftmaxRows(float* scores, nint stride, int keys, float scale, float* max, float* sum, float* decay, float* lanes, int width)
    {
        TVector factor = TSimd.Broadcast(scale), old = TSimd.Load(max), largest = old;
        for (int key = 0; key < keys; key++)
        {
            TVector score = TSimd.Multiply(TSimd.Load(scores + key * stride), factor);
            TSimd.Store(score, scores + key * stride);
            largest = TSimd.Select(TSimd.GreaterThan(score, largest), score, largest);
        }

        // While all scores are minus infinity there is no weight, and minus infinity must not be subtracted from itself.
        TVector shift = TSimd.Select(TSimd.GreaterThan(largest, TSimd.Broadcast(float.NegativeInfinity)), largest, TSimd.Zero);
        for (int lane = 0; lane < width; lane++)
        {
            TVector total = TSimd.Zero;
            for (int key = lane; key < keys; key += width)
            {
                TVector weight = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(scores + key * stride), shift));
                TSimd.Store(weight, scores + key * stride);
                total = TSimd.Add(total, weight);
            }

            TSimd.Store(total, lanes + lane * TSimd.Lanes);
        }

        // The tree of TSimd.Sum: halves, quarters, ...
        for (int half = width / 2; half > 0; half /= 2)
        {
            for (int lane = 0; lane < half; lane++)
            {
                TSimd.Store(TSimd.Add(TSimd.Load(lanes + lane * TSimd.Lanes), TSimd.Load(lanes + (lane + half) * TSimd.Lanes)), lanes + lane * TSimd.Lanes);
            }
        }

        TVector one = TSimd.Broadcast(1f);
        TVector factors = TSimd.Select(TSimd.GreaterThan(largest, old), VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(old, shift)), one);
        TSimd.Store(largest, max);
        TSimd.Store(factors, decay);
        TSimd.Store(TSimd.Add(TSimd.Multiply(TSimd.Load(sum), factors), TSimd.Load(lanes)), sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Start(float* score, bool first) => first ? TSimd.Zero : TSimd.Load(score);

    private static void SixteenByOne(float* keys, nint stride, float* q, nint rows, float* scores, int depth, bool first)
    {
        float* k0 = keys, k1 = keys + 4 * stride, k2 = keys + 8 * stride, k3 = keys + 12 * stride;
        nint stride2 = 2 * stride, stride3 = 3 * stride;
        TVector s0 = Start(scores, first), s1 = Start(scores + rows, first), s2 = Start(scores + 2 * rows, first), s3 = Start(scores + 3 * rows, first);
        float* next = scores + 4 * rows;
        TVector s4 = Start(next, first), s5 = Start(next + rows, first), s6 = Start(next + 2 * rows, first), s7 = Start(next + 3 * rows, first);
        next += 4 * rows;
        TVector s8 = Start(next, first), s9 = Start(next + rows, first), s10 = Start(next + 2 * rows, first), s11 = Start(next + 3 * rows, first);
        next += 4 * rows;
        TVector s12 = Start(next, first), s13 = Start(next + rows, first), s14 = Start(next + 2 * rows, first), s15 = Start(next + 3 * rows, first);
        for (int d = 0; d < depth; d++)
        {
            TVector x = TSimd.Load(q);
            s0 = TSimd.MultiplyAdd(x, TSimd.Broadcast(*k0), s0);
            s1 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k0[stride]), s1);
            s2 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k0[stride2]), s2);
            s3 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k0[stride3]), s3);
            s4 = TSimd.MultiplyAdd(x, TSimd.Broadcast(*k1), s4);
            s5 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k1[stride]), s5);
            s6 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k1[stride2]), s6);
            s7 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k1[stride3]), s7);
            s8 = TSimd.MultiplyAdd(x, TSimd.Broadcast(*k2), s8);
            s9 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k2[stride]), s9);
            s10 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k2[stride2]), s10);
            s11 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k2[stride3]), s11);
            s12 = TSimd.MultiplyAdd(x, TSimd.Broadcast(*k3), s12);
            s13 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k3[stride]), s13);
            s14 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k3[stride2]), s14);
            s15 = TSimd.MultiplyAdd(x, TSimd.Broadcast(k3[stride3]), s15);
            q += rows;
            k0++;
            k1++;
            k2++;
            k3++;
        }

        StoreFour(s0, s1, s2, s3, scores, rows);
        StoreFour(s4, s5, s6, s7, scores + 4 * rows, rows);
        StoreFour(s8, s9, s10, s11, scores + 8 * rows, rows);
        StoreFour(s12, s13, s14, s15, scores + 12 * rows, rows);
    }

    private static void EightByTwo(float* keys, nint stride, float* q, nint rows, float* scores, int depth, bool first)
    {
        float* k0 = keys, k1 = keys + 4 * stride, right = scores + TSimd.Lanes;
        nint stride2 = 2 * stride, stride3 = 3 * stride;
        TVector s0 = Start(scores, first), s1 = Start(scores + rows, first), s2 = Start(scores + 2 * rows, first), s3 = Start(scores + 3 * rows, first);
        TVector t0 = Start(right, first), t1 = Start(right + rows, first), t2 = Start(right + 2 * rows, first), t3 = Start(right + 3 * rows, first);
        float* next = scores + 4 * rows;
        TVector s4 = Start(next, first), s5 = Start(next + rows, first), s6 = Start(next + 2 * rows, first), s7 = Start(next + 3 * rows, first);
        next += TSimd.Lanes;
        TVector t4 = Start(next, first), t5 = Start(next + rows, first), t6 = Start(next + 2 * rows, first), t7 = Start(next + 3 * rows, first);
        for (int d = 0; d < depth; d++)
        {
            TVector x = TSimd.Load(q), y = TSimd.Load(q + TSimd.Lanes), k = TSimd.Broadcast(*k0);
            s0 = TSimd.MultiplyAdd(x, k, s0);
            t0 = TSimd.MultiplyAdd(y, k, t0);
            k = TSimd.Broadcast(k0[stride]);
            s1 = TSimd.MultiplyAdd(x, k, s1);
            t1 = TSimd.MultiplyAdd(y, k, t1);
            k = TSimd.Broadcast(k0[stride2]);
            s2 = TSimd.MultiplyAdd(x, k, s2);
            t2 = TSimd.MultiplyAdd(y, k, t2);
            k = TSimd.Broadcast(k0[stride3]);
            s3 = TSimd.MultiplyAdd(x, k, s3);
            t3 = TSimd.MultiplyAdd(y, k, t3);
            k = TSimd.Broadcast(*k1);
            s4 = TSimd.MultiplyAdd(x, k, s4);
            t4 = TSimd.MultiplyAdd(y, k, t4);
            k = TSimd.Broadcast(k1[stride]);
            s5 = TSimd.MultiplyAdd(x, k, s5);
            t5 = TSimd.MultiplyAdd(y, k, t5);
            k = TSimd.Broadcast(k1[stride2]);
            s6 = TSimd.MultiplyAdd(x, k, s6);
            t6 = TSimd.MultiplyAdd(y, k, t6);
            k = TSimd.Broadcast(k1[stride3]);
            s7 = TSimd.MultiplyAdd(x, k, s7);
            t7 = TSimd.MultiplyAdd(y, k, t7);
            q += rows;
            k0++;
            k1++;
        }

        StoreFour(s0, s1, s2, s3, scores, rows);
        StoreFour(t0, t1, t2, t3, right, rows);
        StoreFour(s4, s5, s6, s7, scores + 4 * rows, rows);
        StoreFour(t4, t5, t6, t7, right + 4 * rows, rows);
    }

    private static void FourByTwo(float* keys, nint stride, float* q, nint rows, float* scores, int depth, bool first)
    {
        float* right = scores + TSimd.Lanes;
        nint stride2 = 2 * stride, stride3 = 3 * stride;
        TVector s0 = Start(scores, first), s1 = Start(scores + rows, first), s2 = Start(scores + 2 * rows, first), s3 = Start(scores + 3 * rows, first);
        TVector t0 = Start(right, first), t1 = Start(right + rows, first), t2 = Start(right + 2 * rows, first), t3 = Start(right + 3 * rows, first);
        for (int d = 0; d < depth; d++)
        {
            TVector x = TSimd.Load(q), y = TSimd.Load(q + TSimd.Lanes), k = TSimd.Broadcast(*keys);
            s0 = TSimd.MultiplyAdd(x, k, s0);
            t0 = TSimd.MultiplyAdd(y, k, t0);
            k = TSimd.Broadcast(keys[stride]);
            s1 = TSimd.MultiplyAdd(x, k, s1);
            t1 = TSimd.MultiplyAdd(y, k, t1);
            k = TSimd.Broadcast(keys[stride2]);
            s2 = TSimd.MultiplyAdd(x, k, s2);
            t2 = TSimd.MultiplyAdd(y, k, t2);
            k = TSimd.Broadcast(keys[stride3]);
            s3 = TSimd.MultiplyAdd(x, k, s3);
            t3 = TSimd.MultiplyAdd(y, k, t3);
            q += rows;
            keys++;
        }

        StoreFour(s0, s1, s2, s3, scores, rows);
        StoreFour(t0, t1, t2, t3, right, rows);
    }

    private static void FourByOne(float* keys, nint stride, float* q, nint rows, float* scores, int depth, bool first)
    {
        nint stride2 = 2 * stride, stride3 = 3 * stride;
        TVector s0 = Start(scores, first), s1 = Start(scores + rows, first), s2 = Start(scores + 2 * rows, first), s3 = Start(scores + 3 * rows, first);
        for (int d = 0; d < depth; d++)
        {
            TVector x = TSimd.Load(q);
            s0 = TSimd.MultiplyAdd(x, TSimd.Broadcast(*keys), s0);
            s1 = TSimd.MultiplyAdd(x, TSimd.Broadcast(keys[stride]), s1);
            s2 = TSimd.MultiplyAdd(x, TSimd.Broadcast(keys[stride2]), s2);
            s3 = TSimd.MultiplyAdd(x, TSimd.Broadcast(keys[stride3]), s3);
            q += rows;
            keys++;
        }

        StoreFour(s0, s1, s2, s3, scores, rows);
    }

    private static void OneByOne(float* key, float* q, nint rows, float* score, int depth, bool first)
    {
        TVector sum = Start(score, first);
        for (int d = 0; d < depth; d++, q += rows) sum = TSimd.MultiplyAdd(TSimd.Load(q), TSimd.Broadcast(key[d]), sum);
        TSimd.Store(sum, score);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFour(TVector v0, TVector v1, TVector v2, TVector v3, float* destination, nint stride)
    {
        TSimd.Store(v0, destination);
        TSimd.Store(v1, destination + stride);
        TSimd.Store(v2, destination + 2 * stride);
        TSimd.Store(v3, destination + 3 * stride);
    }
}
