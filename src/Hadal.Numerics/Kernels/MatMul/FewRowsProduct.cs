namespace Hadal.Numerics;

/// <summary>Products of a few rows in generated code (<see cref="FewRowsCode"/>): 16 columns at a time, while those to come are asked for.</summary>
internal static unsafe class FewRowsProduct
{
    /// <summary>Lines of a row between use and the request for more, and the size of rows that are asked for as a whole while others are used.</summary>
    public const int LinesAhead = 6, MostBytesAhead = 256 * 1024;

    /// <summary>Computes as many leading columns as whole registers cover.</summary>
    /// <param name="product">The product.</param>
    /// <param name="left">The left factor as <see cref="FewRowsArguments.Left"/> has it.</param>
    /// <param name="lines">Lines of a row of the right factor that are computed.</param>
    /// <param name="kernel">The kernel for so many rows.</param>
    public static void Compute(Product product, byte* left, int lines, nint kernel)
    {
        int columns = product.N / TileShape.Rows * TileShape.Rows;
        long rowBytes = product.B.RowBytes, groupBytes = TileShape.Rows * rowBytes;
        bool isShort = groupBytes <= MostBytesAhead, isStraight = isShort && CacheLines.ReadsStraight && rowBytes == lines * CacheLines.Size;
        if (isStraight) CacheLines.PrefetchStart(product.B.Data, (int)groupBytes, product.Next);
        for (int n = 0; n < columns; n += TileShape.Rows)
        {
            float* c = product.C + n;
            if (!product.Accumulate) Clear(product.M, c, product.CStride, TileShape.Rows);
            if (lines == 0) continue;

            // Behind the last columns lies what nobody may want; the lines that are used now are there already.
            byte* weights = product.B.From(n, 0).Data, next = n + TileShape.Rows < columns ? weights + groupBytes : product.Next == null ? weights : product.Next;
            FewRowsArguments arguments = new()
            {
                Weights = weights,
                WeightStride = rowBytes,
                Ahead = isShort ? next : weights + LinesAhead * CacheLines.Size,
                AheadStride = isStraight ? CacheLines.Size : rowBytes,
                AheadStep = isStraight ? 0 : CacheLines.Size - groupBytes,
                Left = left,
                Lines = lines,
                Sums = c,
                SumStride = product.CStride * sizeof(float),
            };
            ((delegate* unmanaged[SuppressGCTransition]<void*, void>)kernel)(&arguments);
        }
    }

    /// <summary>Lets the sums of some columns begin at zero.</summary>
    public static void Clear(int rows, float* c, long stride, int columns)
    {
        for (int m = 0; m < rows; m++) new Span<float>(c + m * stride, columns).Clear();
    }
}
