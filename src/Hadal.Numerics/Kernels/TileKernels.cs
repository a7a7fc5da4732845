using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>A kernel over a matrix whose work divides into stretches of rows: the scalar definition, and the same for registers.</summary>
internal interface ITileKernel
{
    /// <summary>Computes columns [start, end) of a row with plain scalar code.</summary>
    void Reference(int row, int start, int end);

    /// <summary>Computes the same with registers.</summary>
    void Vector<TSimd, TVector>(int row, int start, int end)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct;
}

/// <summary>How a matrix is cut into parts. It follows from the shape alone, so results don't depend on the number of workers.</summary>
internal readonly record struct TileGrid(int Rows, int Columns, int RowsPerPart, int ColumnsPerPart)
{
    // About ten microseconds of work: many times the cost of handing out a part, few enough for short prompts to use all cores.
    // A multiple of every register width, so only the end of a row has a tail.
    private const int ElementsPerPart = 16 * 1024;

    // The accumulators of a column block stay in the first-level cache, and a block's part of a row is several cache lines.
    public const int ColumnBlock = 128;

    public int ColumnParts => (int)(((long)Columns + ColumnsPerPart - 1) / ColumnsPerPart);

    public int Parts => Columns == 0 ? 0 : (int)(((long)Rows + RowsPerPart - 1) / RowsPerPart * ColumnParts);

    /// <summary>Whole rows, for kernels that reduce over a row.</summary>
    public static TileGrid WholeRows(int rows, int columns) =>
        new(rows, columns, Math.Max(1, ElementsPerPart / Math.Max(1, columns)), Math.Max(1, columns));

    /// <summary>Stretches of rows, for kernels whose elements are independent.</summary>
    public static TileGrid Elements(int rows, int columns) => WholeRows(rows, columns) with { ColumnsPerPart = ElementsPerPart };

    /// <summary>
    /// Blocks of columns, for kernels that reduce over the rows: each part walks down all rows in order. Few columns are cut finer, so that
    /// several cores have work; a column is summed by itself, so it does not matter for the result.
    /// </summary>
    public static TileGrid ColumnBlocks(int columns) => new(1, columns, 1, columns < 8 * ColumnBlock ? ColumnBlock / 4 : ColumnBlock);
}

/// <summary>Runs a kernel over a grid of tiles, with the kind and the register width of this process.</summary>
internal static class TileKernels
{
    public static void Run<TKernel>(WorkerPool pool, TileGrid grid, TKernel kernel) where TKernel : struct, ITileKernel
    {
        ArgumentNullException.ThrowIfNull(pool);
        Job<TKernel> job = new(kernel, grid);
        pool.Run(ref job, grid.Parts);
    }

    private readonly struct Job<TKernel>(TKernel kernel, TileGrid grid) : IParallelJob where TKernel : struct, ITileKernel
    {
        public void Execute(int part)
        {
            int columnParts = grid.ColumnParts;
            int firstRow = part / columnParts * grid.RowsPerPart;
            int lastRow = (int)Math.Min(grid.Rows, (long)firstRow + grid.RowsPerPart);
            int start = part % columnParts * grid.ColumnsPerPart;
            int end = (int)Math.Min(grid.Columns, (long)start + grid.ColumnsPerPart);
            for (int row = firstRow; row < lastRow; row++)
            {
                if (KernelSelection.Current == KernelKind.Reference) kernel.Reference(row, start, end);
                else if (Vector512.IsHardwareAccelerated) kernel.Vector<Simd512, Vector512<float>>(row, start, end);
                else if (Vector256.IsHardwareAccelerated) kernel.Vector<Simd256, Vector256<float>>(row, start, end);
                else if (Vector128.IsHardwareAccelerated) kernel.Vector<Simd128, Vector128<float>>(row, start, end);
                else kernel.Vector<SimdScalar, float>(row, start, end);
            }
        }
    }
}

/// <summary>The rows of an F32 view as a kernel sees them.</summary>
internal readonly unsafe struct RowsOf(float* data, long stride)
{
    public float* this[long row]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => data + row * stride;
    }

    public static implicit operator RowsOf(Matrix matrix) => new(matrix.F32, matrix.RowStride);

    public static implicit operator RowsOf(Matrix? matrix) => matrix is Matrix present ? present : default(RowsOf);
}
