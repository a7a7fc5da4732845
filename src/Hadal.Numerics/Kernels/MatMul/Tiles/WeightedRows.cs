namespace Hadal.Numerics;

/// <summary>
/// Products of a few rows with weights in BF16 whose rows are k, as absorbed attention has them: each row of weights is read once, where it lies, and
/// added to the results.
/// </summary>
internal static unsafe class WeightedRows
{
    /// <summary>Whether a product can be computed this way.</summary>
    public static bool Take(TileKernelSet kernels, Product product) =>
        kernels.ReadsCachedRows && FewRows.Take(kernels, product) && product.B is { IsBFloat16: true, IsInnerAdjacent: false }
        && product.N > 0 && product.N % WeightedRowsCode.Columns == 0;

    /// <summary>Computes a block of the result.</summary>
    public static void Compute(TileKernelSet kernels, Product product)
    {
        byte* packed = (byte*)PackingScratch.Local((FewRows.Bytes(product) + sizeof(float) - 1) / sizeof(float));
        FewRows.Pack(kernels, product, packed);
        for (int row = 0; row < product.M && !product.Accumulate; row++) new Span<float>(product.C + row * product.CStride, product.N).Clear();
        for (int k = 0; k < product.K; k += TileShape.Inner)
        {
            // Rows enough to ask for those behind them, front to back, and few enough to be met again in a cache by the next columns.
            int rows = Math.Min(TileShape.Inner, product.K - k);
            byte* first = product.B.Data + k * product.B.RowBytes;
            WeightedRowsArguments arguments = new()
            {
                Rows = first,
                RowStride = product.B.RowBytes,
                Weights = packed + (long)k / TileShape.Inner * product.M * TileShape.RowBytes,
                WeightStride = product.M * TileShape.RowBytes,
                Pairs = rows / 2,
                Output = product.C,
                OutputStride = product.CStride * sizeof(float),
                Groups = product.N / WeightedRowsCode.Columns,
                Next = first + rows * product.B.RowBytes,
            };
            kernels.AddWeightedRows(product.M, &arguments);
        }
    }
}
