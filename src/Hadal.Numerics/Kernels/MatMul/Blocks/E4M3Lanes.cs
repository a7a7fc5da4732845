using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>
/// 16 lanes. Where the processor looks up 128 bytes at once, from tables of the two upper bytes of F32; the others of a magnitude are zero.
/// </summary>
internal readonly unsafe struct E4M3Lanes512 : IE4M3Lanes<E4M3Lanes512, Vector512<float>>
{
    private static readonly byte[] s_tables = [.. Table(24), .. Table(16)];

    private readonly Vector512<byte> _high0, _high1, _low0, _low1;

    private E4M3Lanes512(ReadOnlySpan<byte> tables)
    {
        _high0 = Vector512.Create(tables);
        _high1 = Vector512.Create(tables[64..]);
        _low0 = Vector512.Create(tables[128..]);
        _low1 = Vector512.Create(tables[192..]);
    }

    /// <summary>For each magnitude the highest byte of F32, without sign, and behind the 128 of them the next one.</summary>
    public static ReadOnlySpan<byte> Tables => s_tables;

    public static E4M3Lanes512 Create() => new(s_tables);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Load(byte* source, out Vector512<float> first, out Vector512<float> second, out Vector512<float> third, out Vector512<float> fourth)
    {
        Vector512<byte> bytes = Vector512.Load(source);
        if (Avx512Vbmi.IsSupported)
        {
            Vector512<byte> upper = Avx512Vbmi.PermuteVar64x8x2(_high0, bytes, _high1);
            Vector512<byte> lower = Avx512Vbmi.PermuteVar64x8x2(_low0, bytes, _low1);
            upper |= bytes & Vector512.Create((byte)0x80);
            Vector512<uint> u = upper.AsUInt32(), l = lower.AsUInt32();
            Vector512<uint> top = Vector512.Create(0xff00_0000u), next = Vector512.Create(0x00ff_0000u);
            first = (u << 24 | l << 16 & next).AsSingle();
            second = (u << 16 & top | l << 8 & next).AsSingle();
            third = (u << 8 & top | l & next).AsSingle();
            fourth = (u & top | l >>> 8 & next).AsSingle();
            return;
        }

        Vector512<uint> lanes = bytes.AsUInt32();
        first = Value(lanes << 24);
        second = Value(lanes << 16);
        third = Value(lanes << 8);
        fourth = Value(lanes);
    }

    // The byte is the highest of each lane. Sign, exponent and mantissa go to their places in F32, whose exponents are 120 higher; the
    // product with 2^120 puts that right, for subnormal numbers too.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Value(Vector512<uint> lanes)
    {
        Vector512<uint> magnitude = lanes >>> 4 & Vector512.Create(0x07f0_0000u);
        Vector512<float> value = magnitude.AsSingle() * Vector512.Create(1.329228e36f);
        return (value.AsUInt32() | lanes & Vector512.Create(0x8000_0000u) | NotANumber(magnitude)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> NotANumber(Vector512<uint> magnitude) =>
        Vector512.Equals(magnitude, Vector512.Create(0x07f0_0000u)) & Vector512.Create(0x7fc0_0000u);

    private static byte[] Table(int shift)
    {
        byte[] table = new byte[128];
        for (int i = 0; i < 128; i++) table[i] = (byte)(BitConverter.SingleToUInt32Bits(Float8E4M3.Values[i]) >> shift & (shift == 24 ? 0x7fu : 0xffu));
        return table;
    }
}

/// <summary>Eight lanes.</summary>
internal readonly unsafe struct E4M3Lanes256 : IE4M3Lanes<E4M3Lanes256, Vector256<float>>
{
    public static E4M3Lanes256 Create() => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Load(byte* source, out Vector256<float> first, out Vector256<float> second, out Vector256<float> third, out Vector256<float> fourth)
    {
        Vector256<uint> lanes = Vector256.Load((uint*)source);
        first = Value(lanes << 24);
        second = Value(lanes << 16);
        third = Value(lanes << 8);
        fourth = Value(lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Value(Vector256<uint> lanes)
    {
        Vector256<uint> magnitude = lanes >>> 4 & Vector256.Create(0x07f0_0000u);
        Vector256<float> value = magnitude.AsSingle() * Vector256.Create(1.329228e36f);
        return (value.AsUInt32() | lanes & Vector256.Create(0x8000_0000u) | NotANumber(magnitude)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> NotANumber(Vector256<uint> magnitude) =>
        Vector256.Equals(magnitude, Vector256.Create(0x07f0_0000u)) & Vector256.Create(0x7fc0_0000u);
}

/// <summary>Four lanes.</summary>
internal readonly unsafe struct E4M3Lanes128 : IE4M3Lanes<E4M3Lanes128, Vector128<float>>
{
    public static E4M3Lanes128 Create() => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Load(byte* source, out Vector128<float> first, out Vector128<float> second, out Vector128<float> third, out Vector128<float> fourth)
    {
        Vector128<uint> lanes = Vector128.Load((uint*)source);
        first = Value(lanes << 24);
        second = Value(lanes << 16);
        third = Value(lanes << 8);
        fourth = Value(lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Value(Vector128<uint> lanes)
    {
        Vector128<uint> magnitude = lanes >>> 4 & Vector128.Create(0x07f0_0000u);
        Vector128<float> value = magnitude.AsSingle() * Vector128.Create(1.329228e36f);
        return (value.AsUInt32() | lanes & Vector128.Create(0x8000_0000u) | NotANumber(magnitude)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> NotANumber(Vector128<uint> magnitude) =>
        Vector128.Equals(magnitude, Vector128.Create(0x07f0_0000u)) & Vector128.Create(0x7fc0_0000u);
}
