namespace Hadal.Numerics;

/// <summary>Single F16 numbers; spans are <see cref="ElementConversion"/>'s. The runtime's own conversion is a call.</summary>
internal static class Float16
{
    /// <summary>The largest finite number.</summary>
    public const float MaxValue = 65504;

    /// <summary>The value of a pattern, exactly.</summary>
    public static float ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle(HalfDecoding.Decode<BitLanes1, uint>(bits));

    /// <summary>The pattern nearest to a number, ties to even; finite numbers stay finite.</summary>
    public static ushort FromSingle(float value) => (ushort)SmallFloatEncoding<HalfFormat>.Encode<BitLanes1, uint>(
        BitConverter.SingleToUInt32Bits(Math.Clamp(value, -MaxValue, MaxValue)));
}
