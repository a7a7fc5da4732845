using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

public class MachineCeilingsTests
{
    // Each worker waits for all others, so that more of them than processors must let each other run.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void However_many_workers_meet_it_ends(int workers)
    {
        using WorkerPool pool = new(workers);
        Assert.True(MachineCeilings.DispatchMicroseconds(pool, TimeSpan.FromMilliseconds(1)) is > 0 and < double.MaxValue);
    }

    [Fact]
    public void A_pool_at_work_is_not_measured()
    {
        using WorkerPool pool = new(2);
        Inner job = new(pool);
        Assert.Throws<InvalidOperationException>(() => pool.Run(ref job, 2));
    }

    private readonly struct Inner(WorkerPool pool) : IParallelJob
    {
        public void Execute(int part) => MachineCeilings.DispatchMicroseconds(pool, TimeSpan.FromMilliseconds(1));
    }
}
