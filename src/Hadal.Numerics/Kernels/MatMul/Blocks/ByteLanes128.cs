using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>Four lanes anywhere: each of the four columns is widened to 32 bits and multiplied there.</summary>
internal readonly unsafe struct ByteLanes128 : IByteLanes<Vector128<int>, Vector128<float>>
{
    public static int Count => 4;

    public static int BiasLeft => 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Load(byte* source) => Vector128.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Create(int value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> And(Vector128<int> value, Vector128<int> mask) => value & mask;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Or(Vector128<int> a, Vector128<int> b) => a | b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> ShiftLeft(Vector128<int> value, int count) => value << count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> ShiftRight(Vector128<int> value, int count) => value >>> count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot(Vector128<int> sum, Vector128<int> weights, Vector128<int> activations)
    {
        // Two columns at a time in 16-bit lanes: 255 · 127 fits, their sum only in 32.
        Vector128<int> low = Vector128.Create(0x00ff_00ff);
        Vector128<short> even = (weights & low).AsInt16() * ((activations << 8).AsInt16() >> 8);
        Vector128<short> odd = (weights >>> 8 & low).AsInt16() * (activations.AsInt16() >> 8);
        return sum + (even.AsInt32() << 16 >> 16) + (even.AsInt32() >> 16) + ((odd.AsInt32() << 16 >> 16) + (odd.AsInt32() >> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> DotBytes(Vector128<int> sum, Vector128<int> weights, Vector128<int> activations) => Dot(sum, weights, activations);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ToSingle(Vector128<int> value) => Vector128.ConvertToSingle(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Halves(byte* source) =>
        HalfDecoding.Decode<BitLanes4, Vector128<uint>>(BitLanes4.LoadUInt16(ref *(ushort*)source)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Bytes(byte* source)
    {
        Vector128<ushort> wide = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(uint*)source).AsByte());
        return Vector128.ConvertToSingle(Vector128.WidenLower(wide).AsInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SignedBytes(byte* source)
    {
        Vector128<short> wide = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(uint*)source).AsSByte());
        return Vector128.ConvertToSingle(Vector128.WidenLower(wide));
    }
}
