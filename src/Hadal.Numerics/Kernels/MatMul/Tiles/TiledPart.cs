namespace Hadal.Numerics;

/// <summary>
/// One block of a result, computed by one thread: columns and k in blocks of which the right factor's tiles lie in the second-level cache. A
/// few panels of the left factor are packed into the first level right before they meet them.
/// </summary>
internal static unsafe class TiledPart
{
    // Tiles of the right factor in a block of columns, all k together: 768 KB of the second-level cache; and panels it has at least.
    private const int MostRightTiles = 768, LeastPanels = 4;

    // With fewer rows than this a block of the right factor, packed here, should still be in the first level when it is used.
    private const int FewRows = 64, FewRowsColumns = 32;

    /// <summary>Columns for which the left factor is packed once and thrown away at once.</summary>
    public static int ColumnBlock(int inner) => Math.Max(LeastPanels, MostRightTiles / Math.Max(1, TileShape.InnerTiles(inner))) * TileShape.Rows;

    /// <summary>Computes a block of the result; the left factor is packed here, and the right one where it isn't yet.</summary>
    public static void Compute(TileKernelSet kernels, Product product, PackedTiles? right)
    {
        int innerTiles = TileShape.InnerTiles(product.K), most = InnerTiles(kernels, product);

        // Packed here, the right factor needs its place for one block of k only.
        int columnBlock = right is not null ? ColumnBlock(product.K) : product.M <= FewRows ? FewRowsColumns : ColumnBlock(most * TileShape.Inner);
        columnBlock = Math.Min(columnBlock, TileShape.OuterTiles(product.N) * TileShape.Rows);

        // Rows of the left factor that follow each other in memory are packed as they are multiplied; a few panels cut rows that lie across.
        bool keepsLeft = columnBlock < product.N;
        int leftPanels = Math.Clamp(kernels.InnerTilesAtOnce / most, kernels.RowTilesAtOnce, TileProductCode.MostRowTiles);
        int leftRows = product.A.IsInnerAdjacent ? leftPanels * TileShape.Rows : product.M;
        long leftPanelBytes = (long)(keepsLeft ? innerTiles : most) * TileShape.Bytes, rightPanelBytes = (long)most * TileShape.Bytes;
        long leftBytes = TileShape.OuterTiles(keepsLeft ? product.M : Math.Min(leftRows, product.M)) * leftPanelBytes;
        long rightBytes = right is null ? columnBlock / TileShape.Rows * rightPanelBytes : 0;
        byte* scratch = (byte*)PackingScratch.Local((leftBytes + rightBytes) / sizeof(float));
        PackedTiles left = new(scratch, leftPanelBytes), ownRight = new(scratch + leftBytes, rightPanelBytes);
        kernels.Configure();
        for (int column = 0; column < product.N; column += columnBlock)
        {
            int columns = Math.Min(columnBlock, product.N - column);
            if (right is { } packed)
            {
                // All of the block stays in the second level, so some rows of the result can be finished at once.
                for (int row = 0; row < product.M; row += leftRows)
                {
                    for (int tile = 0; tile == 0 || tile < innerTiles; tile += most) Multiply(row, column, columns, tile, packed.From(column / TileShape.Rows, tile));
                }
            }
            else
            {
                for (int tile = 0; tile == 0 || tile < innerTiles; tile += most)
                {
                    TilePacking.Pack(kernels, product.B.From(column, tile * TileShape.Inner), isLeft: false, columns, Inner(tile), ownRight);
                    for (int row = 0; row < product.M; row += leftRows) Multiply(row, column, columns, tile, ownRight);
                }
            }
        }

        kernels.Release();

        int Inner(int tile) => Math.Min(most * TileShape.Inner, product.K - tile * TileShape.Inner);

        // Called without any k, too: the result is set to zero then.
        void Multiply(int row, int column, int columns, int tile, PackedTiles b)
        {
            int rows = Math.Min(leftRows, product.M - row), inner = Inner(tile);
            PackedTiles a = keepsLeft ? left.From(row / TileShape.Rows, tile) : left;
            if (!keepsLeft || column == 0) TilePacking.Pack(kernels, product.A.From(row, tile * TileShape.Inner), isLeft: true, rows, inner, a);
            float* c = product.C + row * product.CStride + column;
            bool accumulates = product.Accumulate || tile > 0;
            if (!product.IsScaled)
            {
                TiledBlock.Multiply(kernels, rows, columns, TileShape.InnerTiles(inner), a, b, c, product.CStride, accumulates);
                return;
            }

            long k = (long)tile * TileShape.Inner;
            ScaledTiles.Multiply(
                kernels, rows, columns, TileShape.InnerTiles(inner), a, b, product.A.From(row, k), product.B.From(column, k), c, product.CStride, accumulates);
        }
    }

    // Tiles of k in a block, all blocks about as long.
    private static int InnerTiles(TileKernelSet kernels, Product product)
    {
        int tiles = Math.Max(1, TileShape.InnerTiles(product.K)), blocks = (tiles + kernels.InnerTilesAtOnce - 1) / kernels.InnerTilesAtOnce;
        int most = (tiles + blocks - 1) / blocks;
        return product.IsScaled ? ScaledTiles.Whole(most) : most;
    }
}
