namespace Hadal.Numerics;

public static unsafe partial class Elementwise
{
    // Partial sums of a whole matrix, one for each part: few enough for the stack, enough for any number of cores in sight.
    private const int PartialSums = 64;

    // Elements of a row that are summed at a time.
    private const int Stretch = 16 * 1024;

    /// <summary>sum += the sum of the rows of x, each column's terms added in ascending order of the rows.</summary>
    /// <param name="pool">Computes blocks of columns.</param>
    /// <param name="x">T x D.</param>
    /// <param name="sum">1 x D, added to.</param>
    /// <exception cref="ArgumentException">A view is not F32 or has another shape.</exception>
    public static void SumRows(WorkerPool pool, Matrix x, Matrix sum)
    {
        Shapes.Require(x, x.Rows, x.Columns);
        Shapes.Require(sum, 1, x.Columns);
        ColumnSums.Run(pool, x.Rows, x.Columns, new RowTerm(x), sum.F32);
        GC.KeepAlive(x.Buffer);
        GC.KeepAlive(sum.Buffer);
    }

    /// <summary>The sum of the squares of all elements of x (T x D), in an order that follows from the shape.</summary>
    /// <exception cref="ArgumentException">The view is not F32.</exception>
    public static double SumOfSquares(WorkerPool pool, Matrix x)
    {
        Shapes.Require(x, x.Rows, x.Columns);
        int stretchesPerRow = (int)(((long)x.Columns + Stretch - 1) / Stretch);
        long stretches = (long)x.Rows * stretchesPerRow;

        // Small matrices take fewer parts, so that a part is worth handing out.
        int parts = (int)Math.Clamp((long)x.Rows * x.Columns / Stretch, 1, PartialSums);
        double* partials = stackalloc double[PartialSums];
        SquaresPart kernel = new(x, x.Columns, stretchesPerRow, stretches, parts, partials);
        TileKernels.Run(pool, new TileGrid(parts, 1, 1, 1), kernel);
        GC.KeepAlive(x.Buffer);
        double sum = 0;
        for (int part = 0; part < parts; part++) sum += partials[part];
        return sum;
    }

    private readonly struct RowTerm(RowsOf x) : IColumnTerm
    {
        public double Reference(int row, nint column) => x[row][column];

        public TVector Add<TSimd, TVector>(TVector sum, int row, nint column)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct =>
            TSimd.Add(sum, TSimd.Load(x[row] + column));
    }

    /// <summary>The "row" is the number of a part: a run of stretches.</summary>
    private readonly struct SquaresPart(RowsOf x, int columns, int stretchesPerRow, long stretches, int parts, double* partials)
        : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            double sum = 0;
            for (long s = stretches * row / parts; s < stretches * (row + 1) / parts; s++) sum += Exact(At(s, out int count), count);
            partials[row] = sum;
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            double sum = 0;
            for (long s = stretches * row / parts; s < stretches * (row + 1) / parts; s++)
            {
                float* stretch = At(s, out int count);
                double squares = RowReductions.Sum<TSimd, TVector, DotTerm>(new DotTerm(stretch, stretch), count);

                // Squares that leave the range of binary32 (gradients of 1e20, or of 1e-20) are rare; then binary64 computes again. Zeros
                // are not: most rows of an embedding's gradient.
                bool inRange = squares is > 1e-26 and < float.MaxValue;
                if (inRange) sum += squares;
                else if (new ReadOnlySpan<float>(stretch, count).ContainsAnyExcept(0f)) sum += Exact(stretch, count);
            }

            partials[row] = sum;
        }

        private float* At(long stretch, out int count)
        {
            int start = (int)(stretch % stretchesPerRow) * Stretch;
            count = Math.Min(Stretch, columns - start);
            return x[stretch / stretchesPerRow] + start;
        }

        private static double Exact(float* x, int count)
        {
            double sum = 0;
            for (int i = 0; i < count; i++) sum += (double)x[i] * x[i];
            return sum;
        }
    }
}
