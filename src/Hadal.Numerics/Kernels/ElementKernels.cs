using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>The operands of an elementwise kernel at the row being computed. Operands a kernel doesn't have are null.</summary>
internal readonly unsafe struct RowOperands(float* a, float* b, float* c, float* y, float* z)
{
    public readonly float* A = a;
    public readonly float* B = b;
    public readonly float* C = c;
    public readonly float* Y = y;
    public readonly float* Z = z;
}

/// <summary>One element, or one register of elements, of a kernel whose elements are independent.</summary>
internal interface IElementKernel
{
    /// <summary>Computes element i with plain scalar code.</summary>
    void Reference(in RowOperands row, nint i);

    /// <summary>Computes the elements from i on that fill a register.</summary>
    void Vector<TSimd, TVector>(in RowOperands row, nint i)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct;
}

/// <summary>Runs elementwise kernels. The one loop with the one tail: the tail is the kernel at a register of one lane.</summary>
internal static class ElementKernels
{
    /// <summary>a, b, c are read; y and z are written (and may be read).</summary>
    public static void Run<TKernel>(
        WorkerPool pool, int rows, int columns, TKernel kernel, RowsOf a, RowsOf b, RowsOf c, RowsOf y, RowsOf z = default)
        where TKernel : struct, IElementKernel =>
        TileKernels.Run(pool, TileGrid.Elements(rows, columns), new Tile<TKernel>(kernel, a, b, c, y, z));

    private readonly unsafe struct Tile<TKernel>(TKernel kernel, RowsOf a, RowsOf b, RowsOf c, RowsOf y, RowsOf z) : ITileKernel
        where TKernel : struct, IElementKernel
    {
        public void Reference(int row, int start, int end)
        {
            RowOperands operands = new(a[row], b[row], c[row], y[row], z[row]);
            for (nint i = start; i < end; i++) kernel.Reference(operands, i);
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            RowOperands operands = new(a[row], b[row], c[row], y[row], z[row]);
            Range<TSimd, TVector, TKernel>(kernel, operands, start, end);
        }
    }

    /// <summary>Elements [start, end) of one row; also for kernels that do this after a reduction over the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Range<TSimd, TVector, TKernel>(TKernel kernel, RowOperands operands, nint start, nint end)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TKernel : struct, IElementKernel
    {
        nint i = start;
        for (; i <= end - TSimd.Lanes; i += TSimd.Lanes) kernel.Vector<TSimd, TVector>(operands, i);
        for (; i < end; i++) kernel.Vector<SimdScalar, float>(operands, i);
    }
}
