namespace Hadal.Numerics;

/// <summary>Sums, products, copies and reductions of whole matrices. Sums over many elements have an order fixed by the shape.</summary>
public static unsafe partial class Elementwise
{
    /// <summary>y = a + b.</summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="a">T x D.</param>
    /// <param name="b">T x D.</param>
    /// <param name="y">T x D, may be a or b.</param>
    /// <exception cref="ArgumentException">A view is not F32 or the shapes differ.</exception>
    public static void Add(WorkerPool pool, Matrix a, Matrix b, Matrix y) => Run(pool, a, b, y, default(AddKernel));

    /// <summary>y = a * b, element by element.</summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="a">T x D.</param>
    /// <param name="b">T x D.</param>
    /// <param name="y">T x D, may be a or b.</param>
    /// <exception cref="ArgumentException">A view is not F32 or the shapes differ.</exception>
    public static void Multiply(WorkerPool pool, Matrix a, Matrix b, Matrix y) => Run(pool, a, b, y, default(MultiplyKernel));

    /// <summary>y += scale * x.</summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="x">T x D.</param>
    /// <param name="y">T x D, added to.</param>
    /// <param name="scale">Factor of x.</param>
    /// <exception cref="ArgumentException">A view is not F32 or the shapes differ.</exception>
    public static void Accumulate(WorkerPool pool, Matrix x, Matrix y, float scale = 1) =>
        Run(pool, x, y, y, new AccumulateKernel(scale));

    /// <summary>y = scale * x.</summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="x">T x D.</param>
    /// <param name="scale">Factor of x.</param>
    /// <param name="y">T x D, may be x.</param>
    /// <exception cref="ArgumentException">A view is not F32 or the shapes differ.</exception>
    public static void Scale(WorkerPool pool, Matrix x, float scale, Matrix y) => Run(pool, x, x, y, new ScaleKernel(scale));

    /// <summary>Sets every element of x (T x D) to a value.</summary>
    /// <exception cref="ArgumentException">The view is not F32.</exception>
    public static void Fill(Matrix x, float value)
    {
        Shapes.Require(x, x.Rows, x.Columns);
        for (int row = 0; row < x.Rows; row++) x.Row(row).Fill(value);
        GC.KeepAlive(x.Buffer);
    }

    /// <summary>Sets every element of x (T x D) to a value, for matrices that are worth several threads.</summary>
    /// <exception cref="ArgumentException">The view is not F32.</exception>
    public static void Fill(WorkerPool pool, Matrix x, float value)
    {
        Shapes.Require(x, x.Rows, x.Columns);
        TileKernels.Run(pool, TileGrid.Elements(x.Rows, x.Columns), new FillTile(x, value));
        GC.KeepAlive(x.Buffer);
    }

    /// <summary>Adds a row to every row of x, in place.</summary>
    /// <param name="pool">Computes blocks of elements.</param>
    /// <param name="x">T x D, added to.</param>
    /// <param name="bias">1 x D.</param>
    /// <exception cref="ArgumentException">A view is not F32 or has another shape.</exception>
    public static void AddRow(WorkerPool pool, Matrix x, Matrix bias)
    {
        Shapes.Require(x, x.Rows, x.Columns);
        Shapes.Require(bias, 1, x.Columns);
        ElementKernels.Run(pool, x.Rows, x.Columns, default(AddKernel), x, new RowsOf(bias.F32, 0), default, x);
        GC.KeepAlive(x.Buffer);
        GC.KeepAlive(bias.Buffer);
    }

    private static void Run<TKernel>(WorkerPool pool, Matrix a, Matrix b, Matrix y, TKernel kernel) where TKernel : struct, IElementKernel
    {
        Shapes.Require(a, y.Rows, y.Columns);
        Shapes.Require(b, y.Rows, y.Columns);
        Shapes.Require(y, y.Rows, y.Columns);
        ElementKernels.Run(pool, y.Rows, y.Columns, kernel, a, b, default, y);
        GC.KeepAlive(a.Buffer);
        GC.KeepAlive(b.Buffer);
        GC.KeepAlive(y.Buffer);
    }

    private readonly struct FillTile(RowsOf x, float value) : ITileKernel
    {
        public void Reference(int row, int start, int end) => new Span<float>(x[row] + start, end - start).Fill(value);

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct => Reference(row, start, end);
    }

    private readonly struct MultiplyKernel : IElementKernel
    {
        public void Reference(in RowOperands row, nint i) => row.Y[i] = row.A[i] * row.B[i];

        public void Vector<TSimd, TVector>(in RowOperands row, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct =>
            TSimd.Store(TSimd.Multiply(TSimd.Load(row.A + i), TSimd.Load(row.B + i)), row.Y + i);
    }

    private readonly struct AccumulateKernel(float scale) : IElementKernel
    {
        public void Reference(in RowOperands row, nint i) => row.Y[i] += scale * row.A[i];

        public void Vector<TSimd, TVector>(in RowOperands row, nint i)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct =>
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Broadcast(scale), TSimd.Load(row.A + i), TSimd.Load(row.Y + i)), row.Y + i);
    }
}

internal readonly unsafe struct AddKernel : IElementKernel
{
    public void Reference(in RowOperands row, nint i) => row.Y[i] = row.A[i] + row.B[i];

    public void Vector<TSimd, TVector>(in RowOperands row, nint i)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct =>
        TSimd.Store(TSimd.Add(TSimd.Load(row.A + i), TSimd.Load(row.B + i)), row.Y + i);
}

internal readonly unsafe struct ScaleKernel(float scale) : IElementKernel
{
    public void Reference(in RowOperands row, nint i) => row.Y[i] = scale * row.A[i];

    public void Vector<TSimd, TVector>(in RowOperands row, nint i)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct =>
        TSimd.Store(TSimd.Multiply(TSimd.Broadcast(scale), TSimd.Load(row.A + i)), row.Y + i);
}
