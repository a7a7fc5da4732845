using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

/// <summary>Matrices for kernel tests: reproducible values, rows further apart than they are long, a start that is not aligned.</summary>
internal static unsafe class Sample
{
    /// <summary>Unit roundoff of binary32: one operation has at most this relative error.</summary>
    public const double Unit = 1.0 / (1 << 24);

    /// <summary>Every length up to five registers of 16 lanes, and some beyond the unrolled loops and the chunks of reductions.</summary>
    public static IEnumerable<int> Lengths => [.. Enumerable.Range(0, 81), 127, 129, 255, 257, 1023, 2047, 2049, 4099];

    public static WorkerPool Pool { get; } = new(2);

    public static Matrix Empty(int rows, int columns, float fill = 0)
    {
        const int offset = 3;
        long stride = columns + 5;
        Matrix matrix = new(
            new NativeBuffer((offset + Math.Max(rows, 1) * stride) * sizeof(float)), ElementType.F32, offset, rows, columns, stride);
        matrix.Buffer.AsSpan<float>(0, (int)(matrix.Buffer.ByteLength / 4)).Fill(Guard);
        for (int row = 0; row < rows; row++) matrix.Row(row).Fill(fill);
        return matrix;
    }

    public static Matrix Random(int seed, int rows, int columns, float scale = 1)
    {
        Random random = new(seed);
        Matrix matrix = Empty(rows, columns);
        for (int row = 0; row < rows; row++)
        {
            foreach (ref float value in matrix.Row(row)) value = (float)(random.NextDouble() * 2 - 1) * scale;
        }

        return matrix;
    }

    public static Matrix From(params float[] values)
    {
        Matrix matrix = Empty(1, values.Length);
        values.CopyTo(matrix.Row(0));
        return matrix;
    }

    public static Matrix CopyOf(Matrix source)
    {
        Matrix copy = Empty(source.Rows, source.Columns);
        for (int row = 0; row < source.Rows; row++) source.Row(row).CopyTo(copy.Row(row));
        return copy;
    }

    public static void AssertSameBits(Matrix expected, Matrix actual)
    {
        Assert.Equal((expected.Rows, expected.Columns), (actual.Rows, actual.Columns));
        for (int row = 0; row < expected.Rows; row++)
        {
            for (int i = 0; i < expected.Columns; i++)
            {
                float a = expected.Row(row)[i], b = actual.Row(row)[i];
                if (BitConverter.SingleToInt32Bits(a) != BitConverter.SingleToInt32Bits(b)) Assert.Fail($"[{row}, {i}]: {a:R} and {b:R}");
            }
        }

        AssertNothingWrittenBetweenRows(actual);
    }

    public static void AssertNear(double expected, float actual, double tolerance, string what)
    {
        if (!(Math.Abs(expected - actual) <= tolerance)) Assert.Fail($"{what}: expected {expected:R} +- {tolerance:R}, found {actual:R}");
    }

    /// <summary>Every element outside the view still has the guard value.</summary>
    public static void AssertNothingWrittenBetweenRows(Matrix matrix)
    {
        Span<float> all = matrix.Buffer.AsSpan<float>(0, (int)(matrix.Buffer.ByteLength / 4));
        for (int i = 0; i < all.Length; i++)
        {
            long at = i - matrix.Offset;
            bool inside = at >= 0 && at / matrix.RowStride < matrix.Rows && at % matrix.RowStride < matrix.Columns;
            if (!inside && all[i] != Guard) Assert.Fail($"element {i} outside the view was overwritten with {all[i]}");
        }
    }

    /// <summary>Runs a kernel with 1, 2, 3 and 5 workers: its output must have the same bits.</summary>
    public static void AssertSameForAnyWorkerCount(Func<WorkerPool, Matrix> kernel)
    {
        using WorkerPool alone = new(1);
        Matrix expected = kernel(alone);
        foreach (int workers in (int[])[2, 3, 5])
        {
            using WorkerPool pool = new(workers);
            AssertSameBits(expected, kernel(pool));
        }
    }

    /// <summary>Runs a kernel on rows [r, r + 1) and on all rows: each row must have the same bits.</summary>
    public static void AssertRowsAreIndependent(int rows, Func<int, int, Matrix> kernel)
    {
        Matrix batch = kernel(0, rows);
        for (int row = 0; row < rows; row++) AssertSameBits(batch.RowRange(row, 1).Detached(), kernel(row, 1));
    }

    private const float Guard = 12345.678f;

    private static Matrix Detached(this Matrix view) => CopyOf(view);

    /// <summary>d f / d x[i] by central differences in binary64; the step balances truncation h^2 against rounding 1e-16/h.</summary>
    public static double Slope(double[] x, int i, Func<double[], double> f)
    {
        const double step = 1e-5;
        double old = x[i];
        x[i] = old + step;
        double up = f(x);
        x[i] = old - step;
        double down = f(x);
        x[i] = old;
        return (up - down) / (2 * step);
    }

    public static double[] Doubles(ReadOnlySpan<float> row)
    {
        double[] values = new double[row.Length];
        for (int i = 0; i < row.Length; i++) values[i] = row[i];
        return values;
    }
}
