using System.Buffers.Binary;

namespace Hadal.Numerics;

/// <summary>Q8_0: 32 elements, d · q with q a signed byte. File: d in F16, then the bytes. Bias 128.</summary>
internal readonly struct Q8Format : IBlockFormat
{
    public static int Elements => 32;

    public static int Bytes => 34;

    public static int HeadBytes => 2;

    public static int WideFields => 1;

    public static int WideBytes => 2;

    public static int Bits => 8;

    public static int Bias => 128;

    public static bool HasMinima => false;

    public static bool HasHalves => false;

    public static void Read(ReadOnlySpan<byte> block, Span<byte> head, Span<byte> elements)
    {
        block[..2].CopyTo(head);
        for (int i = 0; i < 32; i++) elements[i] = (byte)(block[2 + i] ^ 0x80);
    }

    public static void Write(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<byte> block)
    {
        head[..2].CopyTo(block);
        for (int i = 0; i < 32; i++) block[2 + i] = (byte)(elements[i] ^ 0x80);
    }

    public static void Dequantise(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<float> values)
    {
        float d = Float16.ToSingle(BinaryPrimitives.ReadUInt16LittleEndian(head));
        for (int i = 0; i < 32; i++) values[i] = d * (elements[i] - 128);
    }

    // d = max|x| / 127. Elements are rounded with the d that is stored, not with the one before its rounding.
    public static void Quantise(ReadOnlySpan<float> values, Span<byte> head, Span<byte> elements)
    {
        float largest = 0;
        foreach (float x in values) largest = Math.Max(largest, Math.Abs(x));
        ushort stored = Float16.FromSingle(largest / 127);
        BinaryPrimitives.WriteUInt16LittleEndian(head, stored);
        float d = Float16.ToSingle(stored);
        for (int i = 0; i < 32; i++)
        {
            elements[i] = d == 0 ? (byte)128 : (byte)(128 + (int)Math.Clamp(MathF.Round(values[i] / d), -127, 127));
        }
    }
}
