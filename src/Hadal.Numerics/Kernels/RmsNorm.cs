namespace Hadal.Numerics;

/// <summary>
/// Root mean square normalisation, Zhang and Sennrich 2019 (arXiv 1910.07467): y = x * r * w with r = 1 / sqrt(mean(x^2) + epsilon)
/// over each row. Forward saves r, which is all that backward needs besides its inputs.
/// </summary>
public static unsafe class RmsNorm
{
    /// <summary>Normalises each row of x.</summary>
    /// <param name="pool">Computes blocks of rows.</param>
    /// <param name="x">T x D.</param>
    /// <param name="weight">1 x D.</param>
    /// <param name="epsilon">Added to the mean of the squares.</param>
    /// <param name="y">T x D, may be x.</param>
    /// <param name="inverseRms">T x 1, receives r of each row.</param>
    /// <exception cref="ArgumentException">A view is not F32 or has another shape.</exception>
    public static void Forward(WorkerPool pool, Matrix x, Matrix weight, float epsilon, Matrix y, Matrix inverseRms)
    {
        Shapes.Require(x, x.Rows, x.Columns);
        Shapes.Require(weight, 1, x.Columns);
        Shapes.Require(y, x.Rows, x.Columns);
        Shapes.Require(inverseRms, x.Rows, 1);
        TileKernels.Run(pool, TileGrid.WholeRows(x.Rows, x.Columns), new ForwardRow(x, weight.F32, epsilon, y, inverseRms));
        GC.KeepAlive(x.Buffer);
        GC.KeepAlive(weight.Buffer);
        GC.KeepAlive(y.Buffer);
        GC.KeepAlive(inverseRms.Buffer);
    }

    /// <summary>
    /// Adds the gradients: dx += r (w dy) - x r^3 mean(w dy x), dWeight += sum over the rows of dy x r.
    /// </summary>
    /// <param name="pool">Computes blocks of rows for dx, of columns for dWeight.</param>
    /// <param name="x">T x D, as given to forward.</param>
    /// <param name="weight">1 x D.</param>
    /// <param name="inverseRms">T x 1, from forward.</param>
    /// <param name="dy">T x D, gradient of the output.</param>
    /// <param name="dx">T x D; null if not wanted.</param>
    /// <param name="dWeight">1 x D, added to; null if not wanted.</param>
    /// <param name="accumulate">Whether dx is added to; otherwise it is overwritten.</param>
    /// <exception cref="ArgumentException">A view is not F32 or has another shape.</exception>
    public static void Backward(
        WorkerPool pool, Matrix x, Matrix weight, Matrix inverseRms, Matrix dy, Matrix? dx, Matrix? dWeight, bool accumulate = true)
    {
        Shapes.Require(x, x.Rows, x.Columns);
        Shapes.Require(weight, 1, x.Columns);
        Shapes.Require(inverseRms, x.Rows, 1);
        Shapes.Require(dy, x.Rows, x.Columns);
        Shapes.Require(dx, x.Rows, x.Columns);
        Shapes.Require(dWeight, 1, x.Columns);
        if (dx is Matrix dInput)
        {
            TileKernels.Run(
                pool, TileGrid.WholeRows(x.Rows, x.Columns), new BackwardRow(x, weight.F32, inverseRms, dy, dInput, accumulate));
        }

        if (dWeight is Matrix dScale) ColumnSums.Run(pool, x.Rows, x.Columns, new WeightTerm(x, inverseRms, dy), dScale.F32);
        GC.KeepAlive(x.Buffer);
        GC.KeepAlive(weight.Buffer);
        GC.KeepAlive(inverseRms.Buffer);
        GC.KeepAlive(dy.Buffer);
        GC.KeepAlive(dx?.Buffer);
        GC.KeepAlive(dWeight?.Buffer);
    }

