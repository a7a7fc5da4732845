using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Hadal.Numerics;

/// <summary>A piece of work cut into parts that do not depend on each other.</summary>
public interface IParallelJob
{
    /// <summary>Computes part <paramref name="part"/>. Parts run on several threads at once, each exactly once.</summary>
    void Execute(int part);
}

/// <summary>
/// Threads that wait for work by spinning for some microseconds and then sleep, so that a chain of kernels pays no wake-up and an
/// idle process costs nothing. Worker w of W begins with the parts [w*P/W, (w+1)*P/W), so that it meets again what its caches hold, and
/// then takes over what others have not begun: on a busy machine nobody waits for a worker that the system has not woken yet. A waiting thread
/// asks memory for what it will probably read next (<see cref="ReadAhead"/>).
/// A part computes whole results, so they depend neither on the number of workers nor on which of them computes what.
/// </summary>
public sealed unsafe class WorkerPool : IDisposable
{
    // Pauses, of some tens of nanoseconds, before a waiting thread sleeps: longer than the gap between two kernels of a layer.
    private const int SpinRounds = 16_000;

    // Pauses of a caller before it lets others have its processor: longer than a part, and none oversleeps the end by much.
    private const int ShortWaits = 500;

    // A share is handed out in so many blocks: few enough to cost nothing, enough for a share to be helped with until shortly before its end.
    private const int BlocksPerShare = 8;

