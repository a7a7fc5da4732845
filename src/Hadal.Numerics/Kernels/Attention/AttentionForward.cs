namespace Hadal.Numerics;

/// <summary>
/// Attention in one pass over the keys, block by block, with the running maximum and sum of Milakov and Gimelshein 2018
/// (arXiv 1805.02867) and the tiling of FlashAttention (Dao et al. 2022, arXiv 2205.14135): scores never leave the cache.
/// A task is up to TaskRows rows of one or several key heads; all query heads of a key head share each block of keys that is read.
/// Keys come in chunks, each gathered from nothing and then added to those before it; so few rows over many keys can be shared out by
/// chunks (Flash-Decoding, Dao et al. 2023), and nobody can tell afterwards.
/// </summary>
/// <remarks>
/// What a row's bits depend on: the chain over the components of each score (AttentionTiles), the position of key blocks and chunks
/// (multiples of BlockKeys and ChunkKeys from key 0), the lanes and the tree of the sum in a block, the chain over the keys of a chunk
/// in each output, the chunks in ascending order. None of it knows of the other rows, of the task, or of keys that the row does not see.
/// </remarks>
internal unsafe struct AttentionForward<TSimd, TVector> : IParallelJob
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>Keys that are gathered from nothing: enough that adding them up costs little, few enough to share out a few thousand.</summary>
    public const int ChunkKeys = 8 * AttentionPacking.BlockKeys;

    // Rows of a task: enough that the copies of a block of keys cost little beside the products with it.
    private const int TaskRows = 64;

    // Below this many rows a tile reads its values in place: each is used too rarely to pay for a copy.
    private const int RowsWorthPacking = 32;

    // Tasks for each worker, so that the last ones to finish are short.
    private const int TasksPerWorker = 4;

    private AttentionCall _call;
    private TileKernelSet? _kernels;
    private int _rowsPerTask;
    private int _tasks;
    private int* _nextTask;

    /// <summary>Computes a call.</summary>
    /// <param name="pool">Threads that compute.</param>
    /// <param name="call">The call.</param>
    /// <param name="nextTask">A counter of its own.</param>
    /// <param name="kernels">Tiles of BF16 that multiply the cached latents; null multiplies F32, whatever the keys are.</param>
    public static void Run(WorkerPool pool, AttentionCall call, int* nextTask, TileKernelSet? kernels = null)
    {
        int mostRows = 1;
        long work = 0;
        for (int index = 0; index < call.SliceCount; index++)
        {
            ref AttentionSlice slice = ref call.Slices[index];
            mostRows = Math.Max(mostRows, call.RowCount(slice));
            work += (long)call.RowCount(slice) * slice.KeyCount * call.Shape.KeyHeads;
        }

        // Rows are independent, so how they are cut into tasks changes no result and may follow the number of workers.
        int rowsPerTask = Math.Min(mostRows, TaskRows);
        call.HeadsPerTask = Math.Min(call.Shape.KeyHeads, TaskRows / rowsPerTask);
        Split(call, rowsPerTask, work / (TasksPerWorker * pool.Count) + 1, pool.Count);
        int tasks = call.NumberTasks(AttentionCut.Rows, rowsPerTask);
        while (tasks < pool.Count && (call.HeadsPerTask > 1 || rowsPerTask > 4))
        {
            if (call.HeadsPerTask > 1) call.HeadsPerTask = (call.HeadsPerTask + 1) / 2;
            else rowsPerTask = (rowsPerTask + 1) / 2;
            tasks = call.NumberTasks(AttentionCut.Rows, rowsPerTask);
        }

        Prepare(call, rowsPerTask);
        *nextTask = 0;
        AttentionForward<TSimd, TVector> job = new() { _call = call, _kernels = kernels, _rowsPerTask = rowsPerTask, _tasks = tasks, _nextTask = nextTask };
        pool.Run(ref job, Math.Min(pool.Count, tasks));
    }

    /// <summary>Takes tasks until none is left: their costs differ too much for equal shares.</summary>
    public void Execute(int part)
    {
        _kernels?.Configure();
        for (int task = Interlocked.Increment(ref *_nextTask) - 1; task < _tasks; task = Interlocked.Increment(ref *_nextTask) - 1)
        {
            // Late rows see most keys; they come first, so that the last tasks are short ones.
            AttentionTask place = _call.FindTask(AttentionCut.Rows, _rowsPerTask, task);
            Compute(_call.Slices[place.Slice], place, (place.Pieces - 1 - place.Piece) * _rowsPerTask);
        }

        _kernels?.Release();
    }

    // Shares out the chunks of sequences whose tasks would be longer than a worker's fair part.
    private static void Split(in AttentionCall call, int rowsPerTask, long fair, int workers)
    {
        if (workers == 1) return;
        for (int index = 0; index < call.SliceCount; index++)
        {
            ref AttentionSlice slice = ref call.Slices[index];
            int chunks = Chunks(slice.KeyCount);
            long work = (long)Math.Min(rowsPerTask, call.RowCount(slice)) * call.HeadsPerTask * slice.KeyCount;
            if (work <= fair || chunks < 2) continue;
            slice.ChunksPerTask = (chunks + (int)Math.Min(chunks, work / fair) - 1) / (int)Math.Min(chunks, work / fair);
            slice.Splits = (chunks + slice.ChunksPerTask - 1) / slice.ChunksPerTask;
        }
    }

    // Memory for what tasks gather that share a row, and a count of those that are not done.
    private static void Prepare(in AttentionCall call, int rowsPerTask)
    {
        long floats = 0;
        for (int round = 0; round < 2; round++)
        {
            TileCarver carver = new(round == 0 ? null : AttentionScratch.Shared(floats));
            for (int index = 0; index < call.SliceCount; index++)
            {
                ref AttentionSlice slice = ref call.Slices[index];
                if (slice.Splits == 1) continue;
                TileCarver count = new(null);
                _ = new AttentionSums<TSimd, TVector>(ref count, new(call.Shape, call.HeadsPerTask, Math.Min(rowsPerTask, call.RowCount(slice))));
                int units = call.Units(slice, AttentionCut.Rows, rowsPerTask);
                slice.SumFloats = count.Taken;
                slice.Sums = carver.Take(units * Chunks(slice.KeyCount) * count.Taken);
                slice.Unfinished = (int*)carver.Take(units);
                if (round == 1) new Span<int>(slice.Unfinished, units).Fill(slice.Splits);
            }

            floats = carver.Taken;
        }
    }

    private static int Chunks(int keys) => (keys + ChunkKeys - 1) / ChunkKeys;

    private readonly void Compute(in AttentionSlice slice, AttentionTask place, int firstRow)
    {
        AttentionShape shape = _call.Shape;
        int heads = Math.Min(_call.HeadsPerTask, shape.KeyHeads - place.KeyHead);
        int rows = Math.Min(_rowsPerTask, _call.RowCount(slice) - firstRow);
        int visible = slice.Visible((firstRow + rows - 1) / shape.Group), chunks = Chunks(visible);
        bool widens = _kernels is null && !slice.Cached.IsNull && !slice.Cached.IsF32;
        AttentionForwardLayout<TSimd, TVector> layout = new(shape, heads, rows, rowLanes: _kernels is not null);
        TileCarver count = new(null);
        _ = new AttentionForwardTiles<TSimd, TVector>(ref count, layout, widens, _kernels);
        TileCarver carver = new(AttentionScratch.Tiles(count.Taken));
        AttentionForwardTiles<TSimd, TVector> tiles = new(ref carver, layout, widens, _kernels);
        bool shared = slice.Splits > 1;
        int from = shared ? place.Split * slice.ChunksPerTask : 0, to = shared ? Math.Min(chunks, from + slice.ChunksPerTask) : chunks;
        if (from < to)
        {
            KeyValueBlock.Prefetch(slice, shape, place.KeyHead, from * ChunkKeys);
            if (_kernels is not null) tiles.PackQueries(_kernels, _call, slice, firstRow);
            else tiles.LoadQueries(_call, slice, place.KeyHead, firstRow);
        }

        for (int chunk = from; chunk < to; chunk++)
        {
            AttentionSums<TSimd, TVector> sums = shared ? SharedSums(slice, place, layout, chunk) : chunk == 0 ? tiles.Total : tiles.Chunk;
            sums.Clear();
            int end = Math.Min(visible, (chunk + 1) * ChunkKeys);
            for (int key = chunk * ChunkKeys; key < end; key += AttentionPacking.BlockKeys)
            {
                AddBlock(tiles, sums, slice, place.KeyHead, firstRow, key, Math.Min(AttentionPacking.BlockKeys, end - key));
            }

            if (!shared && chunk > 0) AddChunk(tiles.Total, sums, slice, layout, firstRow, chunk);
        }

        AttentionSums<TSimd, TVector> total = tiles.Total;
        if (shared)
        {
            if (Interlocked.Decrement(ref slice.Unfinished[place.Unit]) > 0) return;
            total = SharedSums(slice, place, layout, 0);
            for (int chunk = 1; chunk < chunks; chunk++) AddChunk(total, SharedSums(slice, place, layout, chunk), slice, layout, firstRow, chunk);
        }

        for (int head = 0; head < heads; head++) total.At(head).Finish(_call, slice, place.KeyHead + head, firstRow, rows);
    }

    private static AttentionSums<TSimd, TVector> SharedSums(
        in AttentionSlice slice, AttentionTask place, AttentionForwardLayout<TSimd, TVector> layout, int chunk)
    {
        TileCarver carver = new(slice.Sums + ((long)place.Unit * Chunks(slice.KeyCount) + chunk) * slice.SumFloats);
        return new AttentionSums<TSimd, TVector>(ref carver, layout);
    }

    // Rows that see none of the chunk's keys are left as they are.
    private readonly void AddChunk(
        in AttentionSums<TSimd, TVector> total, in AttentionSums<TSimd, TVector> sums, in AttentionSlice slice,
        AttentionForwardLayout<TSimd, TVector> layout, int firstRow, int chunk)
    {
        for (int head = 0; head < layout.Heads; head++)
        {
            AttentionSums<TSimd, TVector> before = total.At(head), later = sums.At(head);
            for (int row = 0; row < layout.Rows; row++)
            {
                if (slice.Visible((firstRow + row) / _call.Shape.Group) > chunk * ChunkKeys) before.Add(later, row);
            }
        }
    }

    // Heads inside, because their parts of a row lie side by side in memory, and the rows of one head pages apart.
    private readonly void AddBlock(
        in AttentionForwardTiles<TSimd, TVector> tiles, in AttentionSums<TSimd, TVector> sums, in AttentionSlice slice, int firstHead, int firstRow,
        int firstKey, int keys)
    {
        AttentionShape shape = _call.Shape;
        int heads = tiles.Layout.Heads;
        for (int row = 0; row < tiles.Layout.Rows; row++)
        {
            tiles.To[row] = Math.Clamp(slice.Visible((firstRow + row) / shape.Group) - firstKey, 0, keys);
        }

        if (_kernels is not null)
        {
            byte* rows = slice.Cached.Row(firstKey), next = firstKey + keys < slice.KeyCount ? slice.Cached.Row(firstKey + keys) : rows;
            tiles.Cached.Score(_kernels, rows, slice.Cached.RowBytes, keys, next, tiles.Layout.Rows, tiles.Scores);
            Weigh(tiles, sums, keys);
            tiles.Cached.AddValues(_kernels, rows, slice.Cached.RowBytes, keys, tiles.Layout.Rows, tiles.Scores, sums.Output, sums.Stride);
            return;
        }

        for (int head = 0; head < heads; head++)
        {
            if (head + 1 < heads) KeyValueBlock.Prefetch(slice, shape, firstHead + head + 1, firstKey);
            else KeyValueBlock.Prefetch(slice, shape, firstHead, firstKey + AttentionPacking.BlockKeys);
            KeyValueBlock block = KeyValueBlock.Find<TSimd, TVector>(
                slice, shape, firstHead + head, firstKey, keys, tiles.WideKeys, tiles.WideValues, tiles.Layout.ValueStride);
            if (tiles.Layout.RowLanes) WeighRowLanes(tiles, tiles.Q(head), sums.At(head), block, keys);
            else WeighKeyLanes(tiles, tiles.Q(head), sums.At(head), block, keys);
            AddValues(tiles, sums.At(head), block, keys);
        }
    }

    // The step of the online softmax: m' = max(m, max s), l' = l e^(m - m') + sum e^(s - m'), o' = o e^(m - m') + e^(s - m') V, but for
    // the last term of o'.
    private readonly void WeighKeyLanes(
        in AttentionForwardTiles<TSimd, TVector> tiles, float* q, in AttentionSums<TSimd, TVector> sums, in KeyValueBlock block, int keys)
    {
        const int Block = AttentionPacking.BlockKeys;
        (int rows, int depth) = (tiles.Layout.Rows, tiles.Layout.KeyDim);
        int scoreVectors = (keys + TSimd.Lanes - 1) / TSimd.Lanes, blind = 0;
        while (blind < rows && tiles.To[blind] == 0) blind++;
        AttentionPacking.Transpose(block.Keys, block.KeyStride, tiles.Keys, Block, keys, depth, scoreVectors * TSimd.Lanes);
        float* scores = tiles.Scores + blind * Block;
        new Span<float>(scores, (rows - blind) * Block).Clear();
        AttentionTiles<TSimd, TVector>.Dense(q + blind * depth, depth, tiles.Keys, Block, scores, Block, rows - blind, scoreVectors, depth);
        for (int row = blind; row < rows; row++)
        {
            float decay = AttentionKeyLanes<TSimd, TVector>.Softmax(
                tiles.Scores + row * Block, tiles.To[row], _call.Shape.Scale, ref sums.Max[row], ref sums.Sum[row]);
            if (decay != 1) sums.Scale(row, decay);
        }
    }

    private readonly void WeighRowLanes(
        in AttentionForwardTiles<TSimd, TVector> tiles, float* q, in AttentionSums<TSimd, TVector> sums, in KeyValueBlock block, int keys)
    {
        AttentionForwardLayout<TSimd, TVector> layout = tiles.Layout;
        AttentionRowLanes<TSimd, TVector>.Scores(block.Keys, block.KeyStride, q, layout.Rows, layout.PaddedRows, tiles.Scores, keys, layout.KeyDim);
        Weigh(tiles, sums, keys);
    }

    // Scores with a lane for each row become weights.
    private readonly void Weigh(in AttentionForwardTiles<TSimd, TVector> tiles, in AttentionSums<TSimd, TVector> sums, int keys)
    {
        (int rows, int padded) = (tiles.Layout.Rows, tiles.Layout.PaddedRows);
        float scale = _call.Shape.Scale;
        if (tiles.To[0] < keys)
        {
            AttentionRowLanes<TSimd, TVector>.ScaleAndMask(tiles.Scores, padded, keys, scale, tiles.To, rows);
            scale = 1;
        }

        AttentionRowLanes<TSimd, TVector>.Softmax(tiles.Scores, rows, padded, keys, scale, sums.Max, sums.Sum, tiles.Decay, tiles.LaneSums);
        for (int row = 0; row < rows; row++)
        {
            if (tiles.Decay[row] != 1) sums.Scale(row, tiles.Decay[row]);
        }
    }

    private static void AddValues(
        in AttentionForwardTiles<TSimd, TVector> tiles, in AttentionSums<TSimd, TVector> sums, in KeyValueBlock block, int keys)
    {
        AttentionForwardLayout<TSimd, TVector> layout = tiles.Layout;
        float* values = block.Values;
        nint stride = block.ValueStride;
        if (layout.Rows >= RowsWorthPacking || layout.ValueDim % TSimd.Lanes != 0)
        {
            for (int key = 0; key < keys; key++)
            {
                AttentionPacking.CopyRow(
                    values + key * stride, tiles.Values + key * layout.ValueStride, layout.ValueDim, layout.ValueVectors * TSimd.Lanes);
            }

            values = tiles.Values;
            stride = layout.ValueStride;
        }

        (int rowStep, int keyStep) = layout.RowLanes ? (1, layout.PaddedRows) : (AttentionPacking.BlockKeys, 1);
        AttentionTiles<TSimd, TVector>.Stairs(
            tiles.Scores, rowStep, keyStep, values, stride, sums.Output, layout.ValueStride, layout.Rows, layout.ValueVectors, tiles.From, tiles.To);
    }
}
