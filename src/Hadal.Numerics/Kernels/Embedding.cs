namespace Hadal.Numerics;

/// <summary>A table of vectors, one for each token id: looking up, and the gradient of that.</summary>
public static unsafe class Embedding
{
    /// <summary>y[t] = table[ids[t]].</summary>
    /// <param name="pool">Computes blocks of rows.</param>
    /// <param name="table">V x D: F32, BF16 (widened exactly), or a type in blocks.</param>
    /// <param name="ids">T row numbers of the table.</param>
    /// <param name="y">T x D.</param>
    /// <exception cref="ArgumentException">A view has another shape or element type.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An id is not a row of the table; nothing was written.</exception>
    public static void Gather(WorkerPool pool, Matrix table, ReadOnlySpan<int> ids, Matrix y)
    {
        bool narrow = table.ElementType == ElementType.BF16, blocked = table.ElementType.IsBlocked();
        if (!narrow && !blocked) Shapes.Require(table, table.Rows, table.Columns);
        Shapes.Require(y, ids.Length, table.Columns);
        Shapes.RequireIndices(ids, table.Rows, nameof(ids));
        fixed (int* at = ids)
        {
            TileGrid grid = TileGrid.WholeRows(y.Rows, y.Columns);
            if (blocked) TileKernels.Run(pool, grid, new GatherBlocks(table, at, y));
            else TileKernels.Run(pool, grid, new GatherRow(table.Data, table.RowStride, narrow, at, y));
        }

        GC.KeepAlive(table.Buffer);
        GC.KeepAlive(y.Buffer);
    }

    /// <summary>dTable[ids[t]] += dy[t], for rows of one id in ascending order of t.</summary>
    /// <param name="pool">Computes blocks of columns, so that no two workers add to one row's element.</param>
    /// <param name="dy">T x D, gradient of the vectors looked up.</param>
    /// <param name="ids">T row numbers of the table.</param>
    /// <param name="dTable">V x D, added to.</param>
    /// <exception cref="ArgumentException">A view is not F32 or has another shape.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An id is not a row of the table; nothing was written.</exception>
    public static void ScatterAdd(WorkerPool pool, Matrix dy, ReadOnlySpan<int> ids, Matrix dTable)
    {
        Shapes.Require(dTable, dTable.Rows, dTable.Columns);
        Shapes.Require(dy, ids.Length, dTable.Columns);
        Shapes.RequireIndices(ids, dTable.Rows, nameof(ids));
        fixed (int* at = ids)
        {
            TileKernels.Run(pool, TileGrid.ColumnBlocks(dTable.Columns), new ScatterColumns(dy, at, ids.Length, dTable));
        }

        GC.KeepAlive(dy.Buffer);
        GC.KeepAlive(dTable.Buffer);
    }

    private readonly struct GatherRow(void* table, long stride, bool narrow, int* ids, RowsOf y) : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            long first = ids[row] * stride;
            for (int i = start; i < end; i++)
            {
                y[row][i] = narrow ? SimdScalar.LoadBFloat16((ushort*)table + first + i) : ((float*)table)[first + i];
            }
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            long first = ids[row] * stride;
            if (narrow) BFloat16Rows.Widen<TSimd, TVector>((ushort*)table + first, y[row], end);
            else new ReadOnlySpan<float>((float*)table + first, end).CopyTo(new Span<float>(y[row], end));
        }
    }

    private readonly struct GatherBlocks(Matrix table, int* ids, RowsOf y) : ITileKernel
    {
        public void Reference(int row, int start, int end) => WeightPanels.Dequantise(table, ids[row], new Span<float>(y[row], end));

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct =>
            Reference(row, start, end);
    }

    private readonly struct ScatterColumns(RowsOf dy, int* ids, int count, RowsOf dTable) : ITileKernel
    {
        public void Reference(int row, int start, int end)
        {
            for (int t = 0; t < count; t++)
            {
                for (int i = start; i < end; i++) dTable[ids[t]][i] += dy[t][i];
            }
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            for (int t = 0; t < count; t++)
            {
                RowOperands operands = new(dTable[ids[t]], dy[t], null, dTable[ids[t]], null);
                ElementKernels.Range<TSimd, TVector, AddKernel>(default, operands, start, end);
            }
        }
    }
}
