using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// Products of one to four rows with a factor whose k is adjacent: lines of the factor are transposed in registers, and each column of them
/// is used for all rows at once, so nothing but sums is ever written.
/// </summary>
internal static unsafe class TransposedProduct<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    /// <summary>Rows whose sums, twice, fit the registers beside a block that is being transposed.</summary>
    public const int MostRows = 4;

    // Columns, rows of the factor, at a time, eight at least: the chains of two registers run side by side, unless so many rows in turn slow
    // the memory down.
    private static int MostColumns => CacheLines.ReadsStraight && TSimd.Lanes >= 8 ? TSimd.Lanes : 2 * TSimd.Lanes;

    /// <summary>Computes as many leading columns as whole registers cover, and returns how many those are.</summary>
    /// <param name="product">The product.</param>
    /// <param name="a">The left factor in F32, the rows of each k side by side.</param>
    public static int Compute(Product product, float* a) => product.M switch
    {
        _ when TSimd.Lanes == TileShape.Rows && GeneratedKernels.FewRows is { } kernels => Compute(kernels, product, a),
        1 => Compute<Count1>(product, a),
        2 => Compute<Count2>(product, a),
        3 => Compute<Count3>(product, a),
        _ => Compute<Count4>(product, a),
    };

    private static int Compute<TRows>(Product product, float* a) where TRows : ICount
    {
        int columns = product.N / TSimd.Lanes * TSimd.Lanes, step = product.B.IsBFloat16 ? 32 : 16, lines = product.K / step;
        long setBytes = MostColumns * product.B.RowBytes;
        bool isShort = setBytes <= FewRowsProduct.MostBytesAhead;
        if (isShort && CacheLines.ReadsStraight) CacheLines.PrefetchStart(product.B.Data, (int)setBytes, product.Next);
        for (int n = 0; n < columns;)
        {
            bool pair = n + MostColumns <= columns && MostColumns > TSimd.Lanes;
            byte* rows = product.B.From(n, 0).Data;
            float* c = product.C + n, next = pair ? c + TSimd.Lanes : null;
            if (!product.Accumulate) FewRowsProduct.Clear(product.M, c, product.CStride, pair ? 2 * TSimd.Lanes : TSimd.Lanes);
            bool isLast = n + MostColumns >= columns && product.Next != null && CacheLines.ReadsStraight;
            byte* ahead = !isShort ? null : isLast ? product.Next : rows + (CacheLines.ReadsStraight ? setBytes : Math.Max(setBytes, CacheLines.AheadBytes));
            AddLines<TRows>(rows, product.B.RowBytes, product.B.IsBFloat16, lines, a, c, next, product.CStride, ahead);
            n += pair ? 2 * TSimd.Lanes : TSimd.Lanes;
        }

        if (lines * step < product.K) AddRest(product, a, columns, lines * step);
        return columns;
    }

    // The same columns in the same order of additions.
    private static int Compute(FewRowsKernelSet kernels, Product product, float* a)
    {
        int columns = product.N / TileShape.Rows * TileShape.Rows, step = product.B.IsBFloat16 ? 32 : 16, lines = product.K / step;
        FewRowsProduct.Compute(product, (byte*)a, lines, kernels.Product(product.M, product.B.IsBFloat16));
        if (lines * step < product.K) AddRest(product, a, columns, lines * step);
        return columns;
    }

    // What is left of k when lines are used up.
    private static void AddRest(Product product, float* a, int columns, int start)
    {
        for (int m = 0; m < product.M; m++)
        {
            float* c = product.C + m * product.CStride;
            for (int n = 0; n < columns; n++)
            {
                for (int k = start; k < product.K; k++) c[n] = SimdScalar.MultiplyAdd(a[k * product.M + m], product.B.Element(n, k), c[n]);
            }
        }
    }

    // Two sets of rows of the factor side by side, unless there is only one left: their chains of sums run at the same time.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddLines<TRows>(byte* rows, long rowBytes, bool isBFloat16, int lines, float* a, float* c, float* next, long stride, byte* ahead)
        where TRows : ICount
    {
        RowSums<TVector> x = RowSums<TVector>.Load<TSimd, TRows>(c, stride), y = next == null ? default : RowSums<TVector>.Load<TSimd, TRows>(next, stride);
        byte* first = rows, second = rows + TSimd.Lanes * rowBytes;
        int step = TRows.Count * (isBFloat16 ? 32 : 16);
        for (int line = 0; line < lines; line++, rows += CacheLines.Size, second += CacheLines.Size, a += step)
        {
            Prefetch(first, rowBytes, line, ahead);
            TSimd.AddLines<TRows>(rows, rowBytes, isBFloat16, a, ref x);
            if (next != null) TSimd.AddLines<TRows>(second, rowBytes, isBFloat16, a, ref y);
        }

        x.Store<TSimd, TRows>(c, stride);
        if (next != null) y.Store<TSimd, TRows>(next, stride);
    }

    // A set of rows is asked for while the set before it is used, as long as it fits the second-level cache; longer rows a few lines ahead.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* first, long rowBytes, int line, byte* ahead)
    {
        if (ahead == null)
        {
            CacheLines.PrefetchRows(first + (line + FewRowsProduct.LinesAhead) * CacheLines.Size, rowBytes, MostColumns);
            return;
        }

        byte* at = ahead - CacheLines.AheadBytes + (long)line * MostColumns * CacheLines.Size;
        for (int chunk = 0; chunk < MostColumns / 8; chunk++) CacheLines.PrefetchFront(at + chunk * 8 * CacheLines.Size, (byte*)ulong.MaxValue);
    }
}
