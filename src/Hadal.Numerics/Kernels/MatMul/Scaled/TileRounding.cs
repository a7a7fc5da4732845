using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>
/// What rounding a factor to E4M3 does to up to 128 adjacent elements. Codes are written as BF16, which holds every number of E4M3, without their
/// scale: so the kernels of BF16 multiply them, exactly.
/// </summary>
internal static unsafe class TileRounding
{
    // So that a scale, and its product with a weight's, is a normal number. DeepSeek's kernels take 1e-4 (inference/kernel.py), beside which the
    // gradients of a mean over thousands of tokens are nothing.
    private const float SmallestMaximum = 7.888609e-31f; // 2^-100

    private const uint Infinity = 0x7f80_0000;

    /// <summary>
    /// max(max|x|, 2^-100) / 448, from the largest magnitude's pattern. NaN if there is an infinity or NaN among the elements: all codes of the tile are NaN
    /// then, and so is everything that is computed from it.
    /// </summary>
    public static float Scale(uint magnitude) =>
        magnitude >= Infinity ? float.NaN : Math.Max(BitConverter.UInt32BitsToSingle(magnitude), SmallestMaximum) / Float8E4M3.MaxValue;

    /// <summary>The pattern of the largest magnitude; patterns order as magnitudes do, with NaN above infinity.</summary>
    public static uint LargestMagnitude(byte* row, bool isBFloat16, int count)
    {
        uint largest = 0;
        int done = 0;
        if (Vector512.IsHardwareAccelerated) done = Largest<BitLanes16, Vector512<uint>>(row, isBFloat16, count, done, ref largest);
        if (done == count) return largest;
        if (Vector256.IsHardwareAccelerated) done = Largest<BitLanes8, Vector256<uint>>(row, isBFloat16, count, done, ref largest);
        if (Vector128.IsHardwareAccelerated) done = Largest<BitLanes4, Vector128<uint>>(row, isBFloat16, count, done, ref largest);
        Largest<BitLanes1, uint>(row, isBFloat16, count, done, ref largest);
        return largest;
    }

    /// <summary>Raises each of <paramref name="magnitudes"/>, patterns, to that of its element if that is larger.</summary>
    public static void RaiseMagnitudes(byte* row, bool isBFloat16, int count, float* magnitudes)
    {
        int done = 0;
        if (Vector512.IsHardwareAccelerated) done = Raise<BitLanes16, Vector512<uint>>(row, isBFloat16, count, done, magnitudes);
        if (done == count) return;
        if (Vector256.IsHardwareAccelerated) done = Raise<BitLanes8, Vector256<uint>>(row, isBFloat16, count, done, magnitudes);
        if (Vector128.IsHardwareAccelerated) done = Raise<BitLanes4, Vector128<uint>>(row, isBFloat16, count, done, magnitudes);
        Raise<BitLanes1, uint>(row, isBFloat16, count, done, magnitudes);
    }

    /// <summary>x / scale, rounded to E4M3, to nearest, ties to even, as BF16.</summary>
    /// <param name="row">The elements.</param>
    /// <param name="isBFloat16">Whether they are BF16, otherwise F32.</param>
    /// <param name="count">How many.</param>
    /// <param name="scales">The scale of each element, or the one of all.</param>
    /// <param name="isShared">Whether it is one.</param>
    /// <param name="codes">Takes the codes.</param>
    public static void Round(byte* row, bool isBFloat16, int count, float* scales, bool isShared, ushort* codes)
    {
        int done = 0;
        if (Vector512.IsHardwareAccelerated) done = Round<BitLanes16, Vector512<uint>>(row, isBFloat16, count, done, scales, isShared, codes);
        if (done == count) return;
        if (Vector256.IsHardwareAccelerated) done = Round<BitLanes8, Vector256<uint>>(row, isBFloat16, count, done, scales, isShared, codes);
        if (Vector128.IsHardwareAccelerated) done = Round<BitLanes4, Vector128<uint>>(row, isBFloat16, count, done, scales, isShared, codes);
        Round<BitLanes1, uint>(row, isBFloat16, count, done, scales, isShared, codes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int Largest<TOps, TLanes>(byte* row, bool isBFloat16, int count, int start, ref uint largest)
        where TOps : IBitLanes<TLanes>
        where TLanes : struct
    {
        int i = start;
        if (count - i < TOps.Count) return i;
        TLanes lanes = TOps.Create(0);
        for (; i <= count - TOps.Count; i += TOps.Count) lanes = Larger<TOps, TLanes>(Magnitude<TOps, TLanes>(row, isBFloat16, i), lanes);
        largest = Math.Max(largest, TOps.Largest(lanes));
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int Raise<TOps, TLanes>(byte* row, bool isBFloat16, int count, int start, float* magnitudes)
        where TOps : IBitLanes<TLanes>
        where TLanes : struct
    {
        int i = start;
        for (; i <= count - TOps.Count; i += TOps.Count)
        {
            TOps.Store(Larger<TOps, TLanes>(Magnitude<TOps, TLanes>(row, isBFloat16, i), TOps.Load(ref magnitudes[i])), ref magnitudes[i]);
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int Round<TOps, TLanes>(byte* row, bool isBFloat16, int count, int start, float* scales, bool isShared, ushort* codes)
        where TOps : IBitLanes<TLanes>
        where TLanes : struct
    {
        int i = start;
        TLanes shared = TOps.Create(BitConverter.SingleToUInt32Bits(*scales));
        for (; i <= count - TOps.Count; i += TOps.Count)
        {
            TLanes quotient = TOps.DivideSingle(Load<TOps, TLanes>(row, isBFloat16, i), isShared ? shared : TOps.Load(ref scales[i]));
            TOps.StoreUInt16(TOps.ShiftRight(RoundToE4M3<TOps, TLanes>(quotient), 16), ref codes[i]);
        }

        return i;
    }

    // What E4M3 encodes and decodes, but for the sign of zero, for quotients up to 448 and NaN: next to 1.5 · 2^23 times the distance of the numbers of E4M3,
    // 2^-3 of the power of two below the quotient and 2^-9 at least, F32 has that same distance, so that the addition rounds.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes RoundToE4M3<TOps, TLanes>(TLanes quotient)
        where TOps : IBitLanes<TLanes>
        where TLanes : struct
    {
        TLanes power = Larger<TOps, TLanes>(TOps.And(quotient, TOps.Create(Infinity)), TOps.Create((127 - 6) << 23));
        TLanes magic = TOps.Or(TOps.Add(power, TOps.Create((23 - 3) << 23)), TOps.Create(1 << 22));
        return TOps.SubtractSingle(TOps.AddSingle(quotient, magic), magic);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Magnitude<TOps, TLanes>(byte* row, bool isBFloat16, int i)
        where TOps : IBitLanes<TLanes>
        where TLanes : struct => TOps.And(Load<TOps, TLanes>(row, isBFloat16, i), TOps.Create(0x7fff_ffff));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Load<TOps, TLanes>(byte* row, bool isBFloat16, int i)
        where TOps : IBitLanes<TLanes>
        where TLanes : struct =>
        isBFloat16 ? TOps.ShiftLeft(TOps.LoadUInt16(ref ((ushort*)row)[i]), 16) : TOps.Load(ref ((float*)row)[i]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Larger<TOps, TLanes>(TLanes a, TLanes b)
        where TOps : IBitLanes<TLanes>
        where TLanes : struct => TOps.Select(TOps.GreaterThan(a, b), a, b);
}
