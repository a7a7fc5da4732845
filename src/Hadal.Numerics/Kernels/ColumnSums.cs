namespace Hadal.Numerics;

/// <summary>A term of sums down the columns of a matrix.</summary>
internal interface IColumnTerm
{
    /// <summary>The term of one element, with plain scalar code.</summary>
    double Reference(int row, nint column);

    /// <summary>sum plus the terms of a row's elements from column on that fill a register.</summary>
    TVector Add<TSimd, TVector>(TVector sum, int row, nint column)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct;
}

/// <summary>
/// result[j] += the sum over the rows of a term. A part owns a block of columns and walks down all rows in ascending order, so no two
/// workers add to one element and the order of additions is always the same.
/// </summary>
internal static unsafe class ColumnSums
{
    public static void Run<TTerm>(WorkerPool pool, int rows, int columns, TTerm term, float* result) where TTerm : struct, IColumnTerm =>
        TileKernels.Run(pool, TileGrid.ColumnBlocks(columns), new Block<TTerm>(rows, term, result));

    private readonly struct Block<TTerm>(int rows, TTerm term, float* result) : ITileKernel where TTerm : struct, IColumnTerm
    {
        public void Reference(int row, int start, int end)
        {
            for (nint column = start; column < end; column++)
            {
                double sum = 0;
                for (int r = 0; r < rows; r++) sum += term.Reference(r, column);
                result[column] += (float)sum;
            }
        }

        public void Vector<TSimd, TVector>(int row, int start, int end)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            // The sums start at zero and meet the result once, so a large old value doesn't swallow small terms one by one.
            float* sums = stackalloc float[TileGrid.ColumnBlock];
            new Span<float>(sums, TileGrid.ColumnBlock).Clear();
            int count = end - start;
            for (int r = 0; r < rows; r++)
            {
                int i = 0;
                for (; i <= count - TSimd.Lanes; i += TSimd.Lanes)
                {
                    TSimd.Store(term.Add<TSimd, TVector>(TSimd.Load(sums + i), r, start + i), sums + i);
                }

                for (; i < count; i++) sums[i] = term.Add<SimdScalar, float>(sums[i], r, start + i);
            }

            for (int i = 0; i < count; i++) result[start + i] += sums[i];
        }
    }
}
