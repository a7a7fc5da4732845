namespace Hadal.Numerics;

/// <summary>Rows of one head as the tile kernels take them: side by side, with zeros up to whole tiles.</summary>
internal static unsafe class HeadTiles
{
    /// <summary>Rows that are copied and packed at once.</summary>
    public const int Rows = 64;

    /// <summary>The next multiple of what two tiles of a result are wide, and a tile of a factor is deep.</summary>
    public static int Pad(int count) => (count + TileShape.Inner - 1) / TileShape.Inner * TileShape.Inner;

    /// <summary>Copies rows of a key head, <paramref name="stride"/> floats apart, as block[Pad(count), Pad(dim)].</summary>
    public static void Gather(float* source, nint stride, int count, int dim, float* block)
    {
        int width = Pad(dim);
        for (int row = 0; row < count; row++) AttentionPacking.CopyRow(source + row * stride, block + (long)row * width, dim, width);
        new Span<float>(block + (long)count * width, (Pad(count) - count) * width).Clear();
    }

    /// <summary>The same of the query heads that share a key head, query by query: rows <paramref name="firstRow"/> and on of a sequence.</summary>
    public static void Gather(HeadRows source, AttentionShape shape, in AttentionSlice slice, int keyHead, int firstRow, int count, int dim, float* block)
    {
        int width = Pad(dim);
        for (int row = 0; row < count; row++)
        {
            (int query, int head) = slice.Place(shape, keyHead, firstRow + row);
            AttentionPacking.CopyRow(source.Row(query, head, dim), block + (long)row * width, dim, width);
        }

        new Span<float>(block + (long)count * width, (Pad(count) - count) * width).Clear();
    }

    /// <summary>Packs a block as a factor whose stored rows are i, or else k.</summary>
    public static void Pack(TileKernelSet kernels, float* block, int rows, int columns, long stride, bool isLeft, bool rowsAreInner, PackedTiles tiles)
    {
        Factor factor = Factor.Of(block, stride, isInnerAdjacent: !rowsAreInner);
        if (rowsAreInner) TilePacking.Pack(kernels, factor, isLeft, columns, rows, tiles);
        else TilePacking.Pack(kernels, factor, isLeft, rows, columns, tiles);
    }
}

/// <summary>Memory for tiles of one factor.</summary>
internal static unsafe class TileCarving
{
    /// <summary>Takes memory for a factor of so many rows (or columns) of the result and values of k, both whole tiles.</summary>
    public static PackedTiles TakeTiles(this ref TileCarver carver, int outer, int inner) =>
        new((byte*)carver.Take(PackedTiles.Bytes(outer, inner) / sizeof(float)), (long)TileShape.InnerTiles(inner) * TileShape.Bytes);
}
