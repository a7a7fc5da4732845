using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>Conversions of stretches of BF16, the upper half of binary32.</summary>
internal static unsafe class BFloat16Rows
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Widen<TSimd, TVector>(ushort* source, float* destination, int count)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        int i = 0;
        for (; i <= count - TSimd.Lanes; i += TSimd.Lanes) TSimd.Store(TSimd.LoadBFloat16(source + i), destination + i);
        for (; i < count; i++) destination[i] = SimdScalar.LoadBFloat16(source + i);
    }

    /// <summary>Rounds to nearest, ties to even; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Narrow<TSimd, TVector>(float* source, ushort* destination, int count)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        int i = 0;
        for (; i <= count - TSimd.Lanes; i += TSimd.Lanes) TSimd.StoreBFloat16(TSimd.Load(source + i), destination + i);
        for (; i < count; i++) SimdScalar.StoreBFloat16(source[i], destination + i);
    }
}
