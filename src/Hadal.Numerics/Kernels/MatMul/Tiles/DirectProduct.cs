using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// Products of few rows with weights in BF16, which are read once, straight from where they lie: packing them would cost more than
/// the product. What is packed is the left factor, and the result comes out transposed.
/// </summary>
internal static unsafe class DirectProduct
{
    // Rows for which packing weights, once for all of them, does not pay yet.
    private const int MostRows = 96;

    /// <summary>Whether a product can be computed this way: whole tiles of k and of columns, and sums that start at zero.</summary>
    public static bool Takes(Product product) =>
        product is { M: > 0 and <= MostRows, Accumulate: false, IsScaled: false, A.IsInnerAdjacent: true, B: { IsBFloat16: true, IsInnerAdjacent: true } } &&
        product.K > 0 && product.K % TileShape.Inner == 0 && product.N % TileShape.Rows == 0;

    /// <summary>Computes a block of the result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Compute(TileKernelSet kernels, Product product)
    {
        int innerTiles = TileShape.InnerTiles(product.K);
        byte* packed = (byte*)PackingScratch.Local(PackedTiles.Bytes(product.M, product.K) / sizeof(float));
        if (FewRows.Take(kernels, product))
        {
            FewRows.Pack(kernels, product, packed);
            FewRowsProduct.Compute(product, packed, innerTiles, kernels.DirectProductOfFewRows(product.M));
            return;
        }

        byte* memory = stackalloc byte[TiledBlock.MostRows * TileShape.RowBytes + NativeBuffer.Alignment];
        float* result = (float*)(((nuint)memory + NativeBuffer.Alignment - 1) & ~(nuint)(NativeBuffer.Alignment - 1));
        for (int row = 0; row < product.M; row += TiledBlock.MostRows)
        {
            int rows = Math.Min(TiledBlock.MostRows, product.M - row);
            PackedTiles tiles = new(packed + PackedTiles.Bytes(row, product.K), TileShape.Bytes, TileShape.OuterTiles(rows) * TileShape.Bytes);
            TilePacking.Pack(kernels, product.A.From(row, 0), isLeft: false, rows, product.K, tiles);
        }

        kernels.Configure();
        for (int column = 0; column < product.N; column += TileShape.Rows)
        {
            // Rows beyond those of one call meet the weights again in the second-level cache.
            for (int row = 0; row < product.M; row += TiledBlock.MostRows)
            {
                int rows = Math.Min(TiledBlock.MostRows, product.M - row);
                DirectProductArguments arguments = new()
                {
                    Weights = product.B.From(column, 0).Data,
                    WeightStride = product.B.RowBytes,
                    Left = packed + PackedTiles.Bytes(row, product.K),
                    Tiles = innerTiles,
                    Result = result,
                };
                kernels.MultiplyDirectly(rows, &arguments);
                for (int i = 0; i < rows; i++)
                {
                    new ReadOnlySpan<float>(result + i * TileShape.Rows, TileShape.Rows).CopyTo(
                        new Span<float>(product.C + (row + i) * product.CStride + column, TileShape.Rows));
                }
            }
        }

        kernels.Release();
    }
}
