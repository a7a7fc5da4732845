using System.Buffers.Binary;

namespace Hadal.Numerics;

/// <summary>Q4_0: 32 elements, d · (q - 8) with q of 4 bits. File: d in F16, then element i below element i + 16 in byte i. Bias 8.</summary>
internal readonly struct Q4Format : IBlockFormat
{
    public static int Elements => 32;

    public static int Bytes => 18;

    public static int HeadBytes => 2;

    public static int WideFields => 1;

    public static int WideBytes => 2;

    public static int Bits => 4;

    public static int Bias => 8;

    public static bool HasMinima => false;

    public static bool HasHalves => false;

    public static void Read(ReadOnlySpan<byte> block, Span<byte> head, Span<byte> elements)
    {
        block[..2].CopyTo(head);
        Nibbles.Split(block.Slice(2, 16), elements);
    }

    public static void Write(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<byte> block)
    {
        head[..2].CopyTo(block);
        Nibbles.Join(elements, block.Slice(2, 16));
    }

    public static void Dequantise(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<float> values)
    {
        float d = Float16.ToSingle(BinaryPrimitives.ReadUInt16LittleEndian(head));
        for (int i = 0; i < 32; i++) values[i] = d * (elements[i] - 8);
    }

    public static void Quantise(ReadOnlySpan<float> values, Span<byte> head, Span<byte> elements)
    {
        ushort stored = Float16.FromSingle(ScaleSearch.Symmetric(values, 8));
        BinaryPrimitives.WriteUInt16LittleEndian(head, stored);
        float d = Float16.ToSingle(stored);
        for (int i = 0; i < 32; i++)
        {
            elements[i] = d == 0 ? (byte)8 : (byte)(8 + (int)Math.Clamp(MathF.Round(values[i] / d), -8, 7));
        }
    }
}
