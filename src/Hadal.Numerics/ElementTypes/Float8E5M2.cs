namespace Hadal.Numerics;

/// <summary>OCP OFP8 E5M2: the upper byte of an F16; 3 significant bits, largest finite value 57344, smallest 2^-16.</summary>
public readonly struct Float8E5M2 : IEquatable<Float8E5M2>
{
    /// <summary>The largest finite value.</summary>
    public const float MaxValue = 57344f;

    private static readonly float[] s_values = DecodeAll();

    private Float8E5M2(byte bits) => Bits = bits;

    /// <summary>The bit pattern.</summary>
    public byte Bits { get; }

    /// <summary>The F32 value of each of the 256 patterns.</summary>
    internal static ReadOnlySpan<float> Values => s_values;

    /// <summary>The number with a given bit pattern.</summary>
    public static Float8E5M2 FromBits(byte bits) => new(bits);

    /// <summary>Rounds to nearest, ties to even; a NaN stays a NaN.</summary>
    /// <param name="value">The number to round.</param>
    /// <param name="saturate">Whether what is beyond 57344, infinities included, becomes 57344, signed; else infinity.</param>
    public static Float8E5M2 FromSingle(float value, bool saturate)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return new((byte)(saturate
            ? SmallFloatEncoding<E5M2SaturatingFormat>.Encode<BitLanes1, uint>(bits)
            : SmallFloatEncoding<E5M2Format>.Encode<BitLanes1, uint>(bits)));
    }

    /// <summary>The same number as F32; exact.</summary>
    public float ToSingle() => s_values[Bits];

    /// <summary>Rounds as <see cref="FromSingle"/> does, saturating.</summary>
    public static explicit operator Float8E5M2(float value) => FromSingle(value, saturate: true);

    /// <summary>The same number as F32; exact.</summary>
    public static implicit operator float(Float8E5M2 value) => value.ToSingle();

    /// <summary>Whether the bit patterns are equal: NaN equals itself here, and 0 differs from -0.</summary>
    public bool Equals(Float8E5M2 other) => Bits == other.Bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Float8E5M2 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Bits;

    /// <inheritdoc/>
    public override string ToString() => ToSingle().ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Whether the bit patterns are equal.</summary>
    public static bool operator ==(Float8E5M2 left, Float8E5M2 right) => left.Equals(right);

    /// <summary>Whether the bit patterns differ.</summary>
    public static bool operator !=(Float8E5M2 left, Float8E5M2 right) => !left.Equals(right);

    private static float[] DecodeAll()
    {
        float[] values = new float[256];
        for (int bits = 0; bits < values.Length; bits++)
        {
            values[bits] = BitConverter.UInt32BitsToSingle(HalfDecoding.Decode<BitLanes1, uint>((uint)bits << 8));
        }

        return values;
    }
}
