namespace Hadal.Numerics;

/// <summary>
/// Softmax over each row, with the row's maximum subtracted first so that nothing overflows. Entries of -inf get probability 0; a row
/// of nothing but -inf gives zeros (a token that may attend to nothing); NaN makes its whole row NaN.
/// </summary>
public static unsafe class Softmax
{
    /// <summary>y = exp(x - max) / sum(exp(x - max)).</summary>
    /// <param name="pool">Computes blocks of rows.</param>
    /// <param name="x">T x N.</param>
    /// <param name="y">T x N, may be x.</param>
    /// <exception cref="ArgumentException">A view is not F32 or the shapes differ.</exception>
    public static void Forward(WorkerPool pool, Matrix x, Matrix y)
    {
        Shapes.Require(x, x.Rows, x.Columns);
        Shapes.Require(y, x.Rows, x.Columns);
        TileKernels.Run(pool, TileGrid.WholeRows(x.Rows, x.Columns), new ForwardRow(x, y));
        GC.KeepAlive(x.Buffer);
        GC.KeepAlive(y.Buffer);
    }

    /// <summary>dx += y (dy - sum(y dy)).</summary>
    /// <param name="pool">Computes blocks of rows.</param>
    /// <param name="y">T x N, from forward.</param>
    /// <param name="dy">T x N, gradient of y.</param>
    /// <param name="dx">T x N, added to.</param>
    /// <exception cref="ArgumentException">A view is not F32 or the shapes differ.</exception>
    public static void Backward(WorkerPool pool, Matrix y, Matrix dy, Matrix dx)
    {
        Shapes.Require(y, y.Rows, y.Columns);
        Shapes.Require(dy, y.Rows, y.Columns);
        Shapes.Require(dx, y.Rows, y.Columns);
        TileKernels.Run(pool, TileGrid.WholeRows(y.Rows, y.Columns), new BackwardRow(y, dy, dx));
        GC.KeepAlive(y.Buffer);
        GC.KeepAlive(dy.Buffer);
        GC.KeepAlive(dx.Buffer);
    }

    private readonly struct ForwardRow(RowsOf x, RowsOf y) : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            float* source = x[row], destination = y[row];
            float max = RowReductions.MaxReference(source, end);
            double sum = 0;
            for (int i = 0; i < end; i++)
            {
                destination[i] = float.IsNegativeInfinity(max) ? 0 : MathF.Exp(source[i] - max);
                sum += destination[i];
            }

            for (int i = 0; sum != 0 && i < end; i++) destination[i] = (float)(destination[i] / sum);
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            float max = RowReductions.Max<TSimd, TVector>(x[row], end);
            if (float.IsNegativeInfinity(max))
            {
                new Span<float>(y[row], end).Clear();
                return;
            }

            double sum = RowReductions.Sum<TSimd, TVector, StoredExp>(new StoredExp(x[row], max, y[row]), end);
            ElementKernels.Range<TSimd, TVector, ScaleKernel>(
                new ScaleKernel((float)(1 / sum)), new RowOperands(y[row], null, null, y[row], null), 0, end);
        }
    }

    /// <summary>Stores exp(x - max) on the way to its sum.</summary>
    private readonly struct StoredExp(float* x, float max, float* y) : ISumTerm
    {
        public TVector Add<TSimd, TVector>(TVector sum, nint i) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            TVector e = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(x + i), TSimd.Broadcast(max)));
            TSimd.Store(e, y + i);
            return TSimd.Add(sum, e);
        }
    }

    private readonly struct BackwardRow(RowsOf y, RowsOf dy, RowsOf dx) : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            float* p = y[row], gradient = dy[row], result = dx[row];
            double sum = 0;
            for (int i = 0; i < end; i++) sum += (double)p[i] * gradient[i];
            for (int i = 0; i < end; i++) result[i] += (float)(p[i] * (gradient[i] - sum));
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            float sum = (float)RowReductions.Sum<TSimd, TVector, DotTerm>(new DotTerm(y[row], dy[row]), end);
            ElementKernels.Range<TSimd, TVector, AddInputGradient>(
                new AddInputGradient(sum), new RowOperands(y[row], dy[row], null, dx[row], null), 0, end);
        }
    }

    private readonly struct AddInputGradient(float sum) : IElementKernel
    {
        public void Reference(in RowOperands row, nint i) => row.Y[i] += row.A[i] * (row.B[i] - sum);

        public void Vector<TSimd, TVector>(in RowOperands row, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector centred = TSimd.Subtract(TSimd.Load(row.B + i), TSimd.Broadcast(sum));
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(row.A + i), centred, TSimd.Load(row.Y + i)), row.Y + i);
        }
    }
}
