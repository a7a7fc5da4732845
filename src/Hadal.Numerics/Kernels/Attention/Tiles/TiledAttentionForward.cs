using System.Runtime.Intrinsics;
using KeyLanes = Hadal.Numerics.AttentionKeyLanes<Hadal.Numerics.Simd512, System.Runtime.Intrinsics.Vector512<float>>;

namespace Hadal.Numerics;

/// <summary>
/// Attention whose products are of precision BF16, on AMX tiles. A task is a key head of a sequence: its keys and values are packed once,
/// then blocks of rows pass over them in chunks of keys, as in <see cref="AttentionForward{TSimd, TVector}"/>: S = Q Kᵀ, weights P by
/// softmax in F32, P rounded to BF16, P V.
/// </summary>
/// <remarks>
/// What a row's bits depend on: the order of the tile unit over the components of a score and over the keys of a chunk, which begins at a
/// multiple of ChunkKeys from key 0; the lanes and the tree of the sum of a chunk's weights; the chunks in ascending order. None of it
/// knows of other rows, nor of whether keys come from a cache. Keys that the row does not see are multiplied by zero.
/// </remarks>
internal readonly unsafe struct TiledAttentionForward : ITiledHead
{
    /// <summary>Keys whose scores are held at once, for the rows of a block 128 KB.</summary>
    public const int ChunkKeys = 512;

    // Rows a power of two apart would share few sets of the cache.
    private static readonly int s_scoreStride = AttentionPacking.SpreadStride(ChunkKeys);

    /// <summary>Floats from one row of scores to the next.</summary>
    public static int ScoreStride => s_scoreStride;

    /// <inheritdoc/>
    public static void Compute(TileKernelSet kernels, in AttentionCall call, in AttentionSlice slice, int keyHead)
    {
        TileCarver count = new(null);
        _ = new Tiles(ref count, call.Shape, slice.KeyCount);
        TileCarver carver = new(AttentionScratch.Tiles(count.Taken));
        Tiles tiles = new(ref carver, call.Shape, slice.KeyCount);
        tiles.PackKeys(kernels, call.Shape, slice, keyHead);
        for (int row = 0; row < call.RowCount(slice); row += HeadTiles.Rows) AddRows(kernels, call, tiles, slice, keyHead, row);
    }

    private static void AddRows(TileKernelSet kernels, in AttentionCall call, in Tiles tiles, in AttentionSlice slice, int keyHead, int firstRow)
    {
        AttentionShape shape = call.Shape;
        (int keyDim, int valueDim) = (HeadTiles.Pad(shape.KeyDim), HeadTiles.Pad(shape.ValueDim));
        int rows = Math.Min(HeadTiles.Rows, call.RowCount(slice) - firstRow), padded = TileShape.OuterTiles(rows) * TileShape.Rows;
        HeadTiles.Gather(call.Q, shape, slice, keyHead, firstRow, rows, shape.KeyDim, tiles.Block);
        HeadTiles.Pack(kernels, tiles.Block, padded, keyDim, keyDim, isLeft: true, rowsAreInner: false, tiles.Queries);

        int visible = slice.Visible((firstRow + rows - 1) / shape.Group);
        tiles.Total.Clear();
        for (int firstKey = 0; firstKey < visible; firstKey += ChunkKeys)
        {
            int keys = HeadTiles.Pad(Math.Min(ChunkKeys, visible - firstKey));
            TiledBlock.Multiply(
                kernels, padded, keys, keyDim / TileShape.Inner, tiles.Queries, tiles.Keys.From(firstKey / TileShape.Rows, 0), tiles.Scores, ScoreStride,
                accumulates: false);
            AttentionSums<Simd512, Vector512<float>> sums = firstKey == 0 ? tiles.Total : tiles.Chunk;
            for (int row = 0; row < rows; row++)
            {
                int seen = Math.Clamp(slice.Visible((firstRow + row) / shape.Group) - firstKey, 0, keys);
                sums.Max[row] = float.NegativeInfinity;
                sums.Sum[row] = 0;
                float* scores = tiles.Scores + (long)row * ScoreStride;
                if (seen > 0) KeyLanes.Softmax(scores, seen, shape.Scale, ref sums.Max[row], ref sums.Sum[row]);
                new Span<float>(scores + seen, keys - seen).Clear();
            }

            HeadTiles.Pack(kernels, tiles.Scores, padded, keys, ScoreStride, isLeft: true, rowsAreInner: false, tiles.Weights);
            TiledBlock.Multiply(
                kernels, padded, valueDim, keys / TileShape.Inner, tiles.Weights, tiles.Values.From(0, firstKey / TileShape.Inner), sums.Output,
                sums.Stride, accumulates: false);
            for (int row = 0; firstKey > 0 && row < rows; row++)
            {
                if (slice.Visible((firstRow + row) / shape.Group) > firstKey) tiles.Total.Add(sums, row);
            }
        }

        tiles.Total.Finish(call, slice, keyHead, firstRow, rows);
    }

    // What a task reads and writes, in its thread's scratch memory.
    private readonly struct Tiles
    {
        public readonly float* Block;                                    // [Rows, padded dim]: rows on their way to be packed
        public readonly float* Scores;                                   // [Rows, ScoreStride]
        public readonly PackedTiles Queries;                             // rows x KeyDim, left
        public readonly PackedTiles Keys;                                // keys x KeyDim, right
        public readonly PackedTiles Values;                              // ValueDim x keys, right
        public readonly PackedTiles Weights;                             // rows x keys of a chunk, left
        public readonly AttentionSums<Simd512, Vector512<float>> Total;  // from all keys so far
        public readonly AttentionSums<Simd512, Vector512<float>> Chunk;  // from the chunk at hand
        private readonly float* _wideKeys;                               // [Rows, KeyDim]: narrow cached keys, widened
        private readonly float* _wideValues;                             // [Rows, ValueDim]: narrow cached values, widened

        public Tiles(ref TileCarver carver, AttentionShape shape, int keyCount)
        {
            (int keyDim, int valueDim, int keys) = (HeadTiles.Pad(shape.KeyDim), HeadTiles.Pad(shape.ValueDim), HeadTiles.Pad(keyCount));
            AttentionForwardLayout<Simd512, Vector512<float>> layout = new(shape, heads: 1, HeadTiles.Rows);
            Block = carver.Take(HeadTiles.Rows * Math.Max(keyDim, valueDim));
            Scores = carver.Take(HeadTiles.Rows * ScoreStride);
            Queries = carver.TakeTiles(HeadTiles.Rows, keyDim);
            Keys = carver.TakeTiles(keys, keyDim);
            Values = carver.TakeTiles(valueDim, keys);
            Weights = carver.TakeTiles(HeadTiles.Rows, ChunkKeys);
            Total = new AttentionSums<Simd512, Vector512<float>>(ref carver, layout);
            Chunk = new AttentionSums<Simd512, Vector512<float>>(ref carver, layout);
            _wideKeys = carver.Take(HeadTiles.Rows * shape.KeyDim);
            _wideValues = carver.Take(HeadTiles.Rows * shape.ValueDim);
        }

        public void PackKeys(TileKernelSet kernels, AttentionShape shape, in AttentionSlice slice, int keyHead)
        {
            (int keyDim, int valueDim) = (HeadTiles.Pad(shape.KeyDim), HeadTiles.Pad(shape.ValueDim));
            for (int key = 0; key < slice.KeyCount; key += HeadTiles.Rows)
            {
                int count = Math.Min(HeadTiles.Rows, slice.KeyCount - key), padded = HeadTiles.Pad(count);
                KeyValueBlock block = KeyValueBlock.Find<Simd512, Vector512<float>>(slice, shape, keyHead, key, count, _wideKeys, _wideValues, shape.ValueDim);
                HeadTiles.Gather(block.Keys, block.KeyStride, count, shape.KeyDim, Block);
                HeadTiles.Pack(kernels, Block, padded, keyDim, keyDim, isLeft: false, rowsAreInner: false, Keys.From(key / TileShape.Rows, 0));
                HeadTiles.Gather(block.Values, block.ValueStride, count, shape.ValueDim, Block);
                HeadTiles.Pack(kernels, Block, padded, valueDim, valueDim, isLeft: false, rowsAreInner: true, Values.From(0, key / TileShape.Inner));
            }
        }
    }
}
