using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

public class MachineCeilingsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void An_empty_region_takes_some_time(int workers)
    {
        using WorkerPool pool = new(workers);
        Assert.InRange(MachineCeilings.DispatchMicroseconds(pool, TimeSpan.FromMilliseconds(1)), 1e-6, 1e6);
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
