using Hadal.Numerics;
using Hadal.Tests.Numerics.ElementTypes;

namespace Hadal.Tests.Numerics.Memory;

[Trait("Category", "Kernels")]
public sealed class WeightPanelsTests
{
    public static TheoryData<ElementType> Types => BlockQuantisationTests.Types;

    [Theory]
    [MemberData(nameof(Types))]
    public void Files_blocks_go_into_panels_and_come_out_bit_for_bit(ElementType type)
    {
        foreach ((int rows, int columns) in new[] { (1, 256), (16, 512), (17, 256), (40, 768), (5, 2048) })
        {
            using NativeBuffer buffer = new(type.ByteLength(rows, columns));
            Matrix matrix = new(buffer, type, 0, rows, columns);
            byte[] blocks = new byte[BlockQuantisation.ByteLength(type, (long)rows * columns)], read = new byte[blocks.Length];
            new Random(rows).NextBytes(blocks);

            // Rows one by one in any order, then all at once.
            int rowBytes = blocks.Length / rows;
            foreach (int row in Enumerable.Range(0, rows).Reverse()) WeightPanels.Pack(matrix, row, blocks.AsSpan(row * rowBytes, rowBytes));
            WeightPanels.Unpack(matrix, 0, read);
            Assert.Equal(blocks, read);

            float[] values = new float[rows * columns], expected = new float[values.Length];
            WeightPanels.Dequantise(matrix, 0, values);
            BlockQuantisation.Dequantise(type, blocks, expected);
            Assert.Equal(expected.Select(BitConverter.SingleToInt32Bits), values.Select(BitConverter.SingleToInt32Bits));
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Quantising_into_panels_gives_the_blocks_that_files_get(ElementType type)
    {
        float[] values = BlockQuantisationTests.Gaussian(20 * 256, seed: 5);
        using NativeBuffer buffer = new(type.ByteLength(20, 256));
        Matrix matrix = new(buffer, type, 0, 20, 256);
        WeightPanels.Quantise(matrix, 0, values.AsSpan(0, 3 * 256));
        WeightPanels.Quantise(matrix, 3, values.AsSpan(3 * 256));
        byte[] expected = new byte[BlockQuantisation.ByteLength(type, values.Length)], found = new byte[expected.Length];
        BlockQuantisation.Quantise(type, values, expected);
        WeightPanels.Unpack(matrix, 0, found);
        Assert.Equal(expected, found);
    }

    // Worked out by hand from the description of the layout.
    [Fact]
    public void Four_columns_of_sixteen_rows_are_adjacent()
    {
        using NativeBuffer buffer = new(ElementType.Q8_0.ByteLength(16, 64));
        Matrix matrix = new(buffer, ElementType.Q8_0, 0, 16, 64);
        byte[] row = new byte[68];
        row[0] = 0x34;
        row[2 + 6] = 11;        // column 6
        row[34 + 2 + 31] = 0xff; // column 63 is -1
        WeightPanels.Pack(matrix, 3, row);
        Span<byte> bytes = buffer.AsSpan<byte>(0, (int)buffer.ByteLength);
        Assert.Equal(0x34, bytes[2 * 3]);
        const int Elements = 64; // two blocks of heads, 32 bytes each
        Assert.Equal(128 + 11, bytes[Elements + 64 + 3 * 4 + 2]);
        Assert.Equal(127, bytes[Elements + 512 + 7 * 64 + 3 * 4 + 3]);
        Assert.Equal(64 + 1024, bytes.Length);
    }

    [Fact]
    public void Views_begin_at_panels_and_have_all_columns()
    {
        using NativeBuffer buffer = new(ElementType.Q4_K.ByteLength(40, 512));
        Matrix matrix = new(buffer, ElementType.Q4_K, 0, 40, 512);
        byte[] rows = new byte[40 * 288], tail = new byte[8 * 288];
        new Random(1).NextBytes(rows);
        WeightPanels.Pack(matrix, 0, rows);
        WeightPanels.Unpack(matrix.RowRange(32, 8), 0, tail);
        Assert.Equal(rows[(32 * 288)..], tail);
        Assert.Equal(3, matrix.RowRange(16, 3).Rows);
        Assert.Throws<ArgumentException>(() => matrix.RowRange(8, 8));
        Assert.Throws<ArgumentException>(() => matrix.ColumnRange(256, 256));
        Assert.Throws<ArgumentException>(() => new Matrix(buffer, ElementType.Q4_K, 0, 49, 512));
        Assert.Throws<ArgumentException>(() => new Matrix(buffer, ElementType.Q4_K, 0, 16, 128));
        Assert.Throws<ArgumentException>(() => ElementType.Q6_K.ByteLength(16, 128));
        Assert.Throws<ArgumentOutOfRangeException>(() => ElementType.Q8_0.SizeInBytes());
        Assert.Throws<ArgumentOutOfRangeException>(() => WeightPanels.Pack(matrix, 40, new byte[288]));
        Assert.Throws<ArgumentException>(() => WeightPanels.Pack(matrix, 0, new byte[287]));
    }

    [Fact]
    public void Values_that_are_not_finite_leave_the_weight_as_it_was()
    {
        using NativeBuffer buffer = new(ElementType.Q6_K.ByteLength(2, 256));
        Matrix matrix = new(buffer, ElementType.Q6_K, 0, 2, 256);
        float[] values = new float[512];
        values[0] = 1;
        values[500] = float.PositiveInfinity;
        Assert.Throws<ArgumentException>(() => WeightPanels.Quantise(matrix, 0, values));
        Assert.Equal(-1, buffer.AsSpan<byte>(0, (int)buffer.ByteLength).IndexOfAnyExcept((byte)0));
    }
}
