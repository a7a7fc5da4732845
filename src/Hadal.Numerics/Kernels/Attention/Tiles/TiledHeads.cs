namespace Hadal.Numerics;

/// <summary>What a pass of attention on tiles does with one key head of one sequence.</summary>
internal interface ITiledHead
{
    /// <summary>Computes it with tile registers that are configured.</summary>
    static abstract void Compute(TileKernelSet kernels, in AttentionCall call, in AttentionSlice slice, int keyHead);
}

/// <summary>Runs a pass over all key heads of all sequences, each a task.</summary>
internal unsafe struct TiledHeads<THead> : IParallelJob
    where THead : struct, ITiledHead
{
    private TileKernelSet _kernels;
    private AttentionCall _call;
    private int _tasks;
    private int* _nextTask;

    public static void Run(WorkerPool pool, TileKernelSet kernels, in AttentionCall call, int* nextTask)
    {
        *nextTask = 0;
        TiledHeads<THead> job = new() { _kernels = kernels, _call = call, _tasks = call.NumberTasks(AttentionCut.Whole, 1), _nextTask = nextTask };
        pool.Run(ref job, Math.Min(pool.Count, job._tasks));
    }

    /// <summary>Takes tasks until none is left: their costs differ too much for equal shares.</summary>
    public void Execute(int part)
    {
        _kernels.Configure();
        for (int task = Interlocked.Increment(ref *_nextTask) - 1; task < _tasks; task = Interlocked.Increment(ref *_nextTask) - 1)
        {
            AttentionTask place = _call.FindTask(AttentionCut.Whole, 1, task);
            THead.Compute(_kernels, _call, _call.Slices[place.Slice], place.KeyHead);
        }

        _kernels.Release();
    }
}
