using System.Buffers.Binary;

namespace Hadal.Numerics;

/// <summary>
/// Q4_K: 256 elements in eight parts of 32, (d · scale) · q - (dmin · minimum) with q of 4 bits, scale and minimum of 6. File: d and dmin in
/// F16, 12 bytes of scales and minima, then 32 bytes for each two parts, the first in the low bits. The loose form has the scale and the
/// minimum of a part in a byte each.
/// </summary>
internal readonly struct Q4KFormat : IBlockFormat
{
    private const int Parts = 8;
    private const int Part = 32;

    public static int Elements => 256;

    public static int Bytes => 144;

    public static int HeadBytes => 4 + 2 * Parts;

    public static int WideFields => 2;

    public static int WideBytes => 2;

    public static int Bits => 4;

    public static int Bias => 0;

    public static bool HasMinima => true;

    public static bool HasHalves => false;

    public static void Read(ReadOnlySpan<byte> block, Span<byte> head, Span<byte> elements)
    {
        block[..4].CopyTo(head);
        PackedScales.Split(block.Slice(4, PackedScales.Bytes), head[4..]);
        for (int pair = 0; pair < Parts / 2; pair++) Nibbles.Split(block.Slice(16 + pair * Part, Part), elements.Slice(pair * 2 * Part, 2 * Part));
    }

    public static void Write(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<byte> block)
    {
        head[..4].CopyTo(block);
        PackedScales.Join(head[4..], block.Slice(4, PackedScales.Bytes));
        for (int pair = 0; pair < Parts / 2; pair++) Nibbles.Join(elements.Slice(pair * 2 * Part, 2 * Part), block.Slice(16 + pair * Part, Part));
    }

    public static void Dequantise(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<float> values)
    {
        float d = Float16.ToSingle(BinaryPrimitives.ReadUInt16LittleEndian(head));
        float dmin = Float16.ToSingle(BinaryPrimitives.ReadUInt16LittleEndian(head[2..]));
        for (int part = 0; part < Parts; part++)
        {
            // All products are exact: 11 bits of an F16 times 6, times 4. Only the difference is rounded.
            float scale = d * head[4 + 2 * part], minimum = dmin * head[5 + 2 * part];
            for (int i = part * Part; i < (part + 1) * Part; i++) values[i] = scale * elements[i] - minimum;
        }
    }

    // As ggml's quantize_row_q4_K_ref: each part by itself, then its scale and minimum in 6 bits, then the elements once more.
    public static void Quantise(ReadOnlySpan<float> values, Span<byte> head, Span<byte> elements)
    {
        Span<float> scales = stackalloc float[Parts], minima = stackalloc float[Parts];
        float largestScale = 0, largestMinimum = 0;
        for (int part = 0; part < Parts; part++)
        {
            (scales[part], minima[part]) = ScaleSearch.WithMinimum(values.Slice(part * Part, Part), 15);
            largestScale = Math.Max(largestScale, scales[part]);
            largestMinimum = Math.Max(largestMinimum, minima[part]);
        }

        BinaryPrimitives.WriteUInt16LittleEndian(head, Float16.FromSingle(largestScale / 63));
        BinaryPrimitives.WriteUInt16LittleEndian(head[2..], Float16.FromSingle(largestMinimum / 63));
        float d = Float16.ToSingle(BinaryPrimitives.ReadUInt16LittleEndian(head));
        float dmin = Float16.ToSingle(BinaryPrimitives.ReadUInt16LittleEndian(head[2..]));
        for (int part = 0; part < Parts; part++)
        {
            byte scale = SixBits(scales[part], d), minimum = SixBits(minima[part], dmin);
            (head[4 + 2 * part], head[5 + 2 * part]) = (scale, minimum);
            for (int i = part * Part; i < (part + 1) * Part; i++)
            {
                float q = scale == 0 || d == 0 ? 0 : (values[i] + dmin * minimum) / (d * scale);
                elements[i] = (byte)Math.Clamp(MathF.Round(q), 0, 15);
            }
        }
    }

    private static byte SixBits(float value, float unit) => unit == 0 ? (byte)0 : (byte)Math.Clamp(MathF.Round(value / unit), 0, 63);
}

/// <summary>
/// The 12 bytes of eight scales and eight minima of 6 bits that ggml's Q4_K and Q5_K have: those of the first four parts are the low six
/// bits of bytes 0-3 and 4-7; of the others the low four bits are in bytes 8-11, and the upper two on top of bytes 0-3 and 4-7.
/// </summary>
internal static class PackedScales
{
    public const int Bytes = 12;

    /// <summary>Takes them apart into scale, minimum, scale, minimum, ...</summary>
    public static void Split(ReadOnlySpan<byte> packed, Span<byte> pairs)
    {
        for (int j = 0; j < 4; j++)
        {
            pairs[2 * j] = (byte)(packed[j] & 63);
            pairs[2 * j + 1] = (byte)(packed[j + 4] & 63);
            pairs[2 * j + 8] = (byte)((packed[j + 8] & 15) | packed[j] >> 6 << 4);
            pairs[2 * j + 9] = (byte)(packed[j + 8] >> 4 | packed[j + 4] >> 6 << 4);
        }
    }

    /// <summary>Puts them together.</summary>
    public static void Join(ReadOnlySpan<byte> pairs, Span<byte> packed)
    {
        for (int j = 0; j < 4; j++)
        {
            packed[j] = (byte)(pairs[2 * j] | pairs[2 * j + 8] >> 4 << 6);
            packed[j + 4] = (byte)(pairs[2 * j + 1] | pairs[2 * j + 9] >> 4 << 6);
            packed[j + 8] = (byte)((pairs[2 * j + 8] & 15) | pairs[2 * j + 9] << 4);
        }
    }
}
