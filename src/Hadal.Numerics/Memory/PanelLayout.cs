namespace Hadal.Numerics;

/// <summary>
/// How 16 rows of a weight in blocks lie in memory. First come the heads, for each block the scales of the 16 rows, each kind of scale
/// adjacent for all rows; then, from the next cache line on, the elements, for each 32 columns:
/// four columns of a row are adjacent, and the 16 rows of four columns one after the other, which is 64 bytes, the operand of a 512-bit
/// dot product of bytes and a row of a matrix tile. Eight such groups follow each other (8 bits), or group g lies below group g + 4 in
/// the same 64 bytes (4 bits). Of 6 bits the lower four lie so, and then two times 64 bytes hold the upper two bits of four groups each.
/// </summary>
/// <param name="BlockElements">Columns that share scales.</param>
/// <param name="HeadBytes">Bytes of scales for a row of a block.</param>
/// <param name="Bits">Bits of an element.</param>
internal readonly record struct PanelLayout(int BlockElements, int HeadBytes, int Bits)
{
    /// <summary>Rows of a panel.</summary>
    public const int Rows = 16;

    /// <summary>Columns whose elements lie together.</summary>
    public const int PartColumns = 32;

    /// <summary>Bytes of four columns of 16 rows: one byte each.</summary>
    public const int GroupBytes = 64;

    /// <summary>Bytes of the elements of 32 columns.</summary>
    public int PartBytes => Bits * Rows * PartColumns / 8;

    /// <summary>Bytes of 32 columns with their share of the heads.</summary>
    public int PartBytesWithHeads => PartBytes + HeadBytes * Rows * PartColumns / BlockElements;

    /// <summary>The layout of a type in blocks.</summary>
    public static PanelLayout Of(ElementType type)
    {
        Lookup lookup = default;
        BlockFormats.Apply(type, ref lookup);
        return lookup.Found;
    }

    /// <summary>The layout of a format.</summary>
    public static PanelLayout Of<TFormat>() where TFormat : IBlockFormat => new(TFormat.Elements, TFormat.HeadBytes, TFormat.Bits);

    /// <summary>Bytes of the heads of a panel, up to the first element.</summary>
    public long HeadsBytes(long columns) =>
        (columns / BlockElements * HeadBytes * Rows + NativeBuffer.Alignment - 1) / NativeBuffer.Alignment * NativeBuffer.Alignment;

    /// <summary>Bytes from one panel to the next.</summary>
    public long PanelBytes(long columns) => checked(HeadsBytes(columns) + columns / PartColumns * PartBytes);

    private struct Lookup : IBlockAction
    {
        public PanelLayout Found;

        public void Run<TFormat>() where TFormat : struct, IBlockFormat => Found = Of<TFormat>();
    }
}
