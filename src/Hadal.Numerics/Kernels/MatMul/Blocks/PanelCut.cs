namespace Hadal.Numerics;

/// <summary>
/// Which panels of which group, times which rows, are a part. Groups with more rows have fewer panels to a part, so that all parts take
/// about as long.
/// </summary>
internal readonly unsafe struct PanelCut
{
    /// <summary>Rows that pass over a panel within one part.</summary>
    public const int RowBlock = 128;

    private readonly int* _firstParts;   // [groups + 1]
    private readonly int* _firstRows;    // [groups + 1]
    private readonly int* _panels;       // [groups]: panels of a part; of groups without rows zero
    private readonly int _groups;

    /// <summary>Cuts a product.</summary>
    /// <param name="memory">Room of <see cref="Length"/>.</param>
    /// <param name="offsets">Where the rows of groups begin; empty for a single product.</param>
    /// <param name="b">The weights.</param>
    /// <param name="c">The result.</param>
    /// <param name="partCost">What a part is to cost.</param>
    public PanelCut(int* memory, ReadOnlySpan<int> offsets, Matrix b, Matrix c, long partCost)
    {
        _groups = Math.Max(1, offsets.Length - 1);
        _firstParts = memory;
        _firstRows = memory + _groups + 1;
        _panels = memory + 2 * (_groups + 1);
        Panels = (c.Columns + PanelLayout.Rows - 1) / PanelLayout.Rows;
        PanelBytes = PanelLayout.Of(b.ElementType).PanelBytes(b.Columns);
        _firstParts[0] = 0;
        for (int g = 0; g < _groups; g++)
        {
            (_firstRows[g], _firstRows[g + 1]) = offsets.IsEmpty ? (0, c.Rows) : (offsets[g], offsets[g + 1]);
            int rows = _firstRows[g + 1] - _firstRows[g];
            if (rows == 0)
            {
                (_panels[g], _firstParts[g + 1]) = (0, _firstParts[g]);
                continue;
            }

            _panels[g] = (int)Math.Clamp(partCost / Math.Max(1, PanelCost(PanelBytes, Math.Min(rows, RowBlock), b.Columns)), 1, Panels);
            _firstParts[g + 1] = _firstParts[g] + RowBlocks(rows) * ((Panels + _panels[g] - 1) / _panels[g]);
        }
    }

    /// <summary>Floats of memory that a cut takes, whole cache lines.</summary>
    public static long Length(ReadOnlySpan<int> offsets) => (3L * Math.Max(1, offsets.Length - 1) + 2 + 15) / 16 * 16;

    /// <summary>What rows times a panel cost: the bytes of the panel, and a byte for each of its columns times each row.</summary>
    public static long PanelCost(long panelBytes, int rows, int columns) => panelBytes + (long)rows * columns;

    public int Parts => _firstParts[_groups];

    public int Panels { get; }

    public long PanelBytes { get; }

    public void Find(int part, out int group, out int firstRow, out int rows, out int firstPanel, out int panels)
    {
        group = new ReadOnlySpan<int>(_firstParts, _groups + 1).BinarySearch(part);
        if (group < 0) group = ~group - 1;
        while (_firstParts[group + 1] <= part) group++;

        // Blocks of rows change fastest: the panels that they share are then still in a cache.
        int all = _firstRows[group + 1] - _firstRows[group], blocks = RowBlocks(all), index = part - _firstParts[group];
        int start = index % blocks * RowBlock;
        firstRow = _firstRows[group] + start;
        rows = Math.Min(RowBlock, all - start);
        firstPanel = index / blocks * _panels[group];
        panels = Math.Min(_panels[group], Panels - firstPanel);
    }

    private static int RowBlocks(int rows) => (rows + RowBlock - 1) / RowBlock;
}
