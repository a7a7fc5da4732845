namespace Hadal.Numerics;

/// <summary>A factor in tiles of BF16: panels of 16 rows or columns of the result, the tiles of a panel one behind the other, k ascending.</summary>
/// <param name="tiles">First tile of the first panel.</param>
/// <param name="panelBytes">Bytes from one panel to the next.</param>
internal readonly unsafe struct PackedTiles(byte* tiles, long panelBytes)
{
    /// <summary>Bytes from one panel to the next.</summary>
    public long PanelBytes => panelBytes;

    /// <summary>Bytes of a factor of so many rows (or columns) and values of k.</summary>
    public static long Bytes(int outer, int inner) => (long)TileShape.OuterTiles(outer) * TileShape.InnerTiles(inner) * TileShape.Bytes;

    /// <summary>The tile of a panel that begins at a multiple of 32 values of k.</summary>
    public byte* Tile(int panel, int innerTile) => tiles + panel * panelBytes + (long)innerTile * TileShape.Bytes;

    /// <summary>The same factor from a tile on.</summary>
    public PackedTiles From(int panel, int innerTile) => new(Tile(panel, innerTile), panelBytes);
}
