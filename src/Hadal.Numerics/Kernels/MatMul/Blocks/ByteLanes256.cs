using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>Dot products of unsigned and signed bytes in 256-bit registers.</summary>
internal interface IByteDot256
{
    static abstract int BiasLeft { get; }

    static abstract Vector256<int> Small(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations);

    static abstract Vector256<int> Any(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations);
}

/// <summary>VPDPBUSD: four products and their sum in 32 bits, no saturation.</summary>
internal readonly struct VnniDot : IByteDot256
{
    public static int BiasLeft => 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Small(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations) =>
        AvxVnni.MultiplyWideningAndAdd(sum, weights.AsByte(), activations.AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Any(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations) => Small(sum, weights, activations);
}

/// <summary>
/// VPMADDUBSW adds two products in 16 bits and saturates. Weights below 64 can't reach that: 2 · 63 · 127 = 16,002. Any byte can, so
/// there the sign goes to the activations: 2 · 128 · 127 = 32,512 fits.
/// </summary>
internal readonly struct Avx2Dot : IByteDot256
{
    public static int BiasLeft => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Small(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations) =>
        Add(sum, Avx2.MultiplyAddAdjacent(weights.AsByte(), activations.AsSByte()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Any(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations)
    {
        Vector256<sbyte> signed = (weights ^ Vector256.Create(unchecked((int)0x8080_8080))).AsSByte();
        return Add(sum, Avx2.MultiplyAddAdjacent(Avx2.Abs(signed), Avx2.Sign(activations.AsSByte(), signed)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Add(Vector256<int> sum, Vector256<short> pairs) => sum + Avx2.MultiplyAddAdjacent(pairs, Vector256.Create((short)1));
}

/// <summary>Eight lanes on AVX2.</summary>
internal readonly unsafe struct ByteLanes256<TDot> : IByteLanes<Vector256<int>, Vector256<float>> where TDot : IByteDot256
{
    public static int Count => 8;

    public static int BiasLeft => TDot.BiasLeft;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(byte* source) => Vector256.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Create(int value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> And(Vector256<int> value, Vector256<int> mask) => value & mask;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Or(Vector256<int> a, Vector256<int> b) => a | b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> ShiftLeft(Vector256<int> value, int count) => value << count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> ShiftRight(Vector256<int> value, int count) => value >>> count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Dot(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations) => TDot.Small(sum, weights, activations);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> DotBytes(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations) => TDot.Any(sum, weights, activations);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToSingle(Vector256<int> value) => Vector256.ConvertToSingle(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Halves(byte* source) =>
        HalfDecoding.Decode<BitLanes8, Vector256<uint>>(Avx2.ConvertToVector256Int32((ushort*)source).AsUInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Bytes(byte* source) => Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SignedBytes(byte* source) => Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32((sbyte*)source));
}
