using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

[Trait("Category", "Kernels")]
public sealed class TiledPlanTests
{
    [Theory]
    [InlineData(1024, 1024, 1024)]
    [InlineData(4096, 640, 640)]
    [InlineData(2048, 2048, 512)]
    public void Threads_have_as_many_parts_each(int m, int n, int k)
    {
        for (int threads = 2; threads <= 4; threads++) Assert.Equal(0, Plan(m, n, k, 1, threads).Parts % threads);
    }

    // Four parts for each of 64 threads, of eight groups 32 each; halving may take twice as many, evening out would take three times.
    [Fact]
    public void Parts_of_a_group_are_not_evened_out() => Assert.InRange(Plan(192, 1408, 2048, groups: 8, threads: 64).Parts, 32, 64);

    private static unsafe TiledPlan Plan(int m, int n, int k, int groups, int threads)
    {
        Factor nothing = Factor.Of(null, k, isInnerAdjacent: true);
        Product product = new() { A = nothing, B = nothing, M = m, N = n, K = k, C = null, CStride = n, Precision = ProductPrecision.BF16, Accumulate = false };
        return new TiledPlan(product, groups, threads);
    }
}
