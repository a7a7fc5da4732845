using System.Runtime.InteropServices;
using Hadal.Numerics;

namespace Hadal.Tests.Numerics.ElementTypes;

/// <summary>BF16 and F16: all 65,536 patterns, and every rounding decision between neighbours.</summary>
[Trait("Category", "Kernels")]
public sealed class Float16Tests
{
    [Fact]
    public void Every_BF16_pattern_is_the_upper_half_of_its_F32()
    {
        float[] values = DecodeAll(ElementType.BF16);
        for (int bits = 0; bits <= ushort.MaxValue; bits++)
        {
            Assert.Equal((uint)bits << 16, BitConverter.SingleToUInt32Bits(values[bits]));
            Assert.Equal((uint)bits << 16, BitConverter.SingleToUInt32Bits(BFloat16.FromBits((ushort)bits)));
            BFloat16 again = BFloat16.FromSingle(values[bits]);
            Assert.Equal(float.IsNaN(values[bits]) ? bits | 0x40 : bits, again.Bits);
        }
    }

    [Fact]
    public void Every_F16_pattern_has_the_value_that_the_runtime_gives_it()
    {
        float[] values = DecodeAll(ElementType.F16);
        for (int bits = 0; bits <= ushort.MaxValue; bits++)
        {
            float expected = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            Assert.Equal(float.IsNaN(expected), float.IsNaN(values[bits]));
            Assert.Equal(float.IsNegative(expected), float.IsNegative(values[bits]));
            if (float.IsNaN(expected)) continue;
            Assert.Equal(BitConverter.SingleToUInt32Bits(expected), BitConverter.SingleToUInt32Bits(values[bits]));
        }
    }

    [Fact]
    public void BF16_rounds_to_nearest_even_between_all_neighbours() => CheckRounding(ElementType.BF16, 0x7f80);

    [Fact]
    public void F16_rounds_to_nearest_even_between_all_neighbours() => CheckRounding(ElementType.F16, 0x7c00);

    [Fact]
    public void F16_writes_what_the_runtime_writes_on_random_patterns()
    {
        Random random = new(7);
        float[] values = new float[200_000];
        random.NextBytes(MemoryMarshal.AsBytes(values.AsSpan()));

        // Half of them near the format's range, where patterns rarely fall by chance.
        for (int i = 0; i < values.Length; i += 2) values[i] = (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-27, 19)));
        ushort[] bits = new ushort[values.Length];
        ElementConversion.FromSingle(ElementType.F16, values, MemoryMarshal.AsBytes(bits.AsSpan()));
        for (int i = 0; i < values.Length; i++)
        {
            if (float.IsNaN(values[i])) Assert.True(Half.IsNaN(BitConverter.UInt16BitsToHalf(bits[i])));
            else Assert.Equal(BitConverter.HalfToUInt16Bits((Half)values[i]), bits[i]);
        }
    }

    [Theory]
    [InlineData(ElementType.BF16)]
    [InlineData(ElementType.F16)]
    public void A_NaN_stays_a_NaN_whatever_its_payload(ElementType type)
    {
        foreach (uint pattern in new uint[] { 0x7f80_0001, 0x7fc0_0000, 0x7fff_ffff, 0xff80_0001, 0xffff_ffff })
        {
            float[] values = new float[37];
            values.AsSpan().Fill(BitConverter.UInt32BitsToSingle(pattern));
            byte[] bytes = new byte[values.Length * 2];
            ElementConversion.FromSingle(type, values, bytes);
            ElementConversion.ToSingle(type, bytes, values);
            Assert.All(values, value => Assert.True(float.IsNaN(value)));
            Assert.All(values, value => Assert.Equal(pattern >> 31 == 1, float.IsNegative(value)));
        }
    }

    // Halfway between neighbours, and one F32 step to either side: the expected pattern follows from the distances in double, where
    // sums and differences of such numbers are exact. Beyond the largest finite value the next step of the grid stands for infinity.
    private static void CheckRounding(ElementType type, int infinity)
    {
        float[] grid = DecodeAll(type);
        List<float> values = [];
        List<ushort> expected = [];
        for (int bits = 0; bits < infinity; bits++)
        {
            double low = grid[bits];
            double high = bits + 1 == infinity ? 2 * low - grid[bits - 1] : grid[bits + 1];
            double middle = (low + high) / 2;
            float[] candidates = [(float)middle, MathF.BitDecrement((float)middle), MathF.BitIncrement((float)middle), grid[bits]];
            foreach (float value in candidates)
            {
                // The smallest BF16 numbers are subnormal F32s, but even there the middle is one, since BF16 is 16 bits coarser.
                double below = value - low;
                double above = high - value;
                ushort nearest = (ushort)(below < above || (below == above && bits % 2 == 0) ? bits : bits + 1);
                values.AddRange([value, -value]);
                expected.AddRange([nearest, (ushort)(nearest | 0x8000)]);
            }
        }

        ushort[] found = new ushort[values.Count];
        ElementConversion.FromSingle(type, CollectionsMarshal.AsSpan(values), MemoryMarshal.AsBytes(found.AsSpan()));
        for (int i = 0; i < found.Length; i++)
        {
            if (found[i] != expected[i]) Assert.Fail($"{type} of {values[i]:r}: expected 0x{expected[i]:x4}, found 0x{found[i]:x4}");
            if (type == ElementType.BF16) Assert.Equal(expected[i], ((BFloat16)values[i]).Bits);
        }
    }

    private static float[] DecodeAll(ElementType type)
    {
        ushort[] bits = new ushort[ushort.MaxValue + 1];
        for (int i = 0; i < bits.Length; i++) bits[i] = (ushort)i;
        float[] values = new float[bits.Length];
        ElementConversion.ToSingle(type, MemoryMarshal.AsBytes(bits.AsSpan()), values);
        return values;
    }
}
