using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

/// <summary>Random matrices with a fixed seed, each a view with an offset and with gaps between its rows, freed together.</summary>
internal sealed class Samples(int seed, int gap = 3) : IDisposable
{
    private readonly Random _random = new(seed);
    private readonly List<NativeBuffer> _buffers = [];

    /// <summary>Elements between -1 and 1; what lies between the rows is NaN, so that reading it shows.</summary>
    public Matrix Matrix(int rows, int columns, ElementType type = ElementType.F32)
    {
        Matrix matrix = Allocate(rows, columns, type);
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++) Set(matrix, i, j, _random.NextSingle() * 2 - 1);
        }

        return matrix;
    }

    /// <summary>A second F32 matrix with the content of the first.</summary>
    public Matrix Copy(Matrix source)
    {
        Matrix copy = Allocate(source.Rows, source.Columns, ElementType.F32);
        for (int i = 0; i < source.Rows; i++) source.Row(i).CopyTo(copy.Row(i));
        return copy;
    }

    /// <summary>An F32 matrix with the elements of the first, rounded to BF16 one by one.</summary>
    public Matrix Rounded(Matrix source)
    {
        Matrix rounded = Allocate(source.Rows, source.Columns, ElementType.F32);
        for (int i = 0; i < source.Rows; i++)
        {
            for (int j = 0; j < source.Columns; j++) rounded.Row(i)[j] = BFloat16.FromSingle((float)Element(source, i, j)).ToSingle();
        }

        return rounded;
    }

    public static double Element(Matrix matrix, int row, int column)
    {
        long index = matrix.Offset + row * matrix.RowStride + column;
        return matrix.ElementType == ElementType.BF16
            ? BitConverter.UInt32BitsToSingle((uint)matrix.Buffer.AsSpan<ushort>(index, 1)[0] << 16)
            : matrix.Buffer.AsSpan<float>(index, 1)[0];
    }

    public static void Scale(Matrix matrix, float factor)
    {
        for (int i = 0; i < matrix.Rows; i++)
        {
            for (int j = 0; j < matrix.Columns; j++) Set(matrix, i, j, (float)Element(matrix, i, j) * factor);
        }
    }

    public static void AssertSameBits(Matrix expected, Matrix actual, string what)
    {
        for (int i = 0; i < expected.Rows; i++)
        {
            for (int j = 0; j < expected.Columns; j++)
            {
                float e = expected.Row(i)[j], a = actual.Row(i)[j];
                if (BitConverter.SingleToInt32Bits(e) != BitConverter.SingleToInt32Bits(a))
                {
                    Assert.Fail($"{what}: element [{i},{j}] is {a:R}, expected {e:R}");
                }
            }
        }

        // The gaps must be as they were.
        Assert.All(
            actual.Buffer.AsSpan<float>(0, (int)(actual.Buffer.ByteLength / sizeof(float))).ToArray().Where((_, i) => IsGap(actual, i)),
            x => Assert.True(float.IsNaN(x), $"{what}: wrote outside of its rows"));
    }

    public void Dispose()
    {
        foreach (NativeBuffer buffer in _buffers) buffer.Dispose();
    }

    private static bool IsGap(Matrix matrix, long index)
    {
        long inside = index - matrix.Offset;
        return inside < 0 || matrix.Columns == 0 || inside % matrix.RowStride >= matrix.Columns || inside / matrix.RowStride >= matrix.Rows;
    }

    private static void Set(Matrix matrix, int row, int column, float value)
    {
        long index = matrix.Offset + row * matrix.RowStride + column;
        if (matrix.ElementType == ElementType.F32) matrix.Buffer.AsSpan<float>(index, 1)[0] = value;
        else matrix.Buffer.AsSpan<ushort>(index, 1)[0] = (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
    }

    private Matrix Allocate(int rows, int columns, ElementType type)
    {
        long stride = columns + gap;
        NativeBuffer buffer = new((gap + rows * stride) * type.SizeInBytes());
        _buffers.Add(buffer);
        buffer.AsSpan<byte>(0, (int)buffer.ByteLength).Fill(0xFF);
        return new Matrix(buffer, type, gap, rows, columns, stride);
    }
}
