using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Hadal.Numerics;

namespace Hadal.Tests.Numerics.ElementTypes;

[Trait("Category", "Kernels")]
public sealed class ElementConversionTests
{
    public static TheoryData<ElementType> FloatTypes =>
        [ElementType.F32, ElementType.BF16, ElementType.F16, ElementType.F8E4M3, ElementType.F8E5M2, ElementType.F64];

    [Theory]
    [MemberData(nameof(FloatTypes))]
    public void A_span_of_any_length_and_alignment_equals_its_elements_one_by_one(ElementType type)
    {
        Random random = new(11);
        int size = type.SizeInBytes();
        for (int length = 0; length <= 70; length++)
        {
            // The odd start makes every element lie across its natural boundary, as in a file whose header has an odd length.
            float[] values = Patterns(random, length);
            byte[] bytes = new byte[1 + length * size + 1];
            bytes.AsSpan().Fill(0xa5);
            ElementConversion.FromSingle(type, values, bytes.AsSpan(1, length * size));
            Assert.Equal(0xa5, bytes[0]);
            Assert.Equal(0xa5, bytes[^1]);

            float[] back = new float[length + 1];
            back[length] = 42;
            ElementConversion.ToSingle(type, bytes.AsSpan(1, length * size), back.AsSpan(0, length));
            Assert.Equal(42, back[length]);

            byte[] single = new byte[size];
            for (int i = 0; i < length; i++)
            {
                ElementConversion.FromSingle(type, values.AsSpan(i, 1), single);
                Assert.Equal(single, bytes.AsSpan(1 + i * size, size).ToArray());
                float[] one = new float[1];
                ElementConversion.ToSingle(type, single, one);
                Assert.Equal(BitConverter.SingleToUInt32Bits(one[0]), BitConverter.SingleToUInt32Bits(back[i]));
            }
        }
    }

    [Fact]
    public void All_register_widths_give_the_scalar_bits()
    {
        float[] values = Patterns(new Random(3), 4096);
        ushort[] halves = new ushort[values.Length];
        for (int i = 0; i < halves.Length; i++) halves[i] = (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 11);

        ushort[] scalar16 = new ushort[values.Length];
        byte[] scalar8 = new byte[values.Length];
        float[] scalar32 = new float[values.Length];
        ElementConversion.Encode16With<SmallFloatEncoding<HalfFormat>, BitLanes1, uint>(values, scalar16, 0);
        ElementConversion.Encode8With<SmallFloatEncoding<E4M3Format>, BitLanes1, uint>(values, scalar8, 0);
        ElementConversion.DecodeWith<HalfDecoding, BitLanes1, uint>(halves, scalar32, 0);
        Compare<BitLanes4, Vector128<uint>>();
        Compare<BitLanes8, Vector256<uint>>();
        Compare<BitLanes16, Vector512<uint>>();

        void Compare<TOps, TLanes>() where TOps : IBitLanes<TLanes> where TLanes : struct
        {
            ushort[] found16 = new ushort[values.Length];
            byte[] found8 = new byte[values.Length];
            float[] found32 = new float[values.Length];
            ElementConversion.Encode16With<SmallFloatEncoding<HalfFormat>, TOps, TLanes>(values, found16, 0);
            ElementConversion.Encode8With<SmallFloatEncoding<E4M3Format>, TOps, TLanes>(values, found8, 0);
            ElementConversion.DecodeWith<HalfDecoding, TOps, TLanes>(halves, found32, 0);
            Assert.Equal(scalar16, found16);
            Assert.Equal(scalar8, found8);
            Assert.True(MemoryMarshal.AsBytes(scalar32.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(found32.AsSpan())));
        }
    }

    [Theory]
    [InlineData(ElementType.I64)]
    [InlineData(ElementType.I32)]
    [InlineData(ElementType.U8)]
    [InlineData(ElementType.Bool)]
    public void A_type_that_is_no_float_is_refused_by_name(ElementType type)
    {
        ArgumentException read = Assert.Throws<ArgumentException>(() => ElementConversion.ToSingle(type, new byte[8], new float[8]));
        ArgumentException write = Assert.Throws<ArgumentException>(() => ElementConversion.FromSingle(type, new float[8], new byte[8]));
        Assert.Contains(type.ToString(), read.Message, StringComparison.Ordinal);
        Assert.Contains(type.ToString(), write.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(FloatTypes))]
    public void Spans_that_do_not_match_in_length_are_refused(ElementType type)
    {
        byte[] bytes = new byte[4 * type.SizeInBytes() + 1];
        Assert.Throws<ArgumentException>(() => ElementConversion.ToSingle(type, bytes, new float[4]));
        Assert.Throws<ArgumentException>(() => ElementConversion.FromSingle(type, new float[4], bytes));
        Assert.Throws<ArgumentException>(() => ElementConversion.ToSingle(type, bytes.AsSpan(2).ToArray(), new float[4]));
    }

    // Random bits, and every other value near 1, so that both rare exponents and ordinary numbers occur.
    private static float[] Patterns(Random random, int length)
    {
        float[] values = new float[length];
        random.NextBytes(MemoryMarshal.AsBytes(values.AsSpan()));
        for (int i = 0; i < length; i += 2) values[i] = (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-30, 20)));
        return values;
    }
}
