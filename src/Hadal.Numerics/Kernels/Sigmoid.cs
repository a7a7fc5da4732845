namespace Hadal.Numerics;

/// <summary>The logistic function, which scores the experts of DeepSeek-V3's router (arXiv 2412.19437, section 2.1.2).</summary>
public static unsafe class Sigmoid
{
    /// <summary>y = 1 / (1 + e^-x), elementwise.</summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="x">T x N.</param>
    /// <param name="y">T x N, may be x.</param>
    /// <exception cref="ArgumentException">A view is not F32 or the shapes differ.</exception>
    public static void Forward(WorkerPool pool, Matrix x, Matrix y)
    {
        Shapes.Require(x, x.Rows, x.Columns);
        Shapes.Require(y, x.Rows, x.Columns);
        ElementKernels.Run(pool, x.Rows, x.Columns, default(Kernel), x, default, default, y);
        GC.KeepAlive(x.Buffer);
        GC.KeepAlive(y.Buffer);
    }

    /// <summary>dx += dy y (1 - y).</summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="y">T x N, from forward.</param>
    /// <param name="dy">T x N, gradient of y.</param>
    /// <param name="dx">T x N, added to.</param>
    /// <exception cref="ArgumentException">A view is not F32 or the shapes differ.</exception>
    public static void Backward(WorkerPool pool, Matrix y, Matrix dy, Matrix dx)
    {
        Shapes.Require(y, y.Rows, y.Columns);
        Shapes.Require(dy, y.Rows, y.Columns);
        Shapes.Require(dx, y.Rows, y.Columns);
        ElementKernels.Run(pool, y.Rows, y.Columns, default(BackwardKernel), y, dy, default, dx);
        GC.KeepAlive(y.Buffer);
        GC.KeepAlive(dy.Buffer);
        GC.KeepAlive(dx.Buffer);
    }

    private readonly struct BackwardKernel : IElementKernel
    {
        public void Reference(in RowOperands row, nint i) => row.Y[i] += row.B[i] * (row.A[i] * (1 - row.A[i]));

        public void Vector<TSimd, TVector>(in RowOperands row, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            TVector y = TSimd.Load(row.A + i), slope = TSimd.Multiply(y, TSimd.Subtract(TSimd.Broadcast(1f), y));
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(row.B + i), slope, TSimd.Load(row.Y + i)), row.Y + i);
        }
    }

    private readonly struct Kernel : IElementKernel
    {
        public void Reference(in RowOperands row, nint i) => row.Y[i] = 1 / (1 + MathF.Exp(-row.A[i]));

        public void Vector<TSimd, TVector>(in RowOperands row, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct =>
            TSimd.Store(VectorMath.Sigmoid<TSimd, TVector>(TSimd.Load(row.A + i)), row.Y + i);
    }
}
