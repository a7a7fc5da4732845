namespace Hadal.Numerics;

/// <summary>Rows of the left factor as F32, whether they are F32 or BF16.</summary>
internal static unsafe class ActivationRows
{
    /// <summary>Copies a row, widened exactly.</summary>
    public static void Read(Matrix matrix, int row, Span<float> values)
    {
        int size = matrix.ElementType.SizeInBytes();
        ElementConversion.ToSingle(
            matrix.ElementType, new ReadOnlySpan<byte>((byte*)matrix.Data + row * matrix.RowStride * size, matrix.Columns * size), values);
    }

    /// <summary>The row where it lies, or a copy in <paramref name="scratch"/>.</summary>
    public static float* Get(Matrix matrix, int row, float* scratch)
    {
        if (matrix.ElementType == ElementType.F32) return (float*)matrix.Data + row * matrix.RowStride;
        Read(matrix, row, new Span<float>(scratch, matrix.Columns));
        return scratch;
    }
}
