namespace Hadal.Numerics;

/// <summary>A factor in tiles of BF16, in panels of 16 rows or columns of the result.</summary>
/// <param name="tiles">First tile of the first panel.</param>
/// <param name="panelBytes">Bytes from one panel to the next.</param>
/// <param name="tileBytes">Bytes from a panel's tile to that of the next 32 values of k; most factors have them one behind the other.</param>
internal readonly unsafe struct PackedTiles(byte* tiles, long panelBytes, long tileBytes = TileShape.Bytes)
{
    /// <summary>Bytes from one panel to the next.</summary>
    public long PanelBytes => panelBytes;

    /// <summary>Bytes from one tile of a panel to the next.</summary>
    public long TileBytes => tileBytes;

    /// <summary>Bytes of a factor of so many rows (or columns) and values of k.</summary>
    public static long Bytes(int outer, int inner) => (long)TileShape.OuterTiles(outer) * TileShape.InnerTiles(inner) * TileShape.Bytes;

    /// <summary>The tile of a panel that begins at a multiple of 32 values of k.</summary>
    public byte* Tile(int panel, int innerTile) => tiles + panel * panelBytes + innerTile * tileBytes;

    /// <summary>The same factor from a tile on.</summary>
    public PackedTiles From(int panel, int innerTile) => new(Tile(panel, innerTile), panelBytes, tileBytes);
}
