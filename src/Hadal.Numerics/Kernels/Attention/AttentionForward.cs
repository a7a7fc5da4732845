namespace Hadal.Numerics;

/// <summary>
/// Attention in one pass over the keys, block by block, with the running maximum and sum of Milakov and Gimelshein 2018
/// (arXiv 1805.02867) and the tiling of FlashAttention (Dao et al. 2022, arXiv 2205.14135): scores never leave the cache.
/// A task is up to TaskRows rows of one or several key heads; all query heads of a key head share each block of keys that is read.
/// </summary>
/// <remarks>
/// What a row's bits depend on: the chain over the components of each score (AttentionTiles), the position of key blocks
/// (multiples of BlockKeys from key 0), the lanes and the tree of the sum in a block, the chain over the keys of each output. None
/// of it knows of the other rows, of the task, or of keys that the row does not see.
/// </remarks>
internal unsafe struct AttentionForward<TSimd, TVector> : IParallelJob
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    // Rows of a task: enough that the copies of a block of keys cost little beside the products with it.
    private const int TaskRows = 64;

    // Below this many rows a tile reads its values in place: each is used too rarely to pay for a copy.
    private const int RowsWorthPacking = 32;

    private AttentionCall _call;
    private int _rowsPerTask;
    private int _tasks;
    private int* _nextTask;

    public static void Run(WorkerPool pool, AttentionCall call, int* nextTask)
    {
        int mostRows = 1;
        for (int index = 0; index < call.SliceCount; index++) mostRows = Math.Max(mostRows, call.RowCount(call.Slices[index]));

        // Rows are independent, so how they are cut into tasks changes no result and may follow the number of workers.
        int rowsPerTask = Math.Min(mostRows, TaskRows);
        call.HeadsPerTask = Math.Min(call.Shape.KeyHeads, TaskRows / rowsPerTask);
        int tasks = call.NumberTasks(AttentionCut.Rows, rowsPerTask);
        while (tasks < pool.Count && (call.HeadsPerTask > 1 || rowsPerTask > 4))
        {
            if (call.HeadsPerTask > 1) call.HeadsPerTask = (call.HeadsPerTask + 1) / 2;
            else rowsPerTask = (rowsPerTask + 1) / 2;
            tasks = call.NumberTasks(AttentionCut.Rows, rowsPerTask);
        }

        *nextTask = 0;
        AttentionForward<TSimd, TVector> job = new() { _call = call, _rowsPerTask = rowsPerTask, _tasks = tasks, _nextTask = nextTask };
        pool.Run(ref job, Math.Min(pool.Count, tasks));
    }

    /// <summary>Takes tasks until none is left: their costs differ too much for equal shares.</summary>
    public void Execute(int part)
    {
        for (int task = Interlocked.Increment(ref *_nextTask) - 1; task < _tasks; task = Interlocked.Increment(ref *_nextTask) - 1)
        {
            // Late rows see most keys; they come first, so that the last tasks are short ones.
            AttentionTask place = _call.FindTask(AttentionCut.Rows, _rowsPerTask, task);
            Compute(_call.Slices[place.Slice], place.KeyHead, (place.Pieces - 1 - place.Piece) * _rowsPerTask);
        }
    }

    private readonly void Compute(in AttentionSlice slice, int firstHead, int firstRow)
    {
        AttentionShape shape = _call.Shape;
        int heads = Math.Min(_call.HeadsPerTask, shape.KeyHeads - firstHead);
        int rows = Math.Min(_rowsPerTask, _call.RowCount(slice) - firstRow);
        TileCarver count = new(null);
        _ = new AttentionForwardTiles<TSimd, TVector>(ref count, shape, heads, rows);
        TileCarver carver = new(AttentionScratch.Tiles(count.Taken));
        AttentionForwardTiles<TSimd, TVector> tiles = new(ref carver, shape, heads, rows);
        for (int head = 0; head < heads; head++) tiles.At(head).Begin(_call, slice, firstHead + head, firstRow);

        // Heads inside, because their parts of a row lie side by side in memory, and the rows of one head pages apart.
        int visible = slice.Visible((firstRow + rows - 1) / shape.Group);
        for (int firstKey = 0; firstKey < visible; firstKey += AttentionPacking.BlockKeys)
        {
            int keys = Math.Min(AttentionPacking.BlockKeys, visible - firstKey);
            for (int head = 0; head < heads; head++)
            {
                if (head + 1 < heads) Prefetch(slice, firstHead + head + 1, firstKey);
                else Prefetch(slice, firstHead, firstKey + AttentionPacking.BlockKeys);
                AddBlock(tiles.At(head), slice, firstHead + head, firstRow, firstKey, keys);
            }
        }

        for (int head = 0; head < heads; head++) tiles.At(head).Finish(_call, slice, firstHead + head, firstRow);
    }

    // The step of the online softmax: m' = max(m, max s), l' = l e^(m - m') + sum e^(s - m'), o' = o e^(m - m') + e^(s - m') V.
    private readonly void AddBlock(
        in AttentionForwardTiles<TSimd, TVector> tiles, in AttentionSlice slice, int keyHead, int firstRow, int firstKey, int keys)
    {
        AttentionShape shape = _call.Shape;
        int rows = tiles.Rows;
        int scoreVectors = (keys + TSimd.Lanes - 1) / TSimd.Lanes;
        AttentionPacking.Transpose(
            slice.Keys.Row(firstKey, keyHead, shape.KeyDim), slice.Keys.Stride, tiles.Keys, keys, shape.KeyDim, scoreVectors * TSimd.Lanes);
        int blind = Math.Clamp(slice.FirstQuery(firstKey) * shape.Group - firstRow, 0, rows);
        float* scores = tiles.Scores + blind * AttentionPacking.BlockKeys;
        new Span<float>(scores, (rows - blind) * AttentionPacking.BlockKeys).Clear();
        AttentionTiles<TSimd, TVector>.Dense(
            tiles.Q + blind * shape.KeyDim, shape.KeyDim, tiles.Keys, AttentionPacking.BlockKeys, scores, AttentionPacking.BlockKeys,
            rows - blind, scoreVectors, shape.KeyDim);
        for (int row = 0; row < rows; row++)
        {
            int seen = Math.Clamp(slice.Visible((firstRow + row) / shape.Group) - firstKey, 0, keys);
            tiles.To[row] = seen;
            if (seen == 0) continue;
            float decay = Softmax(
                tiles.Scores + row * AttentionPacking.BlockKeys, seen, shape.Scale, ref tiles.Max[row], ref tiles.Sum[row]);
            if (decay != 1) ScaleRow(tiles.Output + row * tiles.ValueStride, tiles.ValueVectors, decay);
        }

        float* values = slice.Values.Row(firstKey, keyHead, shape.ValueDim);
        nint stride = slice.Values.Stride;
        if (rows >= RowsWorthPacking || shape.ValueDim % TSimd.Lanes != 0)
        {
            for (int key = 0; key < keys; key++)
            {
                AttentionPacking.CopyRow(
                    values + key * stride, tiles.Values + key * tiles.ValueStride, shape.ValueDim, tiles.ValueVectors * TSimd.Lanes);
            }

            values = tiles.Values;
            stride = tiles.ValueStride;
        }

        AttentionTiles<TSimd, TVector>.Stairs(
            tiles.Scores, AttentionPacking.BlockKeys, 1, values, stride, tiles.Output, tiles.ValueStride, rows, tiles.ValueVectors,
            tiles.From, tiles.To);
    }

    private readonly void Prefetch(in AttentionSlice slice, int keyHead, int firstKey)
    {
        AttentionShape shape = _call.Shape;
        int keys = Math.Min(AttentionPacking.BlockKeys, slice.KeyCount - firstKey);
        AttentionPacking.Prefetch(slice.Keys.Row(firstKey, keyHead, shape.KeyDim), slice.Keys.Stride, keys, shape.KeyDim);
        AttentionPacking.Prefetch(slice.Values.Row(firstKey, keyHead, shape.ValueDim), slice.Values.Stride, keys, shape.ValueDim);
    }

    // Turns the scores of one row into weights relative to the new maximum; returns the factor for what was summed before.
    private static float Softmax(float* scores, int seen, float scale, ref float max, ref float sum)
    {
        TVector factor = TSimd.Broadcast(scale);
        TVector largest = TSimd.Broadcast(max);
        int i = 0;
        for (; i + TSimd.Lanes <= seen; i += TSimd.Lanes)
        {
            TVector score = TSimd.Multiply(TSimd.Load(scores + i), factor);
            TSimd.Store(score, scores + i);
            largest = TSimd.Select(TSimd.GreaterThan(score, largest), score, largest);
        }

        if (i < seen)
        {
            TSimd.Store(TSimd.Multiply(TSimd.Load(scores + i), factor), scores + i);
            for (int j = seen; j < i + TSimd.Lanes; j++) scores[j] = float.NegativeInfinity;
            largest = TSimd.Max(largest, TSimd.Load(scores + i));
        }

        float newMax = TSimd.MaxLane(largest);

        // While all scores are minus infinity there is no weight, and minus infinity must not be subtracted from itself.
        float shift = float.IsNegativeInfinity(newMax) ? 0 : newMax;
        TVector shifts = TSimd.Broadcast(shift);
        TVector blockSum = TSimd.Zero;
        for (i = 0; i < seen; i += TSimd.Lanes)
        {
            // The masked tail is e^-inf, exactly 0.
            TVector weight = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(scores + i), shifts));
            TSimd.Store(weight, scores + i);
            blockSum = TSimd.Add(blockSum, weight);
        }

        // Once the largest key has been met, which is soon, the maximum stays and nothing decays.
        float decay = max == newMax ? 1 : VectorMath.Exp(max - shift);
        max = newMax;
        sum = sum * decay + TSimd.Sum(blockSum);
        return decay;
    }

    private static void ScaleRow(float* row, int vectors, float factor)
    {
        TVector all = TSimd.Broadcast(factor);
        for (int i = 0; i < vectors; i++) TSimd.Store(TSimd.Multiply(TSimd.Load(row + i * TSimd.Lanes), all), row + i * TSimd.Lanes);
    }
}