    private readonly Worker[] _workers;
    private readonly Share[] _shares;
    private delegate*<void*, int, void> _execute;
    private void* _job;
    private int _parts;
    private int _epoch;
    private int _unfinished;
    private int _busy;
    private bool _stopping;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Starts the pool.</summary>
    /// <param name="workers">Threads that compute, the caller's included; 0 takes one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public WorkerPool(int workers = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(workers);
        Count = workers == 0 ? Environment.ProcessorCount : workers;
        _workers = new Worker[Count - 1];
        _shares = new Share[Count];
        for (int i = 0; i < _workers.Length; i++)
        {
            int index = i + 1;
            Thread thread = new(() => WorkLoop(index)) { IsBackground = true, Name = $"hadal-worker-{index}" };
            _workers[i] = new Worker(thread, new SemaphoreSlim(0));
            thread.Start();
        }
    }

    /// <summary>Threads that compute, the caller's included.</summary>
    public int Count { get; }

    /// <summary>Threads that a call would find: the caller's alone while the pool is at work. Cutting what one thread computes only costs time.</summary>
    public int Free => Volatile.Read(ref _busy) == 0 ? Count : 1;

    /// <summary>
    /// Executes every part of the job and returns when all are done. If the pool is already at work (another thread's call, or a call
    /// from inside a part), the caller computes all parts itself: the result is the same.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The pool was disposed.</exception>
    public void Run<TJob>(ref TJob job, int parts) where TJob : struct, IParallelJob
    {
        ObjectDisposedException.ThrowIf(_stopping, this);
        if (parts <= 1 || _workers.Length == 0 || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            for (int part = 0; part < parts; part++) job.Execute(part);
            return;
        }

        // The job lives in the caller's frame (or in memory the caller pins by reference) until this method returns.
        fixed (byte* pinned = &Unsafe.As<TJob, byte>(ref job))
        {
            _job = pinned;
            _execute = &ExecutePart<TJob>;
            _parts = parts;
            _failure = null;
            int epoch = _epoch + 1;
            int blocks = 0;
            for (int w = 0; w < _shares.Length; w++) blocks += OpenShare(w, epoch);
            Volatile.Write(ref _unfinished, blocks);
            Interlocked.Exchange(ref _epoch, epoch);
            foreach (Worker worker in _workers)
            {
                if (Interlocked.CompareExchange(ref worker.Sleeping, 0, 1) == 1) worker.Wake.Release();
            }

            ReadAhead ahead = ReadAhead.Own;
            ahead.Begin();
            ExecuteFrom(0, epoch);
            for (int round = 0; round < ShortWaits && Volatile.Read(ref _unfinished) != 0; round++) WaitShortly(ahead);
            SpinWait wait = default;
            while (Volatile.Read(ref _unfinished) != 0) wait.SpinOnce(sleep1Threshold: -1);
        }

        ExceptionDispatchInfo? failure = _failure;
        Volatile.Write(ref _busy, 0);
        failure?.Throw();
    }

    /// <summary>Ends the threads. Work under way is finished first.</summary>
    public void Dispose()
    {
        SpinWait wait = default;
        while (Interlocked.CompareExchange(ref _busy, 1, 0) != 0) wait.SpinOnce();
        Volatile.Write(ref _stopping, true);
        Interlocked.Increment(ref _epoch);
        foreach (Worker worker in _workers)
        {
            if (Interlocked.CompareExchange(ref worker.Sleeping, 0, 1) == 1) worker.Wake.Release();
        }

        // Not counted like blocks: a thread that wakes late, for an epoch that is over, may end before the counting begins.
        foreach (Worker worker in _workers)
        {
            worker.Thread.Join();
            worker.Wake.Dispose();
        }

        Volatile.Write(ref _busy, 0);
    }

    private static void ExecutePart<TJob>(void* job, int part) where TJob : struct, IParallelJob =>
        Unsafe.AsRef<TJob>(job).Execute(part);

    private void WorkLoop(int index)
    {
        Worker worker = _workers[index - 1];
        int seen = 0;
        ReadAhead ahead = ReadAhead.Own;
        while (true)
        {
            seen = WaitForEpochAfter(seen, worker, ahead);
            if (Volatile.Read(ref _stopping)) return;
            ahead.Begin();
            ExecuteFrom(index, seen);
        }
    }

    // A pause, or some lines of what the thread will probably read next.
    private static void WaitShortly(ReadAhead ahead)
    {
        if (!ahead.Ask()) Thread.SpinWait(1);
    }

    private int WaitForEpochAfter(int seen, Worker worker, ReadAhead ahead)
    {
        while (true)
        {
            for (int round = 0; round < SpinRounds; round++)
            {
                int epoch = Volatile.Read(ref _epoch);
                if (epoch != seen) return epoch;
                WaitShortly(ahead);
            }

            // Announce the sleep, then look once more: either the caller sees the flag and releases us, or we see its epoch. Whoever
            // takes the flag back decides, so a release is never left over for the next sleep.
            Interlocked.Exchange(ref worker.Sleeping, 1);
            if (Volatile.Read(ref _epoch) != seen && Interlocked.CompareExchange(ref worker.Sleeping, 0, 1) == 1) continue;
            worker.Wake.Wait();
        }
    }

    // Puts a worker's parts up to be taken; returns in how many blocks. Epoch, number of blocks and blocks taken are one word: whoever
    // wakes late, with an epoch that is over, can't take anything, whatever is being written at that moment.
    private int OpenShare(int w, int epoch)
    {
        ref Share share = ref _shares[w];
        share.From = (int)((long)_parts * w / Count);
        share.To = (int)((long)_parts * (w + 1) / Count);
        int blocks = Math.Min(BlocksPerShare, share.To - share.From);
        Volatile.Write(ref share.Ticket, ((long)epoch << 32) | (long)(blocks << 16));
        return blocks;
    }

    // The worker's own share first, then those of the others.
    private void ExecuteFrom(int worker, int epoch)
    {
        for (int i = 0; i < _shares.Length; i++)
        {
            ref Share share = ref _shares[(worker + i) % _shares.Length];
            while (TryTake(ref share, epoch, out int block, out int blocks))
            {
                ExecuteBlock(share.From, share.To, block, blocks);
                Interlocked.Decrement(ref _unfinished);
            }
        }
    }

    // Until a block that was taken is finished the caller can't return, so that the job and the share stay as they are.
    private static bool TryTake(ref Share share, int epoch, out int block, out int blocks)
    {
        while (true)
        {
            long ticket = Volatile.Read(ref share.Ticket);
            (block, blocks) = ((ushort)ticket, (ushort)(ticket >> 16));
            if ((int)(ticket >> 32) != epoch || block == blocks) return false;
            if (Interlocked.CompareExchange(ref share.Ticket, ticket + 1, ticket) == ticket) return true;
        }
    }

    private void ExecuteBlock(int from, int to, int block, int blocks)
    {
        try
        {
            int first = from + (int)((long)(to - from) * block / blocks), last = from + (int)((long)(to - from) * (block + 1) / blocks);
            for (int part = first; part < last; part++) _execute(_job, part);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(e), null);
        }
    }

    // A cache line each, so that taking from one does not slow down another.
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Share
    {
        public long Ticket;
        public int From;
        public int To;
    }

    private sealed class Worker(Thread thread, SemaphoreSlim wake)
    {
        public readonly Thread Thread = thread;
        public readonly SemaphoreSlim Wake = wake;
        public int Sleeping;
    }
}
