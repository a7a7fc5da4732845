using System.Globalization;
using System.Text.Json;
using Hadal.Numerics;

namespace Hadal.Tests.Numerics.ElementTypes;

[Trait("Category", "Kernels")]
public sealed class Float8Tests
{
    [Fact]
    public void Every_E4M3_pattern_decodes_to_its_exact_value() => CompareDecode("e4m3fn", bits => Float8E4M3.FromBits(bits));

    [Fact]
    public void Every_E5M2_pattern_decodes_to_its_exact_value() => CompareDecode("e5m2", bits => Float8E5M2.FromBits(bits));

    [Fact]
    public void E4M3_rounds_as_the_GPU_instruction_and_as_the_plain_cast_do() => CompareEncode(
        "e4m3fn", ElementType.F8E4M3, (value, saturate) => Float8E4M3.FromSingle(value, saturate).Bits, bits => (bits & 0x7f) == 0x7f);

    [Fact]
    public void E5M2_rounds_as_the_GPU_instruction_and_as_the_plain_cast_do() => CompareEncode(
        "e5m2", ElementType.F8E5M2, (value, saturate) => Float8E5M2.FromSingle(value, saturate).Bits, bits => (bits & 0x7f) > 0x7c);

    [Theory]
    [InlineData(448f, 0x7e, 0x7e)]
    [InlineData(464f, 0x7e, 0x7e)] // the tie between 448 and the 480 that isn't there goes to the even 448
    [InlineData(464.00003f, 0x7e, 0x7f)]
    [InlineData(float.PositiveInfinity, 0x7e, 0x7f)]
    [InlineData(float.NegativeInfinity, 0xfe, 0xff)]
    [InlineData(-0f, 0x80, 0x80)]
    [InlineData(0.0009765625f, 0x00, 0x00)] // 2^-10, the tie between 0 and the smallest subnormal
    [InlineData(0.0029296875f, 0x02, 0x02)] // 1.5 * 2^-9
    public void E4M3_edges_are_where_the_format_puts_them(float value, byte saturated, byte plain)
    {
        Assert.Equal(saturated, Float8E4M3.FromSingle(value, saturate: true).Bits);
        Assert.Equal(plain, Float8E4M3.FromSingle(value, saturate: false).Bits);
        Assert.Equal(saturated, ((Float8E4M3)value).Bits);
    }

    [Theory]
    [InlineData(57344f, 0x7b, 0x7b)]
    [InlineData(61439.996f, 0x7b, 0x7b)]
    [InlineData(61440f, 0x7b, 0x7c)]
    [InlineData(float.NegativeInfinity, 0xfb, 0xfc)]
    public void E5M2_edges_are_where_the_format_puts_them(float value, byte saturated, byte plain)
    {
        Assert.Equal(saturated, Float8E5M2.FromSingle(value, saturate: true).Bits);
        Assert.Equal(plain, Float8E5M2.FromSingle(value, saturate: false).Bits);
    }

    [Fact]
    public void Decoding_and_encoding_again_gives_the_same_pattern()
    {
        for (int bits = 0; bits < 256; bits++)
        {
            float e4m3 = Float8E4M3.FromBits((byte)bits);
            float e5m2 = Float8E5M2.FromBits((byte)bits);
            if (!float.IsNaN(e4m3)) Assert.Equal(bits, Float8E4M3.FromSingle(e4m3, saturate: false).Bits);
            if (!float.IsNaN(e5m2)) Assert.Equal(bits, Float8E5M2.FromSingle(e5m2, saturate: false).Bits);
        }
    }

    private static void CompareDecode(string format, Func<byte, float> decode)
    {
        using JsonDocument document = Fixture($"{format}_decode.json");
        int rows = 0;
        foreach (JsonElement row in document.RootElement.GetProperty("rows").EnumerateArray())
        {
            byte bits = row[0].GetByte();
            float expected = Single(row[1]);
            float found = decode(bits);
            Assert.True(
                float.IsNaN(expected)
                    ? float.IsNaN(found)
                    : BitConverter.SingleToUInt32Bits(expected) == BitConverter.SingleToUInt32Bits(found),
                $"{format} 0x{bits:x2}: expected {expected}, found {found}");
            rows++;
        }

        Assert.Equal(256, rows);
    }

    private static void CompareEncode(string format, ElementType type, Func<float, bool, byte> encode, Func<byte, bool> isNaN)
    {
        using JsonDocument document = Fixture($"{format}_encode.json");
        List<float> values = [];
        List<byte> saturated = [];
        foreach (JsonElement row in document.RootElement.GetProperty("rows").EnumerateArray())
        {
            float value = Single(row[0]);
            Check(value, row[1].GetByte(), encode(value, true));
            Check(value, row[2].GetByte(), encode(value, false));
            values.Add(value);
            saturated.Add(row[1].GetByte());
        }

        Assert.True(values.Count > 2_500);
        byte[] span = new byte[values.Count];
        ElementConversion.FromSingle(type, values.ToArray(), span);
        for (int i = 0; i < span.Length; i++) Check(values[i], saturated[i], span[i]);

        void Check(float value, byte expected, byte found) => Assert.True(
            isNaN(expected) ? isNaN(found) : expected == found, $"{format} of {value:r}: expected 0x{expected:x2}, found 0x{found:x2}");
    }

    private static float Single(JsonElement bits) =>
        BitConverter.UInt32BitsToSingle(uint.Parse(bits.GetString()!.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));

    private static JsonDocument Fixture(string name) =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Fixtures", "fp8", name)));
}
