using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>A float format narrower than F32, converted lane by lane. Signs stay above the lanes' low bits until the last step.</summary>
internal interface IFloatEncoding
{
    /// <summary>Rounds F32 patterns to the format, to nearest even, and returns its patterns in the low bits.</summary>
    static abstract TLanes Encode<TOps, TLanes>(TLanes single) where TOps : IBitLanes<TLanes> where TLanes : struct;
}

/// <summary>A float format of 16 bits or less that widens to F32 without rounding.</summary>
internal interface IFloatDecoding
{
    /// <summary>The F32 patterns of the format's patterns in the low bits.</summary>
    static abstract TLanes Decode<TOps, TLanes>(TLanes bits) where TOps : IBitLanes<TLanes> where TLanes : struct;
}

/// <summary>BF16: the upper half of F32, so only the rounding needs thought.</summary>
internal readonly struct BFloat16Codec : IFloatEncoding, IFloatDecoding
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Encode<TOps, TLanes>(TLanes single) where TOps : IBitLanes<TLanes> where TLanes : struct
    {
        // Adding 0x7fff, and one more if the kept part is odd, carries into it exactly when nearest-even rounds up.
        TLanes odd = TOps.And(TOps.ShiftRight(single, 16), TOps.Create(1));
        TLanes rounded = TOps.ShiftRight(TOps.Add(TOps.Add(single, TOps.Create(0x7fff)), odd), 16);

        // The carry could turn a NaN into an infinity or into minus zero: NaNs are cut and made quiet instead.
        TLanes magnitude = TOps.And(single, TOps.Create(0x7fff_ffff));
        TLanes quiet = TOps.Or(TOps.ShiftRight(single, 16), TOps.Create(0x40));
        return TOps.Select(TOps.GreaterThan(magnitude, TOps.Create(0x7f80_0000)), quiet, rounded);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Decode<TOps, TLanes>(TLanes bits) where TOps : IBitLanes<TLanes> where TLanes : struct =>
        TOps.ShiftLeft(bits, 16);
}

/// <summary>F16 to F32. The runtime's own conversion of <see cref="Half"/> is a call per element.</summary>
internal readonly struct HalfDecoding : IFloatDecoding
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Decode<TOps, TLanes>(TLanes bits) where TOps : IBitLanes<TLanes> where TLanes : struct
    {
        TLanes magnitude = TOps.ShiftLeft(TOps.And(bits, TOps.Create(0x7fff)), 13);
        TLanes sign = TOps.ShiftLeft(TOps.And(bits, TOps.Create(0x8000)), 16);

        // Normal: move the exponent's bias from 15 to 127. Infinity and NaN: move it up to 255.
        TLanes normal = TOps.Add(magnitude, TOps.Create((127 - 15) << 23));
        TLanes special = TOps.Or(magnitude, TOps.Create(0x7f80_0000));

        // Subnormal m * 2^-24: written under exponent -14 it reads 2^-14 + m * 2^-24, and the subtraction is exact.
        TLanes one = TOps.Create((127 - 14) << 23);
        TLanes subnormal = TOps.SubtractSingle(TOps.Add(magnitude, one), one);

        TLanes value = TOps.Select(TOps.GreaterThan(TOps.Create(0x400 << 13), magnitude), subnormal, normal);
        return TOps.Or(sign, TOps.Select(TOps.GreaterThan(magnitude, TOps.Create((0x7c00 << 13) - 1)), special, value));
    }
}

/// <summary>E4M3 to F32, in registers.</summary>
internal readonly struct E4M3Decoding : IFloatDecoding
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Decode<TOps, TLanes>(TLanes bits) where TOps : IBitLanes<TLanes> where TLanes : struct
    {
        TLanes magnitude = TOps.And(bits, TOps.Create(0x7f));
        TLanes sign = TOps.ShiftLeft(TOps.And(bits, TOps.Create(0x80)), 24);

        // Normal: move the exponent's bias from 7 to 127. Subnormal m * 2^-9: written under exponent -6 it reads 2^-6 + m * 2^-9, and the
        // subtraction is exact.
        TLanes shifted = TOps.ShiftLeft(magnitude, 20);
        TLanes normal = TOps.Add(shifted, TOps.Create((127 - 7) << 23));
        TLanes one = TOps.Create((127 - 6) << 23);
        TLanes subnormal = TOps.SubtractSingle(TOps.Or(shifted, one), one);

        TLanes value = TOps.Select(TOps.GreaterThan(TOps.Create(8), magnitude), subnormal, normal);
        value = TOps.Select(TOps.GreaterThan(magnitude, TOps.Create(0x7e)), TOps.Create(0x7fc0_0000), value);
        return TOps.Or(sign, value);
    }
}

