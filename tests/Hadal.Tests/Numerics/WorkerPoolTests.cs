using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

public sealed class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_part_runs_exactly_once_over_many_dispatches(int workers)
    {
        using WorkerPool pool = new(workers);
        for (int parts = 0; parts < 40; parts++)
        {
            int[] counts = new int[parts];
            CountJob job = new(counts);
            for (int round = 0; round < 50; round++) pool.Run(ref job, parts);
            Assert.All(counts, count => Assert.Equal(50, count));
        }
    }

    [Fact]
    public void Workers_that_fell_asleep_wake_up_again()
    {
        using WorkerPool pool = new(3);
        int[] counts = new int[3];
        CountJob job = new(counts);
        for (int round = 0; round < 5; round++)
        {
            Thread.Sleep(30);
            pool.Run(ref job, 3);
        }

        Assert.All(counts, count => Assert.Equal(5, count));
    }

    [Fact]
    public void A_call_from_inside_a_part_is_computed_by_that_thread()
    {
        using WorkerPool pool = new(2);
        int[] counts = new int[8];
        NestedJob job = new(pool, counts);
        pool.Run(ref job, 4);
        Assert.All(counts, count => Assert.Equal(4, count));
    }

    [Fact]
    public void Calls_from_several_threads_at_once_each_get_their_own_result()
    {
        using WorkerPool pool = new(2);
        int[][] counts = [.. Enumerable.Range(0, 4).Select(_ => new int[16])];
        Parallel.ForEach(counts, mine =>
        {
            CountJob job = new(mine);
            for (int round = 0; round < 500; round++) pool.Run(ref job, 16);
        });
        Assert.All(counts, mine => Assert.All(mine, count => Assert.Equal(500, count)));
    }

    [Fact]
    public void A_failing_part_is_thrown_to_the_caller_and_the_pool_goes_on()
    {
        using WorkerPool pool = new(2);
        FailingJob failing = default;
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => pool.Run(ref failing, 2));
        Assert.Equal("part 1", error.Message);
        int[] counts = new int[2];
        CountJob job = new(counts);
        pool.Run(ref job, 2);
        Assert.Equal([1, 1], counts);
    }

    [Fact]
    public void A_disposed_pool_refuses_work()
    {
        WorkerPool pool = new(2);
        for (int time = 0; time < 3; time++) pool.Dispose();
        CountJob job = new(new int[2]);
        Assert.Throws<ObjectDisposedException>(() => pool.Run(ref job, 2));
    }

    // More threads than processors, so that some wake when the work that they were woken for is done and the pool is about to end. Luck is part of
    // it: of five runs with twice as many pools, one hung where threads were counted rather than joined.
    [Fact]
    public async Task Pools_end_though_their_threads_wake_late() => await Task.Run(() => Parallel.For(0, 2_000, new() { MaxDegreeOfParallelism = 8 }, _ =>
    {
        int[] counts = new int[4];
        using (WorkerPool pool = new(4))
        {
            CountJob job = new(counts);
            pool.Run(ref job, 4);
        }

        Assert.Equal([1, 1, 1, 1], counts);
    })).WaitAsync(TimeSpan.FromMinutes(1));

    private readonly struct CountJob(int[] counts) : IParallelJob
    {
        public void Execute(int part) => Interlocked.Increment(ref counts[part]);
    }

    private readonly struct NestedJob(WorkerPool pool, int[] counts) : IParallelJob
    {
        public void Execute(int part)
        {
            CountJob inner = new(counts);
            pool.Run(ref inner, counts.Length);
        }
    }

    private readonly struct FailingJob : IParallelJob
    {
        public void Execute(int part)
        {
            if (part == 1) throw new InvalidOperationException("part 1");
        }
    }
}
