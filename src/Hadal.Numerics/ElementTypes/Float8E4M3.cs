namespace Hadal.Numerics;

/// <summary>OCP OFP8 E4M3FN: 4 significant bits, largest finite value 448, smallest 2^-9, one NaN of each sign and no infinities.</summary>
public readonly struct Float8E4M3 : IEquatable<Float8E4M3>
{
    /// <summary>The largest finite value.</summary>
    public const float MaxValue = 448f;

    private static readonly float[] s_values = DecodeAll();

    private Float8E4M3(byte bits) => Bits = bits;

    /// <summary>The bit pattern.</summary>
    public byte Bits { get; }

    /// <summary>The F32 value of each of the 256 patterns.</summary>
    internal static ReadOnlySpan<float> Values => s_values;

    /// <summary>The number with a given bit pattern.</summary>
    public static Float8E4M3 FromBits(byte bits) => new(bits);

    /// <summary>Rounds to nearest, ties to even; a NaN stays a NaN.</summary>
    /// <param name="value">The number to round.</param>
    /// <param name="saturate">Whether what is beyond 448, infinities included, becomes 448 with its sign; else NaN beyond 464.</param>
    public static Float8E4M3 FromSingle(float value, bool saturate)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return new((byte)(saturate
            ? SmallFloatEncoding<E4M3SaturatingFormat>.Encode<BitLanes1, uint>(bits)
            : SmallFloatEncoding<E4M3Format>.Encode<BitLanes1, uint>(bits)));
    }

    /// <summary>The same number as F32; exact.</summary>
    public float ToSingle() => s_values[Bits];

    /// <summary>Rounds as <see cref="FromSingle"/> does, saturating.</summary>
    public static explicit operator Float8E4M3(float value) => FromSingle(value, saturate: true);

    /// <summary>The same number as F32; exact.</summary>
    public static implicit operator float(Float8E4M3 value) => value.ToSingle();

    /// <summary>Whether the bit patterns are equal: NaN equals itself here, and 0 differs from -0.</summary>
    public bool Equals(Float8E4M3 other) => Bits == other.Bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Float8E4M3 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Bits;

    /// <inheritdoc/>
    public override string ToString() => ToSingle().ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Whether the bit patterns are equal.</summary>
    public static bool operator ==(Float8E4M3 left, Float8E4M3 right) => left.Equals(right);

    /// <summary>Whether the bit patterns differ.</summary>
    public static bool operator !=(Float8E4M3 left, Float8E4M3 right) => !left.Equals(right);

    private static float[] DecodeAll()
    {
        float[] values = new float[256];
        for (int bits = 0; bits < values.Length; bits++)
        {
            int exponent = (bits >> 3) & 15;
            int mantissa = bits & 7;
            float magnitude = (exponent, mantissa) switch
            {
                (15, 7) => float.NaN,
                (0, _) => MathF.ScaleB(mantissa, -9),
                _ => MathF.ScaleB(8 + mantissa, exponent - 7 - 3),
            };
            values[bits] = MathF.CopySign(magnitude, bits < 128 ? 1f : -1f);
        }

        return values;
    }
}
