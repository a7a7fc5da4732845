namespace Hadal.Tests.Numerics.ElementTypes;

/// <summary>
/// Blocks decoded one bit at a time, in double precision: for each element the places of its bits are written down, nothing is shared with
/// the library.
/// </summary>
internal static class SlowBlocks
{
    public static readonly string[] Names = ["Q8_0", "Q4_0", "Q4_K", "Q6_K", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q5_K"];

    public static (int Elements, int Bytes) Size(string name) => name switch
    {
        "Q8_0" => (32, 34),
        "Q4_0" => (32, 18),
        "Q4_1" => (32, 20),
        "Q5_0" => (32, 22),
        "Q5_1" => (32, 24),
        "Q2_K" => (256, 84),
        "Q3_K" => (256, 110),
        "Q4_K" => (256, 144),
        "Q5_K" => (256, 176),
        "Q6_K" => (256, 210),
        _ => throw new ArgumentException(name),
    };

    /// <summary>Where a block has its F16 numbers.</summary>
    public static int[] Halves(string name) => name switch
    {
        "Q4_1" or "Q5_1" or "Q4_K" or "Q5_K" => [0, 2],
        "Q2_K" => [80, 82],
        "Q3_K" => [108],
        "Q6_K" => [208],
        _ => [0],
    };

    public static double Element(string name, ReadOnlySpan<byte> b, int i)
    {
        double d = Half(b, Halves(name)[0]), m = Halves(name) is [_, int second] ? Half(b, second) : 0;
        int part = i / 32, sixteen = i / 16;
        switch (name)
        {
            case "Q8_0":
                return d * (Number(b, 2 + i, 0, 7) - 128 * Number(b, 2 + i, 7, 1));
            case "Q4_0":
                return d * (Number(b, 2 + i % 16, i < 16 ? 0 : 4, 4) - 8);
            case "Q4_1":
                return d * Number(b, 4 + i % 16, i < 16 ? 0 : 4, 4) + m;
            case "Q5_0":
                return d * (Number(b, 6 + i % 16, i < 16 ? 0 : 4, 4) + 16 * Number(b, 2 + i / 8, i % 8, 1) - 16);
            case "Q5_1":
                return d * (Number(b, 8 + i % 16, i < 16 ? 0 : 4, 4) + 16 * Number(b, 4 + i / 8, i % 8, 1)) + m;
            case "Q2_K":
                // 128 elements from 32 bytes: the pair of bits moves up every 32 elements.
                return d * Number(b, sixteen, 0, 4) * Number(b, 16 + 32 * (i / 128) + i % 32, 2 * (part % 4), 2) - m * Number(b, sixteen, 4, 4);
            case "Q3_K":
                int low = sixteen < 8 ? Number(b, 96 + sixteen, 0, 4) : Number(b, 88 + sixteen, 4, 4);
                int high = Number(b, 104 + sixteen % 4, 2 * (sixteen / 4), 2);
                int q3 = Number(b, 32 + 32 * (i / 128) + i % 32, 2 * (part % 4), 2) - (Number(b, i % 32, part, 1) == 1 ? 0 : 4);
                return d * (low + 16 * high - 32) * q3;
            case "Q4_K":
                return d * Scale(b, part) * Number(b, 16 + 32 * (i / 64) + i % 32, part % 2 * 4, 4) - m * Minimum(b, part);
            case "Q5_K":
                int q5 = Number(b, 48 + 32 * (i / 64) + i % 32, part % 2 * 4, 4) + 16 * Number(b, 16 + i % 32, part, 1);
                return d * Scale(b, part) * q5 - m * Minimum(b, part);
            default:
                // Q6_K: of 128 elements the first 64 are low nibbles of 64 bytes, the others the high nibbles of the same bytes.
                int q6 = Number(b, 64 * (i / 128) + i % 64, i % 128 < 64 ? 0 : 4, 4) + 16 * Number(b, 128 + 32 * (i / 128) + i % 32, 2 * (part % 4), 2);
                return d * (Number(b, 192 + sixteen, 0, 7) - 128 * Number(b, 192 + sixteen, 7, 1)) * (q6 - 32);
        }
    }

    private static int Scale(ReadOnlySpan<byte> b, int part) =>
        part < 4 ? Number(b, 4 + part, 0, 6) : Number(b, 8 + part, 0, 4) + 16 * Number(b, part, 6, 2);

    private static int Minimum(ReadOnlySpan<byte> b, int part) =>
        part < 4 ? Number(b, 8 + part, 0, 6) : Number(b, 8 + part, 4, 4) + 16 * Number(b, 4 + part, 6, 2);

    private static int Number(ReadOnlySpan<byte> b, int at, int firstBit, int bits)
    {
        int value = 0;
        for (int i = 0; i < bits; i++)
        {
            if ((b[at] / (1 << (firstBit + i))) % 2 == 1) value += 1 << i;
        }

        return value;
    }

    private static double Half(ReadOnlySpan<byte> b, int at) => (double)BitConverter.UInt16BitsToHalf((ushort)(b[at] + 256 * b[at + 1]));
}
