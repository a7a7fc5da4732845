namespace Hadal.Numerics;

/// <summary>The upper half of an F32: its range, with 8 significant bits.</summary>
public readonly struct BFloat16 : IEquatable<BFloat16>
{
    private BFloat16(ushort bits) => Bits = bits;

    /// <summary>The bit pattern.</summary>
    public ushort Bits { get; }

    /// <summary>The number with a given bit pattern.</summary>
    public static BFloat16 FromBits(ushort bits) => new(bits);

    /// <summary>Rounds to nearest, ties to even; beyond the largest finite value to infinity; a NaN stays a NaN.</summary>
    public static BFloat16 FromSingle(float value) =>
        new((ushort)BFloat16Codec.Encode<BitLanes1, uint>(BitConverter.SingleToUInt32Bits(value)));

    /// <summary>The same number as F32; exact.</summary>
    public float ToSingle() => BitConverter.UInt32BitsToSingle((uint)Bits << 16);

    /// <summary>Rounds as <see cref="FromSingle"/> does.</summary>
    public static explicit operator BFloat16(float value) => FromSingle(value);

    /// <summary>The same number as F32; exact.</summary>
    public static implicit operator float(BFloat16 value) => value.ToSingle();

    /// <summary>Whether the bit patterns are equal: NaN equals itself here, and 0 differs from -0.</summary>
    public bool Equals(BFloat16 other) => Bits == other.Bits;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Bits;

    /// <inheritdoc/>
    public override string ToString() => ToSingle().ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Whether the bit patterns are equal.</summary>
    public static bool operator ==(BFloat16 left, BFloat16 right) => left.Equals(right);

    /// <summary>Whether the bit patterns differ.</summary>
    public static bool operator !=(BFloat16 left, BFloat16 right) => !left.Equals(right);
}
