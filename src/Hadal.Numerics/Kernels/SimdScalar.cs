using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>
/// A register of one lane. A kernel instantiated with it computes, element by element, the bits that a lane of a wide register
/// would: it runs the tails, and whole kernels where the processor has no SIMD.
/// </summary>
internal readonly unsafe struct SimdScalar : ISimd<float>
{
    public static int Lanes => 1;

    public static float Zero => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Broadcast(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(float* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LoadBFloat16(ushort* source) => BitConverter.UInt32BitsToSingle((uint)*source << 16);

    public static float LoadE4M3(byte* source) => BitConverter.UInt32BitsToSingle(E4M3Decoding.Decode<BitLanes1, uint>(*source));

    public static void TransposeLines(byte* source, long rowBytes, bool isBFloat16, float* destination, long stride)
    {
        int columns = NativeBuffer.Alignment / (isBFloat16 ? sizeof(ushort) : sizeof(float));
        for (int j = 0; j < columns; j++) destination[j * stride] = isBFloat16 ? LoadBFloat16((ushort*)source + j) : ((float*)source)[j];
    }

    public static void AddLines<TRows>(byte* source, long rowBytes, bool isBFloat16, float* a, ref RowSums<float> sums) where TRows : ICount
    {
        int columns = NativeBuffer.Alignment / (isBFloat16 ? sizeof(ushort) : sizeof(float));
        for (int k = 0; k < columns; k++)
        {
            sums.Add<SimdScalar, TRows>(isBFloat16 ? LoadBFloat16((ushort*)source + k) : ((float*)source)[k], a + k * TRows.Count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float value, float* destination) => *destination = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float a, float b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Subtract(float a, float b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Multiply(float a, float b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Divide(float a, float b) => a / b;

    // Fused exactly where the wide registers fuse. float.MultiplyAddEstimate leaves that to the JIT's tier, so it could differ.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) =>
        Fma.IsSupported || AdvSimd.IsSupported ? MathF.FusedMultiplyAdd(a, b, c) : a * b + c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float a, float b) => MathF.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Min(float a, float b) => MathF.Min(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float GreaterThan(float a, float b) => BitConverter.UInt32BitsToSingle(a > b ? uint.MaxValue : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyGreaterThan(float a, float b) => a > b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Select(float mask, float a, float b) => BitConverter.SingleToUInt32Bits(mask) != 0 ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ScaleByPowerOfTwo(float value, float shifted) =>
        BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value) + (BitConverter.SingleToInt32Bits(shifted) << 23));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float Even, float Odd) Deinterleave(float a, float b) => (a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float A, float B) Interleave(float even, float odd) => (even, odd);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(float value, ushort* destination)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        *destination = (ushort)(float.IsNaN(value) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
