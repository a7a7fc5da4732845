using Backward = Hadal.Numerics.AttentionBackward<Hadal.Numerics.Simd512, System.Runtime.Intrinsics.Vector512<float>>;
using BackwardTiles = Hadal.Numerics.AttentionBackwardTiles<Hadal.Numerics.Simd512, System.Runtime.Intrinsics.Vector512<float>>;

namespace Hadal.Numerics;

/// <summary>
/// The gradients of <see cref="TiledAttentionForward"/>, with the weights computed anew from the log-sum-exp (FlashAttention, arXiv
/// 2205.14135, algorithm 4): S = Q Kᵀ, dP = dO Vᵀ, P = exp(scale S - lse), dS = scale P (dP - delta) in F32; then, P and dS rounded to BF16,
/// dV += Pᵀ dO, dK += dSᵀ Q, dQ = dS K.
/// </summary>
/// <remarks>
/// A key's gradient adds up blocks of rows, ascending; a query's chunks of keys, ascending; within both the order is the tile unit's. A task
/// is a whole key head of a sequence, so nothing depends on other sequences or on the workers.
/// </remarks>
internal readonly unsafe struct TiledAttentionBackward : ITiledHead
{
    private const int ChunkKeys = TiledAttentionForward.ChunkKeys;

    /// <inheritdoc/>
    public static void Compute(TileKernelSet kernels, in AttentionCall call, in AttentionSlice slice, int keyHead)
    {
        TileCarver count = new(null);
        _ = new Tiles(ref count, call.Shape, slice.KeyCount);
        TileCarver carver = new(AttentionScratch.Tiles(count.Taken));
        Tiles tiles = new(ref carver, call.Shape, slice.KeyCount);
        tiles.PackKeys(kernels, call.Shape, slice, keyHead);
        for (int row = 0; row < call.RowCount(slice); row += HeadTiles.Rows) AddRows(kernels, call, tiles, slice, keyHead, row);
        AddKeyGradients(call, tiles, slice, keyHead);
    }

    private static void AddRows(TileKernelSet kernels, in AttentionCall call, in Tiles tiles, in AttentionSlice slice, int keyHead, int firstRow)
    {
        AttentionShape shape = call.Shape;
        (int keyDim, int valueDim, int stride) = (HeadTiles.Pad(shape.KeyDim), HeadTiles.Pad(shape.ValueDim), TiledAttentionForward.ScoreStride);
        int rows = Math.Min(HeadTiles.Rows, call.RowCount(slice) - firstRow), padded = HeadTiles.Pad(rows), rowTiles = padded / TileShape.Inner;
        LoadRows(kernels, call, tiles, slice, keyHead, firstRow, rows);
        int visible = slice.Visible((firstRow + rows - 1) / shape.Group);
        for (int firstKey = 0; firstKey < visible; firstKey += ChunkKeys)
        {
            int keys = HeadTiles.Pad(Math.Min(ChunkKeys, visible - firstKey)), keyPanel = firstKey / TileShape.Rows;
            TiledBlock.Multiply(
                kernels, padded, keys, keyDim / TileShape.Inner, tiles.Queries, tiles.Keys.From(keyPanel, 0), tiles.Weights, stride, accumulates: false);
            TiledBlock.Multiply(
                kernels, padded, keys, valueDim / TileShape.Inner, tiles.OutputGradients, tiles.Values.From(keyPanel, 0), tiles.ScoreGradients, stride,
                accumulates: false);
            for (int row = 0; row < rows; row++)
            {
                int seen = Math.Clamp(slice.Visible((firstRow + row) / shape.Group) - firstKey, 0, keys);
                float* weights = tiles.Weights + (long)row * stride, gradients = tiles.ScoreGradients + (long)row * stride;
                Backward.RowGradients(weights, gradients, seen, shape.Scale, tiles.LogSumExp[row], tiles.Delta[row]);
                new Span<float>(weights + seen, keys - seen).Clear();
                new Span<float>(gradients + seen, keys - seen).Clear();
            }

            HeadTiles.Pack(kernels, tiles.Weights, padded, keys, stride, isLeft: true, rowsAreInner: true, tiles.PackedColumns);
            TiledBlock.Multiply(
                kernels, keys, valueDim, rowTiles, tiles.PackedColumns, tiles.OutputGradientColumns, tiles.ValueGradients + (long)firstKey * valueDim,
                valueDim, accumulates: true);
            HeadTiles.Pack(kernels, tiles.ScoreGradients, padded, keys, stride, isLeft: true, rowsAreInner: true, tiles.PackedColumns);
            TiledBlock.Multiply(
                kernels, keys, keyDim, rowTiles, tiles.PackedColumns, tiles.QueryColumns, tiles.KeyGradients + (long)firstKey * keyDim, keyDim,
                accumulates: true);
            HeadTiles.Pack(kernels, tiles.ScoreGradients, padded, keys, stride, isLeft: true, rowsAreInner: false, tiles.PackedRows);
            TiledBlock.Multiply(
                kernels, padded, keyDim, keys / TileShape.Inner, tiles.PackedRows, tiles.KeyColumns.From(0, firstKey / TileShape.Inner), tiles.Block,
                keyDim, accumulates: firstKey > 0);
        }

        for (int row = 0; row < rows; row++)
        {
            (int query, int head) = slice.Place(shape, keyHead, firstRow + row);
            BackwardTiles.AddRow(tiles.Block + (long)row * keyDim, call.QueryGradient.Row(query, head, shape.KeyDim), shape.KeyDim);
        }
    }

    private static void LoadRows(TileKernelSet kernels, in AttentionCall call, in Tiles tiles, in AttentionSlice slice, int keyHead, int firstRow, int rows)
    {
        AttentionShape shape = call.Shape;
        (int keyDim, int valueDim, int padded) = (HeadTiles.Pad(shape.KeyDim), HeadTiles.Pad(shape.ValueDim), HeadTiles.Pad(rows));
        HeadTiles.Gather(call.Q, shape, slice, keyHead, firstRow, rows, shape.KeyDim, tiles.Block);
        HeadTiles.Pack(kernels, tiles.Block, padded, keyDim, keyDim, isLeft: true, rowsAreInner: false, tiles.Queries);
        HeadTiles.Pack(kernels, tiles.Block, padded, keyDim, keyDim, isLeft: false, rowsAreInner: true, tiles.QueryColumns);
        HeadTiles.Gather(call.OutputGradient, shape, slice, keyHead, firstRow, rows, shape.ValueDim, tiles.Block);
        HeadTiles.Pack(kernels, tiles.Block, padded, valueDim, valueDim, isLeft: true, rowsAreInner: false, tiles.OutputGradients);
        HeadTiles.Pack(kernels, tiles.Block, padded, valueDim, valueDim, isLeft: false, rowsAreInner: true, tiles.OutputGradientColumns);
        for (int row = 0; row < rows; row++)
        {
            (int query, int head) = slice.Place(shape, keyHead, firstRow + row);
            tiles.Delta[row] = BackwardTiles.Dot(tiles.Block + (long)row * valueDim, call.Output.Row(query, head, shape.ValueDim), shape.ValueDim);
            tiles.LogSumExp[row] = BackwardTiles.Shift(*call.LogSumExp.Row(query, head, 1));
        }
    }

    // Keys before values: the two may be views of the same rows.
    private static void AddKeyGradients(in AttentionCall call, in Tiles tiles, in AttentionSlice slice, int keyHead)
    {
        (int keyDim, int valueDim) = (call.Shape.KeyDim, call.Shape.ValueDim);
        for (int key = 0; key < slice.KeyCount; key++)
        {
            BackwardTiles.AddRow(tiles.KeyGradients + (long)key * HeadTiles.Pad(keyDim), slice.KeyGradients.Row(key, keyHead, keyDim), keyDim);
            BackwardTiles.AddRow(tiles.ValueGradients + (long)key * HeadTiles.Pad(valueDim), slice.ValueGradients.Row(key, keyHead, valueDim), valueDim);
        }
    }

    // What a task reads and writes, in its thread's scratch memory.
    private readonly struct Tiles
    {
        public readonly float* Block;                       // [Rows, padded dim]: rows on their way to be packed, then dQ
        public readonly float* Weights;                     // [Rows, ScoreStride]: S, then P
        public readonly float* ScoreGradients;              // [Rows, ScoreStride]: dP, then dS
        public readonly float* KeyGradients;                // [keys, padded KeyDim]
        public readonly float* ValueGradients;              // [keys, padded ValueDim]
        public readonly float* LogSumExp;                   // [Rows]
        public readonly float* Delta;                       // [Rows]: dO·O of each row
        public readonly PackedTiles Keys;                   // keys x KeyDim, right
        public readonly PackedTiles KeyColumns;             // KeyDim x keys, right
        public readonly PackedTiles Values;                 // keys x ValueDim, right
        public readonly PackedTiles Queries;                // rows x KeyDim, left
        public readonly PackedTiles QueryColumns;           // KeyDim x rows, right
        public readonly PackedTiles OutputGradients;        // rows x ValueDim, left
        public readonly PackedTiles OutputGradientColumns;  // ValueDim x rows, right
        public readonly PackedTiles PackedColumns;          // keys of a chunk x rows, left: Pᵀ, then dSᵀ
        public readonly PackedTiles PackedRows;             // rows x keys of a chunk, left: dS

        public Tiles(ref TileCarver carver, AttentionShape shape, int keyCount)
        {
            (int keyDim, int valueDim, int keys) = (HeadTiles.Pad(shape.KeyDim), HeadTiles.Pad(shape.ValueDim), HeadTiles.Pad(keyCount));
            Block = carver.Take(HeadTiles.Rows * Math.Max(keyDim, valueDim));
            Weights = carver.Take(HeadTiles.Rows * TiledAttentionForward.ScoreStride);
            ScoreGradients = carver.Take(HeadTiles.Rows * TiledAttentionForward.ScoreStride);
            KeyGradients = carver.Take((long)keys * keyDim);
            ValueGradients = carver.Take((long)keys * valueDim);
            LogSumExp = carver.Take(HeadTiles.Rows);
            Delta = carver.Take(HeadTiles.Rows);
            Keys = carver.TakeTiles(keys, keyDim);
            KeyColumns = carver.TakeTiles(keyDim, keys);
            Values = carver.TakeTiles(keys, valueDim);
            Queries = carver.TakeTiles(HeadTiles.Rows, keyDim);
            QueryColumns = carver.TakeTiles(keyDim, HeadTiles.Rows);
            OutputGradients = carver.TakeTiles(HeadTiles.Rows, valueDim);
            OutputGradientColumns = carver.TakeTiles(valueDim, HeadTiles.Rows);
            PackedColumns = carver.TakeTiles(ChunkKeys, HeadTiles.Rows);
            PackedRows = carver.TakeTiles(HeadTiles.Rows, ChunkKeys);
        }

        public void PackKeys(TileKernelSet kernels, AttentionShape shape, in AttentionSlice slice, int keyHead)
        {
            (int keyDim, int valueDim, int all) = (HeadTiles.Pad(shape.KeyDim), HeadTiles.Pad(shape.ValueDim), HeadTiles.Pad(slice.KeyCount));
            new Span<float>(KeyGradients, checked(all * keyDim)).Clear();
            new Span<float>(ValueGradients, checked(all * valueDim)).Clear();
            for (int key = 0; key < slice.KeyCount; key += HeadTiles.Rows)
            {
                int count = Math.Min(HeadTiles.Rows, slice.KeyCount - key), padded = HeadTiles.Pad(count);
                HeadTiles.Gather(slice.Keys.Row(key, keyHead, shape.KeyDim), slice.Keys.Stride, count, shape.KeyDim, Block);
                HeadTiles.Pack(kernels, Block, padded, keyDim, keyDim, isLeft: false, rowsAreInner: false, Keys.From(key / TileShape.Rows, 0));
                HeadTiles.Pack(kernels, Block, padded, keyDim, keyDim, isLeft: false, rowsAreInner: true, KeyColumns.From(0, key / TileShape.Inner));
                HeadTiles.Gather(slice.Values.Row(key, keyHead, shape.ValueDim), slice.Values.Stride, count, shape.ValueDim, Block);
                HeadTiles.Pack(kernels, Block, padded, valueDim, valueDim, isLeft: false, rowsAreInner: false, Values.From(key / TileShape.Rows, 0));
            }
        }
    }
}
