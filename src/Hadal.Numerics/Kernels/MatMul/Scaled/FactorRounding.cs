namespace Hadal.Numerics;

/// <summary>
/// Rounds a factor to E4M3 in blocks of 128 x 128 stored elements, which hold all of each tile that they meet: 128 values along k of an activation, or
/// all of a block of a weight. Codes lie as the factor does. A scale is written for every i, the same 128 times for a weight's block, so that all products
/// read scales in one way.
/// </summary>
internal readonly unsafe struct FactorRounding : IParallelJob
{
    private const int Block = BlockScaling.ReleasedBlock;

    // A part of the work; with fewer columns threads have less than some microseconds to do.
    private const int ColumnsPerPart = 4 * Block;

    // Vectors of scales may be read to their end.
    private const int Padding = 64;

    private readonly Factor _source;
    private readonly int _rows;
    private readonly int _columns;
    private readonly bool _isWeight;
    private readonly RowGroups _groups;
    private readonly ushort* _codes;
    private readonly float* _scales;

    /// <summary>Describes the work.</summary>
    /// <param name="source">The factor.</param>
    /// <param name="rows">Stored rows, of all groups.</param>
    /// <param name="columns">Stored columns.</param>
    /// <param name="isWeight">Whether blocks have one scale; otherwise each 128 values along k have their own.</param>
    /// <param name="groups">The groups whose rows are cut into blocks from their own first row on.</param>
    /// <param name="memory">Takes codes and scales, and is moved behind them.</param>
    public FactorRounding(Factor source, int rows, int columns, bool isWeight, RowGroups groups, ref float* memory)
    {
        (_source, _rows, _columns, _isWeight, _groups) = (source, rows, columns, isWeight, groups);
        _scales = memory;
        _codes = (ushort*)(memory + ScalesLength(source, rows, columns, groups.Count));
        memory += Length(source, rows, columns, groups.Count);
    }

    /// <summary>Floats of memory that codes and scales take.</summary>
    public static long Length(Factor source, int rows, int columns, int groups) =>
        ScalesLength(source, rows, columns, groups) + ((long)rows * columns / 2 + Padding) / Padding * Padding;

    /// <summary>The rounded factor.</summary>
    public Factor Result => Factor.Of(_codes, _columns, _source.IsInnerAdjacent, _scales, _source.IsInnerAdjacent ? _rows : _columns);

    /// <summary>Parts of the work.</summary>
    public int Parts => Bands(_rows, _groups.Count) * ColumnParts;

    private int ColumnParts => (_columns + ColumnsPerPart - 1) / ColumnsPerPart;

    /// <inheritdoc/>
    public void Execute(int part)
    {
        int band = part / ColumnParts, group = GroupOf(band);
        int first = Start(group) + (band - FirstBand(group)) * Block, rows = Math.Min(Block, Start(group + 1) - first);
        if (rows <= 0 || !_groups.IsUsed(group)) return;
        float* lanes = stackalloc float[Block];
        int start = part % ColumnParts * ColumnsPerPart, end = Math.Min(_columns, start + ColumnsPerPart);
        for (int column = start; column < end; column += Block)
        {
            int columns = Math.Min(Block, end - column);
            if (_isWeight) RoundBlock(first, rows, column, columns, band);
            else if (_source.IsInnerAdjacent) RoundRows(first, rows, column, columns);
            else RoundColumns(first, rows, column, columns, band, lanes);
        }
    }

    // One scale for all.
    private void RoundBlock(int first, int rows, int column, int columns, int band)
    {
        uint largest = 0;
        for (int row = first; row < first + rows; row++) largest = Math.Max(largest, TileRounding.LargestMagnitude(At(row, column), _source.IsBFloat16, columns));
        float scale = TileRounding.Scale(largest);
        for (int row = first; row < first + rows; row++) TileRounding.Round(At(row, column), _source.IsBFloat16, columns, &scale, isShared: true, Codes(row, column));
        if (_source.IsInnerAdjacent) new Span<float>(_scales + (long)(column / Block) * _rows + first, rows).Fill(scale);
        else new Span<float>(_scales + (long)band * _columns + column, columns).Fill(scale);
    }

    // One for each row: k lies along it.
    private void RoundRows(int first, int rows, int column, int columns)
    {
        float* scales = _scales + (long)(column / Block) * _rows;
        for (int row = first; row < first + rows; row++)
        {
            byte* values = At(row, column);
            scales[row] = TileRounding.Scale(TileRounding.LargestMagnitude(values, _source.IsBFloat16, columns));
            TileRounding.Round(values, _source.IsBFloat16, columns, scales + row, isShared: true, Codes(row, column));
        }
    }

    // One for each column: k runs over the rows.
    private void RoundColumns(int first, int rows, int column, int columns, int band, float* magnitudes)
    {
        new Span<float>(magnitudes, columns).Clear();
        for (int row = first; row < first + rows; row++) TileRounding.RaiseMagnitudes(At(row, column), _source.IsBFloat16, columns, magnitudes);
        float* scales = _scales + (long)band * _columns + column;
        for (int i = 0; i < columns; i++) scales[i] = TileRounding.Scale(BitConverter.SingleToUInt32Bits(magnitudes[i]));
        for (int row = first; row < first + rows; row++) TileRounding.Round(At(row, column), _source.IsBFloat16, columns, scales, isShared: false, Codes(row, column));
    }

    private byte* At(int row, int column) => _source.Data + row * _source.RowBytes + (long)column * (_source.IsBFloat16 ? sizeof(ushort) : sizeof(float));

    private ushort* Codes(int row, int column) => _codes + (long)row * _columns + column;

    // The first row of a group, and its first band, as Factor.OfGroup numbers them.
    private int Start(int group) => _groups.Start(group, _rows);

    private int FirstBand(int group) => Start(group) / Block + group;

    private int GroupOf(int band)
    {
        int low = 0, high = _groups.Count;
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            if (FirstBand(middle) <= band) low = middle;
            else high = middle;
        }

        return low;
    }

    private static int Bands(int rows, int groups) => rows / Block + groups;

    private static long ScalesLength(Factor source, int rows, int columns, int groups)
    {
        long scales = source.IsInnerAdjacent ? (long)rows * ((columns + Block - 1) / Block) : (long)columns * Bands(rows, groups);
        return (scales + 2 * Padding - 1) / Padding * Padding;
    }
}
