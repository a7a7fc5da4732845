namespace Hadal.Numerics;

/// <summary>
/// The gradients of <see cref="AttentionForward{TSimd, TVector}"/>, block of keys by block of rows, with the weights computed anew
/// from the log-sum-exp (FlashAttention, arXiv 2205.14135, algorithm 4).
/// </summary>
/// <remarks>
/// A key's gradient is a chain over the rows that see it, a query's a chain over the keys it sees, both ascending. The two ways of
/// cutting the work, whole key heads or key blocks and row blocks apart, run the same chains, so they give the same bits.
/// </remarks>
internal unsafe struct AttentionBackward<TSimd, TVector> : IParallelJob
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int Block = AttentionPacking.BlockKeys;

    private AttentionCall _call;
    private AttentionCut _cut;
    private int _tasks;
    private int* _nextTask;

    public static void Run(WorkerPool pool, in AttentionCall call, int* nextTask)
    {
        // A whole key head in one task takes 5 products for each pair of blocks; key gradients and query gradients in tasks of their
        // own compute scores twice and take 7, but there are enough of them for any number of workers.
        long heads = call.NumberTasks(AttentionCut.Whole, 1);
        long rounds = (heads + pool.Count - 1) / pool.Count;
        if (rounds * pool.Count * 5 <= heads * 7)
        {
            Run(pool, call, AttentionCut.Whole, nextTask);
        }
        else
        {
            Run(pool, call, AttentionCut.Keys, nextTask);
            Run(pool, call, AttentionCut.Rows, nextTask);
        }
    }

    private static void Run(WorkerPool pool, in AttentionCall call, AttentionCut cut, int* nextTask)
    {
        *nextTask = 0;
        AttentionBackward<TSimd, TVector> job = new()
        {
            _call = call,
            _cut = cut,
            _tasks = call.NumberTasks(cut, Block),
            _nextTask = nextTask,
        };
        pool.Run(ref job, Math.Min(pool.Count, job._tasks));
    }

    /// <summary>Takes tasks until none is left: their costs differ too much for equal shares.</summary>
    public void Execute(int part)
    {
        TileCarver count = new(null);
        _ = new AttentionBackwardTiles<TSimd, TVector>(ref count, _call.Shape);
        TileCarver carver = new(AttentionScratch.Tiles(count.Taken));
        AttentionBackwardTiles<TSimd, TVector> tiles = new(ref carver, _call.Shape);
        for (int task = Interlocked.Increment(ref *_nextTask) - 1; task < _tasks; task = Interlocked.Increment(ref *_nextTask) - 1)
        {
            AttentionTask place = _call.FindTask(_cut, Block, task);
            ref AttentionSlice slice = ref _call.Slices[place.Slice];

            // Early keys are seen by most rows and late rows see most keys: what is long comes first.
            if (_cut == AttentionCut.Rows) Rows(tiles, slice, place.KeyHead, (place.Pieces - 1 - place.Piece) * Block);
            else if (_cut == AttentionCut.Keys) Keys(tiles, slice, place.KeyHead, place.Piece * Block, withQueries: false);
            else for (int key = 0; key < slice.KeyCount; key += Block) Keys(tiles, slice, place.KeyHead, key, withQueries: true);
        }
    }

    // One block of keys, all rows that see it.
    private readonly void Keys(
        in AttentionBackwardTiles<TSimd, TVector> tiles, in AttentionSlice slice, int keyHead, int firstKey, bool withQueries)
    {
        AttentionShape shape = _call.Shape;
        int keys = Math.Min(Block, slice.KeyCount - firstKey);
        tiles.LoadKeys(slice, shape, keyHead, firstKey, keys, natural: withQueries);
        tiles.ClearKeyGradients();
        int allRows = _call.RowCount(slice);
        for (int firstRow = FirstRow(slice, firstKey) / Block * Block; firstRow < allRows; firstRow += Block)
        {
            int rows = Math.Min(Block, allRows - firstRow);
            tiles.LoadRows(_call, slice, keyHead, firstRow, rows);
            if (withQueries) tiles.LoadQueryGradients(_call, slice, keyHead, firstRow, rows);
            ScoreGradients(tiles, slice, firstKey, keys, firstRow, rows);
            for (int key = 0; key < keys; key++)
            {
                tiles.FirstRow[key] = Math.Clamp(FirstRow(slice, firstKey + key) - firstRow, 0, rows);
                tiles.EndRow[key] = rows;
            }

            AttentionTiles<TSimd, TVector>.Stairs(
                tiles.Weights, 1, Block, tiles.OutputGradients, tiles.ValueStride, tiles.ValueGradients, tiles.ValueStride, keys,
                tiles.ValueVectors, tiles.FirstRow, tiles.EndRow);
            AttentionTiles<TSimd, TVector>.Stairs(
                tiles.ScoreGradients, 1, Block, tiles.Q, tiles.KeyStride, tiles.KeyGradients, tiles.KeyStride, keys, tiles.KeyVectors,
                tiles.FirstRow, tiles.EndRow);
            if (!withQueries) continue;
            AddQueryGradients(tiles, rows);
            tiles.StoreQueryGradients(_call, slice, keyHead, firstRow, rows);
        }

        tiles.AddKeyGradients(slice, shape, keyHead, firstKey, keys);
    }

    // One block of rows, all keys they see.
    private readonly void Rows(in AttentionBackwardTiles<TSimd, TVector> tiles, in AttentionSlice slice, int keyHead, int firstRow)
    {
        int rows = Math.Min(Block, _call.RowCount(slice) - firstRow);
        tiles.LoadRows(_call, slice, keyHead, firstRow, rows);
        tiles.LoadQueryGradients(_call, slice, keyHead, firstRow, rows);
        int visible = slice.Visible((firstRow + rows - 1) / _call.Shape.Group);
        for (int firstKey = 0; firstKey < visible; firstKey += Block)
        {
            int keys = Math.Min(Block, visible - firstKey);
            tiles.LoadKeys(slice, _call.Shape, keyHead, firstKey, keys, natural: true);
            ScoreGradients(tiles, slice, firstKey, keys, firstRow, rows);
            AddQueryGradients(tiles, rows);
        }

        tiles.StoreQueryGradients(_call, slice, keyHead, firstRow, rows);
    }

    private readonly int FirstRow(in AttentionSlice slice, int key) => slice.FirstQuery(key) * _call.Shape.Group;

    // P = exp(scale Q K^T - lse) and dS = scale P (dO V^T - delta) for the keys that each row sees.
    private readonly void ScoreGradients(
        in AttentionBackwardTiles<TSimd, TVector> tiles, in AttentionSlice slice, int firstKey, int keys, int firstRow, int rows)
    {
        AttentionShape shape = _call.Shape;
        int vectors = (keys + TSimd.Lanes - 1) / TSimd.Lanes;
        int blind = Math.Clamp(FirstRow(slice, firstKey) - firstRow, 0, rows);
        float* weights = tiles.Weights + blind * Block;
        float* gradients = tiles.ScoreGradients + blind * Block;
        new Span<float>(weights, (rows - blind) * Block).Clear();
        new Span<float>(gradients, (rows - blind) * Block).Clear();
        AttentionTiles<TSimd, TVector>.Dense(
            tiles.Q + blind * tiles.KeyStride, tiles.KeyStride, tiles.KeyColumns, Block, weights, Block, rows - blind, vectors,
            shape.KeyDim);
        AttentionTiles<TSimd, TVector>.Dense(
            tiles.OutputGradients + blind * tiles.ValueStride, tiles.ValueStride, tiles.ValueColumns, Block, gradients, Block, rows - blind,
            vectors, shape.ValueDim);
        for (int row = 0; row < rows; row++)
        {
            int seen = Math.Clamp(slice.Visible((firstRow + row) / shape.Group) - firstKey, 0, keys);
            tiles.EndKey[row] = seen;
            RowGradients(
                tiles.Weights + row * Block, tiles.ScoreGradients + row * Block, seen, shape.Scale, tiles.LogSumExp[row], tiles.Delta[row]);
        }
    }

    /// <summary>Of one row from scores and dP to P and dS, for the keys that it sees; up to a register more is overwritten.</summary>
    public static void RowGradients(float* weights, float* gradients, int seen, float scale, float logSumExp, float delta)
    {
        TVector factor = TSimd.Broadcast(scale);
        TVector shift = TSimd.Broadcast(logSumExp);
        TVector mean = TSimd.Broadcast(delta);
        for (int i = 0; i < seen; i += TSimd.Lanes)
        {
            TVector score = TSimd.Multiply(TSimd.Load(weights + i), factor);
            TVector weight = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(score, shift));
            TSimd.Store(weight, weights + i);
            TVector gradient = TSimd.Multiply(weight, TSimd.Subtract(TSimd.Load(gradients + i), mean));
            TSimd.Store(TSimd.Multiply(factor, gradient), gradients + i);
        }
    }

    private static void AddQueryGradients(in AttentionBackwardTiles<TSimd, TVector> tiles, int rows) =>
        AttentionTiles<TSimd, TVector>.Stairs(
            tiles.ScoreGradients, Block, 1, tiles.Keys, tiles.KeyStride, tiles.QueryGradients, tiles.KeyStride, rows, tiles.KeyVectors,
            tiles.FirstKey, tiles.EndKey);
}
