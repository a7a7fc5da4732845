using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>Rounds F32 to the nearest number that BF16 can hold, ties to even, and keeps it as F32.</summary>
internal static unsafe class BFloat16Rounding
{
    /// <summary>Rounds one number.</summary>
    public static float Round(float value) => BFloat16.FromSingle(value).ToSingle();

    /// <summary>Rounds adjacent numbers in place.</summary>
    public static void Round(float* data, long count)
    {
        long done = 0;
        if (Vector512.IsHardwareAccelerated) done = Round<BitLanes16, Vector512<uint>>(data, count, done);
        if (Vector256.IsHardwareAccelerated) done = Round<BitLanes8, Vector256<uint>>(data, count, done);
        if (Vector128.IsHardwareAccelerated) done = Round<BitLanes4, Vector128<uint>>(data, count, done);
        Round<BitLanes1, uint>(data, count, done);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static long Round<TOps, TLanes>(float* data, long count, long start)
        where TOps : IBitLanes<TLanes>
        where TLanes : struct
    {
        long i = start;
        for (; i <= count - TOps.Count; i += TOps.Count)
        {
            ref float lanes = ref Unsafe.AsRef<float>(data + i);
            TOps.Store(BFloat16Codec.Decode<TOps, TLanes>(BFloat16Codec.Encode<TOps, TLanes>(TOps.Load(ref lanes))), ref lanes);
        }

        return i;
    }
}
