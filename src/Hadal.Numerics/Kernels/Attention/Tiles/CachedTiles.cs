namespace Hadal.Numerics;

/// <summary>
/// The products of attention to cached latents in BF16, for the rows of a task and a block of keys: with a lane for each row S^T = C Q^T, then
/// O += P C. Cached rows are a factor as they lie in memory, or a copy of them away from it; so nothing is paid for keys that few rows meet.
/// </summary>
/// <remarks>Queries and weights are rounded to BF16. Both products add in the order of <see cref="TiledProduct"/>, keys in tiles of 32 from the block's first.</remarks>
internal readonly unsafe struct CachedTiles
{
    private readonly int _paddedRows;
    private readonly int _keyDim;
    private readonly int _valueDim;
    private readonly PackedTiles _queries; // KeyDim x rows, right
    private readonly PackedTiles _keys;    // keys x KeyDim, left
    private readonly PackedTiles _weights; // rows x keys, left
    private readonly PackedTiles _values;  // ValueDim x keys, right

    /// <summary>Takes memory for a task of so many rows, whole tiles of them.</summary>
    public CachedTiles(ref TileCarver carver, TileKernelSet kernels, int paddedRows, int keyDim, int valueDim)
    {
        (_paddedRows, _keyDim, _valueDim) = (paddedRows, keyDim, valueDim);
        _queries = carver.TakeTiles(paddedRows, keyDim);
        _keys = kernels.ReadsCachedRows ? default : carver.TakeTiles(AttentionPacking.BlockKeys, keyDim);
        _weights = carver.TakeTiles(paddedRows, AttentionPacking.BlockKeys);
        _values = carver.TakeTiles(valueDim, AttentionPacking.BlockKeys);
    }

    /// <summary>Whether cached rows can be a factor as they lie in memory.</summary>
    public static bool CanRead(CacheRowFormat format) =>
        format is { IsLatent: true, ElementType: ElementType.BF16 } && format.Second.Offset == format.FirstElements * sizeof(ushort) && format.KeyDim % 2 == 0;

    /// <summary>Rounds and packs queries.</summary>
    /// <param name="kernels">The kernels.</param>
    /// <param name="q">[rows, KeyDim].</param>
    /// <param name="rows">Rows that there are.</param>
    public void PackQueries(TileKernelSet kernels, Factor q, int rows) => TilePacking.Pack(kernels, q, isLeft: false, rows, _keyDim, _queries);

    /// <summary>Computes scores; those of rows beyond <paramref name="rows"/> mean nothing.</summary>
    /// <param name="kernels">The kernels.</param>
    /// <param name="cached">The first key of a page.</param>
    /// <param name="stride">Bytes from key to key.</param>
    /// <param name="keys">Keys, up to the end of the page.</param>
    /// <param name="next">Keys that will be read behind them.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="scores">[keys rounded up to a tile, padded rows], overwritten.</param>
    public void Score(TileKernelSet kernels, byte* cached, long stride, int keys, byte* next, int rows, float* scores)
    {
        if (!kernels.ReadsCachedRows)
        {
            TilePacking.Pack(kernels, Factor.OfBFloat16(cached, stride, isInnerAdjacent: true), isLeft: true, keys, _keyDim, _keys);
            TiledBlock.Multiply(kernels, keys, _paddedRows, TileShape.InnerTiles(_keyDim), _keys, _queries, scores, _paddedRows, accumulates: false);
            return;
        }

        for (int row = 0; row < rows; row += TileShape.Rows)
        {
            CachedScoreArguments arguments = new()
            {
                Keys = cached,
                KeyStride = stride,
                Queries = _queries.Tile(row / TileShape.Rows, 0),
                Pairs = _keyDim / 2,
                Scores = scores + row,
                ScoreStride = _paddedRows * (long)sizeof(float),
                Next = next,
                Groups = (keys + CachedScoreCode.KeysInTurn - 1) / CachedScoreCode.KeysInTurn,
            };
            kernels.ScoreCached(rows - row, &arguments);
        }
    }

    /// <summary>Adds the values of keys to the outputs of rows.</summary>
    /// <param name="kernels">The kernels.</param>
    /// <param name="cached">The first value of a page.</param>
    /// <param name="stride">Bytes from value to value.</param>
    /// <param name="keys">Keys.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="weights">[keys, padded rows].</param>
    /// <param name="output">[rows, outputStride].</param>
    /// <param name="outputStride">Floats from row to row.</param>
    public void AddValues(TileKernelSet kernels, byte* cached, long stride, int keys, int rows, float* weights, float* output, long outputStride)
    {
        TilePacking.Pack(kernels, Factor.Of(weights, _paddedRows, isInnerAdjacent: false), isLeft: true, _paddedRows, keys, _weights);
        if (kernels.ReadsCachedRows && rows <= kernels.MostFewRows && keys % 2 == 0 && _valueDim % WeightedRowsCode.Columns == 0)
        {
            WeightedRowsArguments arguments = new()
            {
                Rows = cached,
                RowStride = stride,
                Weights = _weights.Tile(0, 0),
                WeightStride = TileShape.Bytes,
                Pairs = keys / 2,
                Output = output,
                OutputStride = outputStride * sizeof(float),
                Groups = _valueDim / WeightedRowsCode.Columns,
                Next = cached,
            };
            kernels.AddWeightedRows(rows, &arguments);
            return;
        }

        TilePacking.Pack(kernels, Factor.OfBFloat16(cached, stride, isInnerAdjacent: false), isLeft: false, _valueDim, keys, _values);
        TiledBlock.Multiply(
            kernels, rows, _valueDim, TileShape.InnerTiles(keys), _weights, _values, output, outputStride, accumulates: true);
    }
}
