using System.Buffers.Binary;

namespace Hadal.Numerics;

/// <summary>
/// Q6_K: 256 elements in sixteen parts of 16, (d · scale) · (q - 32) with q of 6 bits and scale a signed byte. File: for each 128 elements 64
/// bytes of low four bits (the elements of 32 and 32, then those 64 further on top), then for each 128 elements 32 bytes of upper two
/// bits (element i of the four 32), then the scales, then d in F16. The loose form begins with d. Bias 32.
/// </summary>
internal readonly struct Q6KFormat : IBlockFormat
{
    private const int Parts = 16;
    private const int Part = 16;
    private const int HighBits = 128;
    private const int Scales = 192;
    private const int Factor = 208;

    public static int Elements => 256;

    public static int Bytes => 210;

    public static int HeadBytes => 2 + Parts;

    public static int WideFields => 1;

    public static int WideBytes => 2;

    public static int Bits => 6;

    public static int Bias => 32;

    public static bool HasMinima => false;

    public static bool HasHalves => true;

    public static void Read(ReadOnlySpan<byte> block, Span<byte> head, Span<byte> elements)
    {
        block.Slice(Factor, 2).CopyTo(head);
        block.Slice(Scales, Parts).CopyTo(head[2..]);
        for (int half = 0; half < 2; half++)
        {
            Span<byte> to = elements.Slice(128 * half, 128);
            Nibbles.Split(block.Slice(64 * half, 64), to);
            ReadOnlySpan<byte> high = block.Slice(HighBits + 32 * half, 32);
            for (int i = 0; i < 128; i++) to[i] |= (byte)((high[i % 32] >> (2 * (i / 32)) & 3) << 4);
        }
    }

    public static void Write(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<byte> block)
    {
        head[..2].CopyTo(block[Factor..]);
        head.Slice(2, Parts).CopyTo(block[Scales..]);
        for (int half = 0; half < 2; half++)
        {
            ReadOnlySpan<byte> from = elements.Slice(128 * half, 128);
            for (int i = 0; i < 64; i++) block[64 * half + i] = (byte)((from[i] & 15) | from[i + 64] << 4);
            for (int i = 0; i < 32; i++)
            {
                block[HighBits + 32 * half + i] =
                    (byte)(from[i] >> 4 | from[i + 32] >> 4 << 2 | from[i + 64] >> 4 << 4 | from[i + 96] >> 4 << 6);
            }
        }
    }

    public static void Dequantise(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<float> values)
    {
        float d = Float16.ToSingle(BinaryPrimitives.ReadUInt16LittleEndian(head));
        for (int part = 0; part < Parts; part++)
        {
            // Exact: 11 bits times 7 times 6.
            float scale = d * (sbyte)head[2 + part];
            for (int i = part * Part; i < (part + 1) * Part; i++) values[i] = scale * (elements[i] - 32);
        }
    }

    // As ggml's quantize_row_q6_K_ref. The scale that is largest in magnitude becomes -128.
    public static void Quantise(ReadOnlySpan<float> values, Span<byte> head, Span<byte> elements)
    {
        Span<float> scales = stackalloc float[Parts];
        float largest = 0;
        for (int part = 0; part < Parts; part++)
        {
            scales[part] = ScaleSearch.Symmetric(values.Slice(part * Part, Part), 32);
            if (Math.Abs(scales[part]) > Math.Abs(largest)) largest = scales[part];
        }

        ushort stored = Float16.FromSingle(largest / -128);
        BinaryPrimitives.WriteUInt16LittleEndian(head, stored);
        float d = Float16.ToSingle(stored);
        for (int part = 0; part < Parts; part++)
        {
            int scale = d == 0 ? 0 : (int)Math.Clamp(MathF.Round(scales[part] / d), -128, 127);
            head[2 + part] = (byte)(sbyte)scale;
            for (int i = part * Part; i < (part + 1) * Part; i++)
            {
                elements[i] = scale == 0 ? (byte)32 : (byte)(32 + (int)Math.Clamp(MathF.Round(values[i] / (d * scale)), -32, 31));
            }
        }
    }
}
