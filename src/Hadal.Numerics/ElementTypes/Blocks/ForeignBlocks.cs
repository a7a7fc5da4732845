using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Hadal.Numerics;

/// <summary>Formats of blocks that are read from other people's files but never written or computed with, by ggml's names.</summary>
[SuppressMessage("Naming", "CA1707:Identifiers should not contain underscores", Justification = "The names that the formats have everywhere.")]
public enum ForeignBlockType
{
    /// <summary>32 elements in 20 bytes: d · q + m, q of 4 bits.</summary>
    Q4_1,

    /// <summary>32 elements in 22 bytes: d · (q - 16), q of 5 bits.</summary>
    Q5_0,

    /// <summary>32 elements in 24 bytes: d · q + m, q of 5 bits.</summary>
    Q5_1,

    /// <summary>256 elements in 84 bytes: every 16 have a scale and a minimum of 4 bits; q of 2 bits.</summary>
    Q2_K,

    /// <summary>256 elements in 110 bytes: every 16 have a scale of 6 bits, minus 32; q of 3 bits, minus 4.</summary>
    Q3_K,

    /// <summary>256 elements in 176 bytes: Q4_K with one bit more for each element.</summary>
    Q5_K,
}

/// <summary>Reads the formats of <see cref="ForeignBlockType"/>; the layouts are those of ggml-quants.c.</summary>
public static class ForeignBlocks
{
    /// <summary>Elements of a block.</summary>
    public static int BlockElements(this ForeignBlockType type) =>
        type is ForeignBlockType.Q4_1 or ForeignBlockType.Q5_0 or ForeignBlockType.Q5_1 ? 32 : 256;

    /// <summary>Bytes of a block.</summary>
    public static int BlockBytes(this ForeignBlockType type) => type switch
    {
        ForeignBlockType.Q4_1 => 20,
        ForeignBlockType.Q5_0 => 22,
        ForeignBlockType.Q5_1 => 24,
        ForeignBlockType.Q2_K => 84,
        ForeignBlockType.Q3_K => 110,
        ForeignBlockType.Q5_K => 176,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown type of blocks"),
    };

    /// <summary>Reads blocks.</summary>
    /// <param name="type">Their type.</param>
    /// <param name="blocks">The blocks.</param>
    /// <param name="values">Takes their elements.</param>
    /// <exception cref="ArgumentException">The spans don't match, or there is no whole number of blocks.</exception>
    public static void Dequantise(ForeignBlockType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        (int elements, int bytes) = (type.BlockElements(), type.BlockBytes());
        if (values.Length % elements != 0 || (long)values.Length / elements * bytes != blocks.Length)
        {
            throw new ArgumentException($"{values.Length} elements of {type} are not {blocks.Length} bytes", nameof(blocks));
        }

        for (int b = 0; b < values.Length / elements; b++)
        {
            ReadOnlySpan<byte> block = blocks.Slice(b * bytes, bytes);
            Span<float> to = values.Slice(b * elements, elements);
            switch (type)
            {
                case ForeignBlockType.Q4_1:
                    Affine(F16(block), F16(block[2..]), 0, block[4..20], to);
                    break;
                case ForeignBlockType.Q5_0:
                    float d = F16(block);
                    Affine(d, d * -16, BinaryPrimitives.ReadUInt32LittleEndian(block[2..]), block[6..22], to);
                    break;
                case ForeignBlockType.Q5_1:
                    Affine(F16(block), F16(block[2..]), BinaryPrimitives.ReadUInt32LittleEndian(block[4..]), block[8..24], to);
                    break;
                case ForeignBlockType.Q2_K:
                    Q2K(block, to);
                    break;
                case ForeignBlockType.Q3_K:
                    Q3K(block, to);
                    break;
                default:
                    Q5K(block, to);
                    break;
            }
        }
    }

    private static float F16(ReadOnlySpan<byte> bytes) => Float16.ToSingle(BinaryPrimitives.ReadUInt16LittleEndian(bytes));

    // Products of an F16 with some bits are exact in F32, so it doesn't matter how the sums are arranged.
    private static void Affine(float d, float m, uint fifthBits, ReadOnlySpan<byte> nibbles, Span<float> values)
    {
        Span<byte> q = stackalloc byte[32];
        Nibbles.Split(nibbles, q);
        for (int i = 0; i < 32; i++) values[i] = d * (q[i] | (fifthBits >> i & 1) << 4) + m;
    }

    // 16 bytes of scale (low) and minimum (high), 64 of elements, d, dmin. Of each 32 bytes the first two bits are elements 0-31 of 128,
    // the next two elements 32-63, ...
    private static void Q2K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block[80..]), dmin = F16(block[82..]);
        for (int i = 0; i < 256; i++)
        {
            byte scale = block[i / 16];
            int q = block[16 + i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32)) & 3;
            values[i] = d * (scale & 15) * q - dmin * (scale >> 4);
        }
    }

    // 32 bytes of third bits (bit j: elements 32 j to 32 j + 31; clear means minus 4), 64 of two bits as in Q2_K, 12 of scales, d. Scale j:
    // four bits in the low half of byte j, from j = 8 on in the high half of byte j - 8; two bits in bytes 8-11, at 2 (j / 4).
    private static void Q3K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block[108..]);
        ReadOnlySpan<byte> packed = block.Slice(96, 12);
        for (int i = 0; i < 256; i++)
        {
            int j = i / 16;
            int scale = (packed[j % 8] >> (4 * (j / 8)) & 15) | (packed[8 + j % 4] >> (2 * (j / 4)) & 3) << 4;
            int q = block[32 + i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32)) & 3;
            if ((block[i % 32] >> (i / 32) & 1) == 0) q -= 4;
            values[i] = d * (scale - 32) * q;
        }
    }

    // d, dmin, 12 bytes of scales and minima, 32 of fifth bits (bit j: elements 32 j to 32 j + 31), 128 of four bits as in Q4_K.
    private static void Q5K(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = F16(block), dmin = F16(block[2..]);
        Span<byte> scales = stackalloc byte[16];
        PackedScales.Split(block.Slice(4, PackedScales.Bytes), scales);
        for (int i = 0; i < 256; i++)
        {
            int part = i / 32, q = block[48 + i / 64 * 32 + i % 32] >> (4 * (part % 2)) & 15;
            q |= (block[16 + i % 32] >> part & 1) << 4;
            values[i] = d * scales[2 * part] * q - dmin * scales[2 * part + 1];
        }
    }
}
