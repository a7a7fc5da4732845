using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// Products with few rows, as in decoding: every element of the right factor is read once, from where it lies, and used for all rows.
/// Lanes are columns of the result here too. If k is adjacent in memory, small blocks of the factor are transposed, for up to four rows in
/// registers (<see cref="TransposedProduct{TSimd, TVector}"/>), for more within L1; otherwise its rows are added, several at a time, to the result.
/// </summary>
internal static unsafe class NarrowProduct<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    // Values of k for which a tile of columns, 24 KB of 512-bit registers, is transposed within L1 and used at once.
    private const int InnerBlock = 128;

    // Rows of the right factor that are read side by side where its columns are adjacent.
    private const int RowsAtOnce = 8;

    // The size of rows that are asked for as a whole.
    private const int MostBytesAhead = 64 * 1024;

    /// <summary>Whether the right factor can be used from where it lies: rows that are added as they are can't be rounded on the way.</summary>
    public static bool Fits(Factor b) => b.IsInnerAdjacent || !b.IsRounded;

    /// <summary>Computes as many leading columns as whole registers cover, and returns how many those are.</summary>
    public static int Compute(Product product)
    {
        int tileColumns = TileKernel<TSimd, TVector>.Columns;
        float* panel = PackingScratch.Local((long)tileColumns * InnerBlock + (long)product.M * product.K);
        float* a = panel + tileColumns * InnerBlock;
        if (product.M == 1 && product.A is { IsInnerAdjacent: true, IsBFloat16: false, IsRounded: false }) a = (float*)product.A.Data;
        else RowPacking.Pack(product.A, product.M, product.K, product.M, a);
        if (!product.B.IsInnerAdjacent) return AddRows(product, a);
        if (product.M <= TransposedProduct<TSimd, TVector>.MostRows && !product.B.IsRounded) return TransposedProduct<TSimd, TVector>.Compute(product, a);

        int columns = product.N / TSimd.Lanes * TSimd.Lanes;
        for (int n = 0; n < columns; n += tileColumns)
        {
            int registers = Math.Min(tileColumns, columns - n) / TSimd.Lanes;
            for (int k = 0; k < product.K; k += InnerBlock)
            {
                int inner = Math.Min(InnerBlock, product.K - k);
                PanelPacking<TSimd, TVector>.PackRegisters(product.B.From(n, k), registers, inner, tileColumns, panel);
                if (product.B.IsRounded) BFloat16Rounding.Round(panel, (long)tileColumns * inner);
                PackedBlock<TSimd, TVector>.MultiplyTile(
                    product.M, registers, inner, a + (long)k * product.M, product.M, panel, product.C + n, product.CStride,
                    fromZero: k == 0 && !product.Accumulate);
            }
        }

        return columns;
    }

    // c[m] += a[m,k] b[k] for eight rows of b at a time, so that c is read and written once for eight of them.
    private static int AddRows(Product product, float* a)
    {
        int columns = product.N / TSimd.Lanes * TSimd.Lanes;
        if (!product.Accumulate)
        {
            for (int m = 0; m < product.M; m++) new Span<float>(product.C + m * product.CStride, columns).Clear();
        }

        // What is small enough is asked for as a whole: rows in turn would be over before memory delivers at its full speed.
        long bytes = product.K * product.B.RowBytes;
        bool isWhole = product.B.RowBytes == product.N * (product.B.IsBFloat16 ? sizeof(ushort) : sizeof(float));
        bool isShort = CacheLines.ReadsStraight && isWhole && bytes <= MostBytesAhead;
        if (isShort) CacheLines.PrefetchToSecondLevel(product.B.Data, (int)(bytes / CacheLines.Size));
        for (int k = 0; k < product.K; k += RowsAtOnce)
        {
            int count = Math.Min(RowsAtOnce, product.K - k);
            for (int m = 0; m < product.M; m++)
            {
                AddRows(
                    a + (long)k * product.M + m, product.M, product.B.From(0, k), count, product.C + m * product.CStride, columns,
                    prefetches: m == 0 && !isShort);
            }
        }

        return columns;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void AddRows(float* a, long aStride, Factor b, int count, float* c, int columns, bool prefetches)
    {
        byte* row = b.Data;
        long rowBytes = b.RowBytes;
        if (count < RowsAtOnce)
        {
            for (int k = 0; k < count; k++, row += rowBytes)
            {
                TVector scale = TSimd.Broadcast(a[k * aStride]);
                for (int n = 0; n < columns; n += TSimd.Lanes)
                {
                    TVector value = b.IsBFloat16 ? TSimd.LoadBFloat16((ushort*)row + n) : TSimd.Load((float*)row + n);
                    TSimd.Store(TSimd.MultiplyAdd(scale, value, TSimd.Load(c + n)), c + n);
                }
            }

            return;
        }

        TVector a0 = TSimd.Broadcast(a[0]), a1 = TSimd.Broadcast(a[aStride]);
        TVector a2 = TSimd.Broadcast(a[2 * aStride]), a3 = TSimd.Broadcast(a[3 * aStride]);
        TVector a4 = TSimd.Broadcast(a[4 * aStride]), a5 = TSimd.Broadcast(a[5 * aStride]);
        TVector a6 = TSimd.Broadcast(a[6 * aStride]), a7 = TSimd.Broadcast(a[7 * aStride]);
        byte* row4 = row + 4 * rowBytes;
        int step = TSimd.Lanes * (b.IsBFloat16 ? sizeof(ushort) : sizeof(float));
        for (int n = 0; n < columns; n += TSimd.Lanes, row += step, row4 += step)
        {
            if (prefetches) CacheLines.PrefetchRows(row + RowsAtOnce * rowBytes, rowBytes, RowsAtOnce);

            TVector sum = TSimd.Load(c + n);
            if (b.IsBFloat16)
            {
                sum = TSimd.MultiplyAdd(a0, TSimd.LoadBFloat16((ushort*)row), sum);
                sum = TSimd.MultiplyAdd(a1, TSimd.LoadBFloat16((ushort*)(row + rowBytes)), sum);
                sum = TSimd.MultiplyAdd(a2, TSimd.LoadBFloat16((ushort*)(row + 2 * rowBytes)), sum);
                sum = TSimd.MultiplyAdd(a3, TSimd.LoadBFloat16((ushort*)(row + 3 * rowBytes)), sum);
                sum = TSimd.MultiplyAdd(a4, TSimd.LoadBFloat16((ushort*)row4), sum);
                sum = TSimd.MultiplyAdd(a5, TSimd.LoadBFloat16((ushort*)(row4 + rowBytes)), sum);
                sum = TSimd.MultiplyAdd(a6, TSimd.LoadBFloat16((ushort*)(row4 + 2 * rowBytes)), sum);
                sum = TSimd.MultiplyAdd(a7, TSimd.LoadBFloat16((ushort*)(row4 + 3 * rowBytes)), sum);
            }
            else
            {
                sum = TSimd.MultiplyAdd(a0, TSimd.Load((float*)row), sum);
                sum = TSimd.MultiplyAdd(a1, TSimd.Load((float*)(row + rowBytes)), sum);
                sum = TSimd.MultiplyAdd(a2, TSimd.Load((float*)(row + 2 * rowBytes)), sum);
                sum = TSimd.MultiplyAdd(a3, TSimd.Load((float*)(row + 3 * rowBytes)), sum);
                sum = TSimd.MultiplyAdd(a4, TSimd.Load((float*)row4), sum);
                sum = TSimd.MultiplyAdd(a5, TSimd.Load((float*)(row4 + rowBytes)), sum);
                sum = TSimd.MultiplyAdd(a6, TSimd.Load((float*)(row4 + 2 * rowBytes)), sum);
                sum = TSimd.MultiplyAdd(a7, TSimd.Load((float*)(row4 + 3 * rowBytes)), sum);
            }

            TSimd.Store(sum, c + n);
        }
    }
}
