using System.Runtime.InteropServices;

namespace Hadal.Numerics;

/// <summary>A few rows of a left factor in BF16: for 32 values of k at a time 64 bytes of each row, without the rest of a tile.</summary>
internal static unsafe class FewRows
{
    /// <summary>Whether the rows of a product can be held like this.</summary>
    public static bool Take(TileKernelSet kernels, Product product) =>
        !product.IsScaled && product.M > 0 && product.M <= kernels.MostFewRows && product.A.IsInnerAdjacent && product.K > 0 && product.K % TileShape.Inner == 0;

    /// <summary>Bytes of the rows.</summary>
    public static long Bytes(Product product) => (long)product.M * product.K * sizeof(ushort);

    /// <summary>Rounds and packs them.</summary>
    public static void Pack(TileKernelSet kernels, Product product, byte* destination)
    {
        int stride = product.M * TileShape.RowBytes, tiles = product.K / TileShape.Inner;
        for (int row = 0; row < product.M; row++, destination += TileShape.RowBytes)
        {
            byte* source = product.A.From(row, 0).Data;
            if (product.A.IsBFloat16)
            {
                for (int tile = 0; tile < tiles; tile++) NativeMemory.Copy(source + tile * TileShape.RowBytes, destination + (long)tile * stride, TileShape.RowBytes);
                continue;
            }

            TilePackingArguments arguments = new() { Source = source, Tiles = destination, TileStride = stride, Count = tiles };
            kernels.PackRow(&arguments);
        }
    }
}