/// <summary>What tells small float formats apart.</summary>
internal interface ISmallFloatFormat
{
    static abstract int MantissaBits { get; }

    static abstract int Bias { get; }

    /// <summary>The pattern that everything beyond the largest finite value becomes.</summary>
    static abstract uint Overflow { get; }

    /// <summary>A NaN's pattern, without sign.</summary>
    static abstract uint NaN { get; }

    /// <summary>The bits of a NaN's pattern that keep the payload.</summary>
    static abstract uint Payload { get; }

    /// <summary>The sign's bit.</summary>
    static abstract int SignBit { get; }
}

/// <summary>Rounds F32 to F16, E4M3 or E5M2, to nearest even.</summary>
internal readonly struct SmallFloatEncoding<TFormat> : IFloatEncoding where TFormat : ISmallFloatFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Encode<TOps, TLanes>(TLanes single) where TOps : IBitLanes<TLanes> where TLanes : struct
    {
        int dropped = 23 - TFormat.MantissaBits;
        TLanes magnitude = TOps.And(single, TOps.Create(0x7fff_ffff));

        // Normal: move the bias, then round as BF16 does. A carry out of the mantissa raises the exponent, as it should.
        uint shift = unchecked(((uint)(TFormat.Bias - 127) << 23) + (1u << (dropped - 1)) - 1);
        TLanes odd = TOps.And(TOps.ShiftRight(magnitude, dropped), TOps.Create(1));
        TLanes normal = TOps.ShiftRight(TOps.Add(TOps.Add(magnitude, TOps.Create(shift)), odd), dropped);

        // Subnormal: next to this power of two the F32 grid is as coarse as the format's subnormals, so the addition rounds.
        TLanes magic = TOps.Create((uint)(128 - TFormat.Bias + dropped) << 23);
        TLanes subnormal = TOps.Subtract(TOps.AddSingle(magnitude, magic), magic);

        TLanes smallestNormal = TOps.Create((uint)(128 - TFormat.Bias) << 23);
        TLanes rounded = TOps.Select(TOps.GreaterThan(smallestNormal, magnitude), subnormal, normal);
        rounded = TOps.Min(rounded, TOps.Create(TFormat.Overflow));

        TLanes payload = TOps.And(TOps.ShiftRight(magnitude, dropped), TOps.Create(TFormat.Payload));
        TLanes nan = TOps.Or(payload, TOps.Create(TFormat.NaN));
        rounded = TOps.Select(TOps.GreaterThan(magnitude, TOps.Create(0x7f80_0000)), nan, rounded);
        return TOps.Or(rounded, TOps.ShiftLeft(TOps.ShiftRight(single, 31), TFormat.SignBit));
    }
}

/// <summary>IEEE binary16: overflow is infinity.</summary>
internal readonly struct HalfFormat : ISmallFloatFormat
{
    public static int MantissaBits => 10;

    public static int Bias => 15;

    public static uint Overflow => 0x7c00;

    public static uint NaN => 0x7e00;

    public static uint Payload => 0x1ff;

    public static int SignBit => 15;
}

/// <summary>E4M3FN. The pattern after 448 (0x7e) is NaN (0x7f): not saturating just lets the rounding reach it.</summary>
internal readonly struct E4M3Format : ISmallFloatFormat
{
    public static int MantissaBits => 3;

    public static int Bias => 7;

    public static uint Overflow => 0x7f;

    public static uint NaN => 0x7f;

    public static uint Payload => 0;

    public static int SignBit => 7;
}

/// <summary>E4M3FN with overflow held at 448.</summary>
internal readonly struct E4M3SaturatingFormat : ISmallFloatFormat
{
    public static int MantissaBits => E4M3Format.MantissaBits;

    public static int Bias => E4M3Format.Bias;

    public static uint Overflow => 0x7e;

    public static uint NaN => E4M3Format.NaN;

    public static uint Payload => 0;

    public static int SignBit => 7;
}

/// <summary>E5M2: overflow is infinity.</summary>
internal readonly struct E5M2Format : ISmallFloatFormat
{
    public static int MantissaBits => 2;

    public static int Bias => 15;

    public static uint Overflow => 0x7c;

    public static uint NaN => 0x7f;

    public static uint Payload => 0;

    public static int SignBit => 7;
}

/// <summary>E5M2 with overflow held at 57344.</summary>
internal readonly struct E5M2SaturatingFormat : ISmallFloatFormat
{
    public static int MantissaBits => E5M2Format.MantissaBits;

    public static int Bias => E5M2Format.Bias;

    public static uint Overflow => 0x7b;

    public static uint NaN => E5M2Format.NaN;

    public static uint Payload => 0;

    public static int SignBit => 7;
}
