using System.Runtime.InteropServices;
using Hadal.Checkpoints.Safetensors;
using Hadal.Numerics;

namespace Hadal.Tests.Numerics.ElementTypes;

[Trait("Category", "Kernels")]
public sealed class BlockScalingTests
{
    private const int Block = BlockScaling.ReleasedBlock;

    [SkippableFact]
    public void Weights_are_scaled_rounded_and_read_as_DeepSeeks_kernels_do()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Goldens.Require("fp8/kernels.safetensors"));
        (int rows, int columns) = Sizes(file, "w");
        float[] w = Floats(file, "w");
        byte[] q = new byte[w.Length];
        float[] scale = new float[file.Entry("w.scale_inv").ElementCount];
        BlockScaling.Quantise(w, rows, columns, Block, Block, q, scale);
        Assert.Equal(Floats(file, "w.scale_inv"), scale);
        Assert.Equal(Bytes(file, "w.q"), q);

        float[] read = new float[w.Length];
        BlockScaling.Dequantise(q, scale, rows, columns, Block, Block, read);
        Assert.Equal(Floats(file, "w.dequant"), read);
    }

    [SkippableTheory]
    [InlineData("act.f32", false)]
    [InlineData("act.ue8m0", true)]
    public void Activations_are_scaled_and_rounded_as_DeepSeeks_kernels_do(string name, bool powerOfTwoScales)
    {
        using SafetensorsFile file = SafetensorsFile.Open(Goldens.Require("fp8/kernels.safetensors"));
        (int rows, int columns) = Sizes(file, "act.x");
        float[] x = Floats(file, "act.x");
        byte[] q = new byte[x.Length];
        float[] scale = new float[file.Entry($"{name}.scale").ElementCount];
        BlockScaling.QuantiseActivations(x, rows, columns, Block, powerOfTwoScales, q, scale);
        Assert.Equal(Floats(file, $"{name}.scale"), scale);
        Assert.Equal(Bytes(file, $"{name}.q"), q);
    }

    [Theory]
    [InlineData(1, 1, 128, 128)]
    [InlineData(5, 7, 2, 3)]
    [InlineData(130, 257, 128, 128)]
    [InlineData(3, 300, 1, 300)]
    [InlineData(4, 4, int.MaxValue, int.MaxValue)]
    [InlineData(0, 4, 128, 128)]
    public void A_matrix_of_any_size_comes_back_within_the_rounding_of_its_block(int rows, int columns, int blockRows, int blockColumns)
    {
        Random random = new(rows * 1000 + columns);
        float[] w = new float[rows * columns];
        for (int i = 0; i < w.Length; i++) w[i] = (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-3, 4)));
        long blocks = BlockScaling.BlockCount(rows, blockRows) * BlockScaling.BlockCount(columns, blockColumns);
        byte[] q = new byte[w.Length];
        float[] scale = new float[blocks];
        float[] read = new float[w.Length];
        BlockScaling.Quantise(w, rows, columns, blockRows, blockColumns, q, scale);
        BlockScaling.Dequantise(q, scale, rows, columns, blockRows, blockColumns, read);
        for (int i = 0; i < w.Length; i++)
        {
            // Half a unit of 4 significant bits, or half the smallest subnormal 2^-9 of the block's scale.
            int block = i / columns / blockRows * (int)BlockScaling.BlockCount(columns, blockColumns) + i % columns / blockColumns;
            float tolerance = Math.Max(MathF.Abs(w[i]) / 16, scale[block] / 1024) * 1.0001f;
            Assert.InRange(read[i], w[i] - tolerance, w[i] + tolerance);
        }

        // Row blocks handled one by one give the same, which is how a tensor beyond 2^31 elements is handled.
        for (int top = 0; blockRows < rows && top < rows; top += blockRows)
        {
            int count = Math.Min(blockRows, rows - top);
            float[] rowScales = new float[BlockScaling.BlockCount(columns, blockColumns)];
            byte[] part = new byte[count * columns];
            BlockScaling.Quantise(w.AsSpan(top * columns, count * columns), count, columns, blockRows, blockColumns, part, rowScales);
            Assert.Equal(q.AsSpan(top * columns, count * columns).ToArray(), part);
            Assert.Equal(scale.AsSpan(top / blockRows * rowScales.Length, rowScales.Length).ToArray(), rowScales);
        }
    }

    [Fact]
    public void Zeros_get_scale_one_and_what_is_not_finite_does_not_count()
    {
        float[] w = [0, -0f, 0, float.NaN, float.PositiveInfinity, -2, float.NegativeInfinity, 1, 1e-44f];
        byte[] q = new byte[w.Length];
        float[] scale = new float[3];
        BlockScaling.Quantise(w, 1, 9, 128, 3, q, scale);
        Assert.Equal([1f, 2 / 448f, 1 / 448f], scale);
        // float.NaN has its sign bit set, which is kept.
        Assert.Equal([0x00, 0x80, 0x00, 0xff, 0x7e, 0xfe, 0xfe, 0x7e, 0x00], q);
    }

    [Fact]
    public void Zero_activations_get_the_smallest_scale()
    {
        byte[] q = new byte[6];
        float[] scale = new float[2];
        BlockScaling.QuantiseActivations(new float[6], 2, 3, 128, powerOfTwoScales: false, q, scale);
        Assert.Equal([1e-4f / 448, 1e-4f / 448], scale);
        Assert.Equal(new byte[6], q);
    }

    [Fact]
    public void Sizes_that_do_not_fit_together_are_refused()
    {
        Assert.Throws<ArgumentException>(() => BlockScaling.Dequantise(new byte[6], new float[1], 2, 3, 1, 128, new float[6]));
        Assert.Throws<ArgumentException>(() => BlockScaling.Quantise(new float[6], 2, 3, 128, 128, new byte[5], new float[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => BlockScaling.Quantise([], 0, 0, 0, 128, [], []));
    }

    private static (int Rows, int Columns) Sizes(SafetensorsFile file, string name)
    {
        IReadOnlyList<long> shape = file.Entry(name).Shape;
        return ((int)shape[0], (int)shape[1]);
    }

    private static byte[] Bytes(SafetensorsFile file, string name) =>
        file.ReadBytes(name, 0, (int)file.Entry(name).ByteLength).ToArray();

    private static float[] Floats(SafetensorsFile file, string name) =>
        MemoryMarshal.Cast<byte, float>(file.ReadBytes(name, 0, (int)file.Entry(name).ByteLength)).ToArray();
}
