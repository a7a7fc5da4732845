using Hadal.Numerics;
using Xunit.Abstractions;

namespace Hadal.Tests.Numerics.ElementTypes;

[Trait("Category", "Kernels")]
public sealed class BlockQuantisationTests(ITestOutputHelper output)
{
    public static TheoryData<string> Names => [.. SlowBlocks.Names];

    internal static readonly ElementType[] BlockTypes =
        [ElementType.Q8_0, ElementType.Q4_0, ElementType.Q4_K, ElementType.Q6_K, ElementType.F8Scaled];

    public static TheoryData<ElementType> Types => [.. BlockTypes];

    [Theory]
    [MemberData(nameof(Names))]
    public void Random_blocks_read_as_a_bit_by_bit_decoder_reads_them(string name)
    {
        (int elements, int bytes) = SlowBlocks.Size(name);
        const int Blocks = 50;
        byte[] blocks = RandomBlocks(name, Blocks, seed: 1);
        float[] values = new float[Blocks * elements];
        if (Enum.TryParse(name, out ElementType type))
        {
            Assert.Equal((elements, bytes), (type.BlockElements(), type.BlockBytes()));
            BlockQuantisation.Dequantise(type, blocks, values);
        }
        else
        {
            ForeignBlockType foreign = Enum.Parse<ForeignBlockType>(name);
            Assert.Equal((elements, bytes), (foreign.BlockElements(), foreign.BlockBytes()));
            ForeignBlocks.Dequantise(foreign, blocks, values);
        }

        for (int i = 0; i < values.Length; i++)
        {
            double expected = SlowBlocks.Element(name, blocks.AsSpan(i / elements * bytes, bytes), i % elements);
            Assert.Equal((float)expected, values[i]);
        }
    }

    // Values that a block can hold exactly, with the extremes by which the scale is found: they come back as they were.
    [Theory]
    [InlineData(ElementType.Q8_0, 127, 0)]
    [InlineData(ElementType.Q4_0, 8, 0)]
    public void Values_on_the_grid_come_back_exactly(ElementType type, int extreme, int seed)
    {
        Random random = new(seed);
        float[] values = new float[320], read = new float[320];
        for (int i = 0; i < values.Length; i++)
        {
            float d = (float)(Half)(0.001f * (1 + i / 32));
            values[i] = d * (i % 32 == 5 ? -extreme : random.Next(-extreme + 1, extreme));
        }

        byte[] blocks = new byte[BlockQuantisation.ByteLength(type, values.Length)];
        BlockQuantisation.Quantise(type, values, blocks);
        BlockQuantisation.Dequantise(type, blocks, read);
        Assert.Equal(values, read);
    }

