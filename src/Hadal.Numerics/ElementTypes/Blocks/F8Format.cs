using System.Buffers.Binary;

namespace Hadal.Numerics;

/// <summary>
/// 128 elements of E4M3 times an F32 factor, as <see cref="BlockScaling"/> has them; the factor comes first. No file has these blocks: they
/// stand between the separate arrays of checkpoints and the panels of products.
/// </summary>
internal readonly struct F8Format : IBlockFormat
{
    public static int Elements => BlockScaling.ReleasedBlock;

    public static int Bytes => sizeof(float) + Elements;

    public static int HeadBytes => sizeof(float);

    public static int WideFields => 1;

    public static int WideBytes => sizeof(float);

    public static int Bits => 8;

    public static int Bias => 0;

    public static bool HasMinima => false;

    public static bool HasHalves => false;

    public static void Read(ReadOnlySpan<byte> block, Span<byte> head, Span<byte> elements)
    {
        block[..HeadBytes].CopyTo(head);
        block[HeadBytes..].CopyTo(elements);
    }

    public static void Write(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<byte> block)
    {
        head[..HeadBytes].CopyTo(block);
        elements[..Elements].CopyTo(block[HeadBytes..]);
    }

    public static void Dequantise(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<float> values)
    {
        float scale = BinaryPrimitives.ReadSingleLittleEndian(head);
        ReadOnlySpan<float> table = Float8E4M3.Values;
        for (int i = 0; i < Elements; i++) values[i] = table[elements[i]] * scale;
    }

    public static void Quantise(ReadOnlySpan<float> values, Span<byte> head, Span<byte> elements)
    {
        Span<float> scale = stackalloc float[1];
        BlockScaling.Quantise(values, 1, Elements, 1, Elements, elements, scale);
        BinaryPrimitives.WriteSingleLittleEndian(head, scale[0]);
    }
}
