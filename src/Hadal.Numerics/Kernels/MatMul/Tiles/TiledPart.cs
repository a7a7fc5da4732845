namespace Hadal.Numerics;

/// <summary>One block of a result, computed by one thread: k in blocks whose panels fit the caches, ascending.</summary>
internal static unsafe class TiledPart
{
    // Values of k, in tiles, for which two panels of each factor, 2 x 20 KB, and a block of the result lie in the first-level cache.
    private const int InnerBlock = 10;

    /// <summary>Computes a block of the result, from factors that are packed already or are packed here.</summary>
    public static void Compute(TileKernelSet kernels, Product product, PackedTiles? left, PackedTiles? right)
    {
        int innerTiles = TileShape.InnerTiles(product.K);
        int blocks = Math.Max(1, (innerTiles + InnerBlock - 1) / InnerBlock);
        int most = (innerTiles + blocks - 1) / blocks;
        long panelBytes = (long)most * TileShape.Bytes;
        long leftBytes = left is null ? TileShape.OuterTiles(product.M) * panelBytes : 0;
        long rightBytes = right is null ? TileShape.OuterTiles(product.N) * panelBytes : 0;
        byte* scratch = (byte*)PackingScratch.Local((leftBytes + rightBytes) / sizeof(float));
        kernels.Configure();
        for (int block = 0; block < blocks; block++)
        {
            int tile = block * most;
            int tiles = Math.Min(most, innerTiles - tile);
            int k = tile * TileShape.Inner;
            int inner = Math.Min(tiles * TileShape.Inner, product.K - k);
            PackedTiles a = left?.From(0, tile) ?? Pack(product.A, isLeft: true, product.M, scratch);
            PackedTiles b = right?.From(0, tile) ?? Pack(product.B, isLeft: false, product.N, scratch + leftBytes);
            TiledBlock.Multiply(kernels, product.M, product.N, tiles, a, b, product.C, product.CStride, product.Accumulate || block > 0);

            PackedTiles Pack(Factor factor, bool isLeft, int count, byte* memory)
            {
                PackedTiles packed = new(memory, panelBytes);
                TilePacking.Pack(kernels, factor.From(0, k), isLeft, count, inner, packed);
                return packed;
            }
        }

        kernels.Release();
    }
}