    // A block whose parts all use their whole range: scale and minimum of each part can be read off its extremes.
    [Fact]
    public void Values_on_the_grid_of_K_blocks_come_back_within_the_rounding_of_the_search()
    {
        foreach (string name in new[] { "Q4_K", "Q6_K" })
        {
            ElementType type = Enum.Parse<ElementType>(name);
            byte[] blocks = RandomBlocks(name, 20, seed: 2), again = new byte[blocks.Length];
            float[] values = new float[20 * 256], read = new float[values.Length];
            BlockQuantisation.Dequantise(type, blocks, values);
            BlockQuantisation.Quantise(type, values, again);
            BlockQuantisation.Dequantise(type, again, read);
            double error = Rms(values, read), size = Rms(values, new float[values.Length]);
            output.WriteLine($"{name}: {error / size:E2} of the values' size");
            Assert.InRange(error / size, 0, 0.02);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Values_that_need_no_bits_come_back_exactly(ElementType type)
    {
        float[] zeros = new float[512], read = new float[512];
        byte[] blocks = new byte[BlockQuantisation.ByteLength(type, 512)];
        BlockQuantisation.Quantise(type, zeros, blocks);
        BlockQuantisation.Dequantise(type, blocks, read);
        Assert.All(read, x => Assert.Equal(0, x));

        Array.Fill(zeros, 1e-38f);
        BlockQuantisation.Quantise(type, zeros, blocks);
        BlockQuantisation.Dequantise(type, blocks, read);
        Assert.All(read, x => Assert.InRange(x, 0, 2e-38f));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Huge_values_stay_finite(ElementType type)
    {
        float[] values = [.. Enumerable.Range(0, 256).Select(i => (i % 2 == 0 ? 1 : -1) * 3e38f)], read = new float[256];
        byte[] blocks = new byte[BlockQuantisation.ByteLength(type, 256)];
        BlockQuantisation.Quantise(type, values, blocks);
        BlockQuantisation.Dequantise(type, blocks, read);
        Assert.All(read, x => Assert.True(float.IsFinite(x)));
        Assert.All(read.Where((_, i) => i % 2 == 0), x => Assert.True(x >= 0));
    }

    // The reference is what anyone would write first: the scale from the extremes, elements to the nearest level.
    [Fact]
    public void The_search_errs_less_than_the_extremes_alone()
    {
        float[] values = Gaussian(256 * 400, seed: 3);
        double[] shares =
        [
            Compare(ElementType.Q4_0, PlainSymmetric(values, 32, 8)),
            Compare(ElementType.Q4_K, PlainWithMinimum(values, 32, 15)),
            Compare(ElementType.Q6_K, PlainSymmetric(values, 16, 32)),
        ];
        Assert.All(shares, share => Assert.InRange(share, 0, 0.995));

        double Compare(ElementType type, double plain)
        {
            double error = Rms(values, RoundTrip(type, values));
            output.WriteLine($"{type}: RMS error {error:F5} of standard deviation 1, extremes alone {plain:F5}");
            return error / plain;
        }
    }

    [Fact]
    public void More_bits_err_less_on_Gaussian_weights()
    {
        float[] values = Gaussian(256 * 400, seed: 4);
        double[] errors = [.. new[] { ElementType.Q4_0, ElementType.Q4_K, ElementType.F8Scaled, ElementType.Q6_K, ElementType.Q8_0 }
            .Select(type => Rms(values, RoundTrip(type, values)))];
        output.WriteLine(string.Join(", ", errors));
        for (int i = 1; i < errors.Length; i++) Assert.True(errors[i] < errors[i - 1], $"error {i}");

        // A uniform quantiser of step s errs by s / √12: max|x| of 32 Gaussian numbers is about 2.1 deviations, in 127 steps.
        Assert.InRange(errors[^1], 0.5 * 2.1 / 127 / Math.Sqrt(12), 1.5 * 2.1 / 127 / Math.Sqrt(12));
    }

    [Fact]
    public void What_is_not_finite_or_no_whole_block_is_refused()
    {
        float[] values = new float[256];
        values[77] = float.NaN;
        foreach (ElementType type in BlockTypes)
        {
            byte[] blocks = new byte[BlockQuantisation.ByteLength(type, 256)];
            Assert.Contains("77", Assert.Throws<ArgumentException>(() => BlockQuantisation.Quantise(type, values, blocks)).Message, StringComparison.Ordinal);
            Assert.Throws<ArgumentException>(() => BlockQuantisation.ByteLength(type, 16));
            Assert.Throws<ArgumentException>(() => BlockQuantisation.Dequantise(type, blocks.AsSpan(1), values));
        }

        Assert.Throws<ArgumentException>(() => BlockQuantisation.ByteLength(ElementType.F32, 32));
        Assert.Throws<ArgumentException>(() => ForeignBlocks.Dequantise(ForeignBlockType.Q2_K, new byte[84], new float[255]));
    }

    internal static byte[] RandomBlocks(string name, int count, int seed)
    {
        (_, int bytes) = SlowBlocks.Size(name);
        Random random = new(seed);
        byte[] blocks = new byte[count * bytes];
        random.NextBytes(blocks);
        for (int b = 0; b < count; b++)
        {
            foreach (int at in SlowBlocks.Halves(name))
            {
                // Finite, small ones and subnormal ones too.
                ushort half = BitConverter.HalfToUInt16Bits((Half)((random.NextSingle() - 0.3f) * MathF.Pow(2, random.Next(-22, 3))));
                (blocks[b * bytes + at], blocks[b * bytes + at + 1]) = ((byte)half, (byte)(half >> 8));
            }
        }

        return blocks;
    }

    internal static float[] Gaussian(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ =>
            (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }

    private static float[] RoundTrip(ElementType type, float[] values)
    {
        byte[] blocks = new byte[BlockQuantisation.ByteLength(type, values.Length)];
        float[] read = new float[values.Length];
        BlockQuantisation.Quantise(type, values, blocks);
        BlockQuantisation.Dequantise(type, blocks, read);
        return read;
    }

    private static double Rms(float[] a, float[] b) => Math.Sqrt(a.Zip(b, (x, y) => ((double)x - y) * ((double)x - y)).Average());

    private static double PlainSymmetric(float[] values, int block, int levels) => Plain(values, block, part =>
    {
        double d = part.MaxBy(Math.Abs) / (double)-levels;
        return x => d * Math.Clamp(Math.Round(x / d), -levels, levels - 1);
    });

    private static double PlainWithMinimum(float[] values, int block, int top) => Plain(values, block, part =>
    {
        double least = Math.Min(0, part.Min()), d = (part.Max() - least) / top;
        return x => least + d * Math.Clamp(Math.Round((x - least) / d), 0, top);
    });

    private static double Plain(float[] values, int block, Func<float[], Func<double, double>> quantiser) => Math.Sqrt(
        values.Chunk(block).SelectMany(part => part.Select(x => Math.Pow(x - quantiser(part)(x), 2))).Average());
}
