using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>A stretch of columns of a panel: where its heads and its elements begin, and how many blocks it has.</summary>
internal readonly unsafe struct PanelStretch(byte* heads, byte* elements, int blocks, byte* front, byte* end)
{
    public readonly byte* Heads = heads;
    public readonly byte* Elements = elements;
    public readonly int Blocks = blocks;

    /// <summary>
    /// The panel's first byte and as many further as the heads and elements before the stretch: where its reading had come if heads and
    /// elements lay one behind the other. It goes on without a gap from panel to panel, as their elements do not.
    /// </summary>
    public readonly byte* Front = front;

    /// <summary>Where the weights end that are read one after the other.</summary>
    public readonly byte* End = end;
}

/// <summary>
/// The innermost loop of products with ggml's blocks: up to four rows of activations times the 16 rows of a panel. Lanes are rows of the
/// weight, so nothing is ever summed across lanes; weights are unpacked once, in registers, for all four rows. Two registers (16 or 8
/// rows) are computed side by side, so that a broadcast of four activations feeds two dot products.
/// </summary>
internal static unsafe class PanelKernel<TFormat, TLanes, TInt, TSimd, TVector>
    where TFormat : struct, IBlockFormat
    where TLanes : struct, IByteLanes<TInt, TVector>
    where TInt : struct
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private static int Parts
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.Elements / PanelLayout.PartColumns;
    }

    // Where the bytes among the scales begin.
    private static int FirstSmall
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.WideFields * TFormat.WideBytes * PanelLayout.Rows;
    }

    private static int Bias
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.Bits == 8 ? TLanes.BiasLeft : TFormat.Bias;
    }

    /// <summary>Continues sums over a stretch of columns.</summary>
    /// <typeparam name="TRows">Rows of activations.</typeparam>
    /// <param name="panel">The weights.</param>
    /// <param name="a">The first row's bytes at the stretch.</param>
    /// <param name="aStride">Bytes from row to row.</param>
    /// <param name="scales">The first row's scales there.</param>
    /// <param name="scaleStride">Scales from row to row.</param>
    /// <param name="sums">16 for each row.</param>
    /// <param name="sumStride">Floats from the sums of a row to those of the next.</param>
    /// <param name="prefetches">Whether the weights come from memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<TRows>(
        PanelStretch panel, sbyte* a, long aStride, ActivationScale* scales, long scaleStride, float* sums, long sumStride, bool prefetches)
        where TRows : ICount
    {
        PanelPrefetch prefetch = new(PanelLayout.Of<TFormat>());
        TInt nibble = TLanes.Create(0x0f0f0f0f), upper = TLanes.Create(0x30303030);
        for (int lane = 0; lane < PanelLayout.Rows; lane += 2 * TLanes.Count)
        {
            float* sum = sums + lane;
            TVector f0 = TSimd.Zero, g0 = TSimd.Zero, f1 = TSimd.Zero, g1 = TSimd.Zero;
            TVector f2 = TSimd.Zero, g2 = TSimd.Zero, f3 = TSimd.Zero, g3 = TSimd.Zero;
            LoadSums(sum, ref f0, ref g0);
            if (TRows.Count > 1) LoadSums(sum + sumStride, ref f1, ref g1);
            if (TRows.Count > 2) LoadSums(sum + 2 * sumStride, ref f2, ref g2);
            if (TRows.Count > 3) LoadSums(sum + 3 * sumStride, ref f3, ref g3);

            byte* at = panel.Elements + 4 * lane;
            byte* head = panel.Heads, front = panel.Front;
            sbyte* x = a;
            ActivationScale* scale = scales;
            for (int block = 0; block < panel.Blocks; block++)
            {
                TVector d = TLanes.Halves(head + 2 * lane), e = TLanes.Halves(head + 2 * (lane + TLanes.Count));
                TVector m = TSimd.Zero, n = TSimd.Zero;
                if (TFormat.HasMinima)
                {
                    m = TLanes.Halves(head + 2 * (16 + lane));
                    n = TLanes.Halves(head + 2 * (16 + lane + TLanes.Count));
                }

                byte* small = head + FirstSmall + lane;
                for (int part = 0; part < Parts; part++)
                {
                    if (prefetches) prefetch.Ask(at, ref front, panel.End);

                    TInt i0 = Start(scale), j0 = i0, i1 = i0, j1 = i0, i2 = i0, j2 = i0, i3 = i0, j3 = i0;
                    if (TRows.Count > 1) i1 = j1 = Start(scale + scaleStride);
                    if (TRows.Count > 2) i2 = j2 = Start(scale + 2 * scaleStride);
                    if (TRows.Count > 3) i3 = j3 = Start(scale + 3 * scaleStride);

                    // Columns 0 to 15 of the 32: the low bits.
                    byte* high = at + 4 * CacheLines.Size;
                    TInt high0 = nibble, high1 = nibble;
                    if (TFormat.Bits == 6)
                    {
                        high0 = TLanes.Load(high);
                        high1 = TLanes.Load(high + 4 * TLanes.Count);
                    }

                    for (int group = 0; group < 4; group++, at += CacheLines.Size, x += 4)
                    {
                        TInt w = TLanes.Load(at), v = TLanes.Load(at + 4 * TLanes.Count);
                        if (TFormat.Bits < 8)
                        {
                            w = TLanes.And(w, nibble);
                            v = TLanes.And(v, nibble);
                        }

                        if (TFormat.Bits == 6)
                        {
                            w = TLanes.Or(w, TLanes.And(TLanes.ShiftLeft(high0, 4), upper));
                            v = TLanes.Or(v, TLanes.And(TLanes.ShiftLeft(high1, 4), upper));
                            high0 = TLanes.ShiftRight(high0, 2);
                            high1 = TLanes.ShiftRight(high1, 2);
                        }

                        Add(x, w, v, ref i0, ref j0);
                        if (TRows.Count > 1) Add(x + aStride, w, v, ref i1, ref j1);
                        if (TRows.Count > 2) Add(x + 2 * aStride, w, v, ref i2, ref j2);
                        if (TRows.Count > 3) Add(x + 3 * aStride, w, v, ref i3, ref j3);
                    }

                    // Sums of columns with scales of their own go on as F32, in which they and their products are exact.
                    TVector s0 = TSimd.Zero, t0 = TSimd.Zero, s1 = TSimd.Zero, t1 = TSimd.Zero;
                    TVector s2 = TSimd.Zero, t2 = TSimd.Zero, s3 = TSimd.Zero, t3 = TSimd.Zero;
                    if (TFormat.HasHalves)
                    {
                        TVector first = TLanes.SignedBytes(small), other = TLanes.SignedBytes(small + TLanes.Count);
                        AddHalf(first, other, i0, j0, ref s0, ref t0);
                        i0 = j0 = StartSecond(scale);
                        if (TRows.Count > 1)
                        {
                            AddHalf(first, other, i1, j1, ref s1, ref t1);
                            i1 = j1 = StartSecond(scale + scaleStride);
                        }

                        if (TRows.Count > 2)
                        {
                            AddHalf(first, other, i2, j2, ref s2, ref t2);
                            i2 = j2 = StartSecond(scale + 2 * scaleStride);
                        }

                        if (TRows.Count > 3)
                        {
                            AddHalf(first, other, i3, j3, ref s3, ref t3);
                            i3 = j3 = StartSecond(scale + 3 * scaleStride);
                        }
                    }

                    // Columns 16 to 31: the high bits of the same bytes.
                    if (TFormat.Bits < 8) at -= 4 * CacheLines.Size;
                    if (TFormat.Bits == 6)
                    {
                        high0 = TLanes.Load(high + CacheLines.Size);
                        high1 = TLanes.Load(high + CacheLines.Size + 4 * TLanes.Count);
                    }

                    for (int group = 0; group < 4; group++, at += CacheLines.Size, x += 4)
                    {
                        TInt w = TLanes.Load(at), v = TLanes.Load(at + 4 * TLanes.Count);
                        if (TFormat.Bits < 8)
                        {
                            w = TLanes.And(TLanes.ShiftRight(w, 4), nibble);
                            v = TLanes.And(TLanes.ShiftRight(v, 4), nibble);
                        }

                        if (TFormat.Bits == 6)
                        {
                            w = TLanes.Or(w, TLanes.And(TLanes.ShiftLeft(high0, 4), upper));
                            v = TLanes.Or(v, TLanes.And(TLanes.ShiftLeft(high1, 4), upper));
                            high0 = TLanes.ShiftRight(high0, 2);
                            high1 = TLanes.ShiftRight(high1, 2);
                        }

                        Add(x, w, v, ref i0, ref j0);
                        if (TRows.Count > 1) Add(x + aStride, w, v, ref i1, ref j1);
                        if (TRows.Count > 2) Add(x + 2 * aStride, w, v, ref i2, ref j2);
                        if (TRows.Count > 3) Add(x + 3 * aStride, w, v, ref i3, ref j3);
                    }

                    if (TFormat.Bits == 6) at += 2 * CacheLines.Size;

                    TVector factor = d, otherFactor = e;
                    if (TFormat.HasHalves)
                    {
                        TVector second = TLanes.SignedBytes(small + 16), other = TLanes.SignedBytes(small + 16 + TLanes.Count);
                        AddHalf(second, other, i0, j0, ref s0, ref t0);
                        if (TRows.Count > 1) AddHalf(second, other, i1, j1, ref s1, ref t1);
                        if (TRows.Count > 2) AddHalf(second, other, i2, j2, ref s2, ref t2);
                        if (TRows.Count > 3) AddHalf(second, other, i3, j3, ref s3, ref t3);
                        small += 32;
                    }
                    else
                    {
                        (s0, t0) = (TLanes.ToSingle(i0), TLanes.ToSingle(j0));
                        if (TRows.Count > 1) (s1, t1) = (TLanes.ToSingle(i1), TLanes.ToSingle(j1));
                        if (TRows.Count > 2) (s2, t2) = (TLanes.ToSingle(i2), TLanes.ToSingle(j2));
                        if (TRows.Count > 3) (s3, t3) = (TLanes.ToSingle(i3), TLanes.ToSingle(j3));
                    }

                    TVector minimum = m, otherMinimum = n;
                    if (TFormat.HasMinima)
                    {
                        factor = TSimd.Multiply(d, TLanes.Bytes(small));
                        otherFactor = TSimd.Multiply(e, TLanes.Bytes(small + TLanes.Count));
                        minimum = TSimd.Multiply(m, TLanes.Bytes(small + 16));
                        otherMinimum = TSimd.Multiply(n, TLanes.Bytes(small + 16 + TLanes.Count));
                        small += 32;
                    }

                    Scale(scale, factor, otherFactor, minimum, otherMinimum, s0, t0, ref f0, ref g0);
                    if (TRows.Count > 1) Scale(scale + scaleStride, factor, otherFactor, minimum, otherMinimum, s1, t1, ref f1, ref g1);
                    if (TRows.Count > 2) Scale(scale + 2 * scaleStride, factor, otherFactor, minimum, otherMinimum, s2, t2, ref f2, ref g2);
                    if (TRows.Count > 3) Scale(scale + 3 * scaleStride, factor, otherFactor, minimum, otherMinimum, s3, t3, ref f3, ref g3);
                    scale++;
                }

                head += TFormat.HeadBytes * PanelLayout.Rows;
            }

            StoreSums(f0, g0, sum);
            if (TRows.Count > 1) StoreSums(f1, g1, sum + sumStride);
            if (TRows.Count > 2) StoreSums(f2, g2, sum + 2 * sumStride);
            if (TRows.Count > 3) StoreSums(f3, g3, sum + 3 * sumStride);
        }
    }

    // Sums begin at what the bias adds, so that nothing is left to subtract.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TInt Start(ActivationScale* scale) =>
        TLanes.Create(Bias == 0 ? 0 : -Bias * (TFormat.HasHalves ? scale->First : scale->First + scale->Second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TInt StartSecond(ActivationScale* scale) => TLanes.Create(-Bias * scale->Second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(sbyte* x, TInt w, TInt v, ref TInt i, ref TInt j)
    {
        TInt activations = TLanes.Create(*(int*)x);
        i = TFormat.Bits == 8 ? TLanes.DotBytes(i, w, activations) : TLanes.Dot(i, w, activations);
        j = TFormat.Bits == 8 ? TLanes.DotBytes(j, v, activations) : TLanes.Dot(j, v, activations);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddHalf(TVector scale, TVector other, TInt i, TInt j, ref TVector s, ref TVector t)
    {
        s = TSimd.MultiplyAdd(TLanes.ToSingle(i), scale, s);
        t = TSimd.MultiplyAdd(TLanes.ToSingle(j), other, t);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale(
        ActivationScale* scale, TVector factor, TVector otherFactor, TVector minimum, TVector otherMinimum, TVector s, TVector t, ref TVector f,
        ref TVector g)
    {
        TVector x = TSimd.Broadcast(scale->Scale);
        f = TSimd.MultiplyAdd(TSimd.Multiply(factor, x), s, f);
        g = TSimd.MultiplyAdd(TSimd.Multiply(otherFactor, x), t, g);
        if (!TFormat.HasMinima) return;
        TVector sum = TSimd.Broadcast(scale->NegativeSum);
        f = TSimd.MultiplyAdd(minimum, sum, f);
        g = TSimd.MultiplyAdd(otherMinimum, sum, g);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadSums(float* sums, ref TVector f, ref TVector g)
    {
        f = TSimd.Load(sums);
        g = TSimd.Load(sums + TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreSums(TVector f, TVector g, float* sums)
    {
        TSimd.Store(f, sums);
        TSimd.Store(g, sums + TLanes.Count);
    }
}