    private readonly struct ForwardRow(RowsOf x, float* weight, float epsilon, RowsOf y, RowsOf inverseRms) : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            float* source = x[row], destination = y[row];
            double sum = 0;
            for (int i = 0; i < end; i++) sum += (double)source[i] * source[i];
            float inverse = InverseRms(sum, end);
            inverseRms[row][0] = inverse;
            for (int i = 0; i < end; i++) destination[i] = source[i] * inverse * weight[i];
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            float inverse = InverseRms(RowReductions.Sum<TSimd, TVector, DotTerm>(new DotTerm(x[row], x[row]), end), end);
            inverseRms[row][0] = inverse;
            ElementKernels.Range<TSimd, TVector, Normalise>(
                new Normalise(inverse), new RowOperands(x[row], weight, null, y[row], null), 0, end);
        }

        private float InverseRms(double sumOfSquares, int count) => (float)(1 / Math.Sqrt(sumOfSquares / count + epsilon));
    }

    private readonly struct Normalise(float inverse) : IElementKernel
    {
        public void Reference(in RowOperands row, nint i) => row.Y[i] = row.A[i] * inverse * row.B[i];

        public void Vector<TSimd, TVector>(in RowOperands row, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct =>
            TSimd.Store(
                TSimd.Multiply(TSimd.Multiply(TSimd.Load(row.A + i), TSimd.Broadcast(inverse)), TSimd.Load(row.B + i)), row.Y + i);
    }

    private readonly struct BackwardRow(RowsOf x, float* weight, RowsOf inverseRms, RowsOf dy, RowsOf dx, bool accumulate) : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            float* input = x[row], gradient = dy[row], result = dx[row];
            float inverse = inverseRms[row][0];
            double sum = 0;
            for (int i = 0; i < end; i++) sum += (double)weight[i] * gradient[i] * input[i];
            float pull = Pull(sum, inverse, end);
            for (int i = 0; i < end; i++) result[i] = (accumulate ? result[i] : 0) + (inverse * weight[i] * gradient[i] - pull * input[i]);
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            float inverse = inverseRms[row][0];
            double sum = RowReductions.Sum<TSimd, TVector, WeightedDot>(new WeightedDot(weight, dy[row], x[row]), end);
            ElementKernels.Range<TSimd, TVector, AddInputGradient>(
                new AddInputGradient(inverse, Pull(sum, inverse, end), accumulate), new RowOperands(x[row], weight, dy[row], dx[row], null), 0, end);
        }

        // The part of the gradient along x: changing the length of x changes nothing but r.
        private static float Pull(double weightedDot, float inverse, int count) =>
            (float)((double)inverse * inverse * inverse * weightedDot / count);
    }

    private readonly struct WeightedDot(float* weight, float* dy, float* x) : ISumTerm
    {
        public TVector Add<TSimd, TVector>(TVector sum, nint i) where TSimd : struct, ISimd<TVector> where TVector : struct =>
            TSimd.MultiplyAdd(TSimd.Multiply(TSimd.Load(weight + i), TSimd.Load(dy + i)), TSimd.Load(x + i), sum);
    }

    private readonly struct AddInputGradient(float inverse, float pull, bool accumulate) : IElementKernel
    {
        public void Reference(in RowOperands row, nint i) =>
            row.Y[i] = (accumulate ? row.Y[i] : 0) + (inverse * row.B[i] * row.C[i] - pull * row.A[i]);

        public void Vector<TSimd, TVector>(in RowOperands row, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector direct = TSimd.Multiply(TSimd.Load(row.B + i), TSimd.Load(row.C + i));
            TVector old = accumulate ? TSimd.Load(row.Y + i) : TSimd.Zero;
            TVector sum = TSimd.MultiplyAdd(TSimd.Broadcast(-pull), TSimd.Load(row.A + i), old);
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Broadcast(inverse), direct, sum), row.Y + i);
        }
    }

    private readonly struct WeightTerm(RowsOf x, RowsOf inverseRms, RowsOf dy) : IColumnTerm
    {
        public double Reference(int row, nint column) => (double)dy[row][column] * x[row][column] * inverseRms[row][0];

        public TVector Add<TSimd, TVector>(TVector sum, int row, nint column)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector normalised = TSimd.Multiply(TSimd.Load(x[row] + column), TSimd.Broadcast(inverseRms[row][0]));
            return TSimd.MultiplyAdd(TSimd.Load(dy[row] + column), normalised, sum);
        }
    }
}

/// <summary>The terms of a dot product.</summary>
internal readonly unsafe struct DotTerm(float* a, float* b) : ISumTerm
{
    public TVector Add<TSimd, TVector>(TVector sum, nint i) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.MultiplyAdd(TSimd.Load(a + i), TSimd.Load(b + i), sum);
}
