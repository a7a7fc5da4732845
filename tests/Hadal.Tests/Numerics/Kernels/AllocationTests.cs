using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

[Trait("Category", "Kernels")]
public sealed class AllocationTests
{
    [Fact]
    public void No_kernel_allocates_managed_memory()
    {
        const int rows = 40, d = 1024;
        Matrix x = Sample.Random(1, rows, d), y = Sample.Empty(rows, d), z = Sample.Empty(rows, d), row = Sample.Random(2, 1, d);
        Matrix sum = Sample.Empty(1, d), column = Sample.Random(3, rows, 1), other = Sample.Empty(rows, 1);
        Matrix cos = Sample.Random(4, rows, 32), sin = Sample.Random(5, rows, 32);
        int[] ids = [.. Enumerable.Range(0, rows)], best = new int[8];
        using WorkerPool pool = new(2);
        void Kernels()
        {
            RmsNorm.Forward(pool, x, row, 1e-6f, y, other);
            RmsNorm.Backward(pool, x, row, other, y, z, sum);
            Softmax.Forward(pool, x, y);
            Softmax.Backward(pool, y, x, z);
            SwiGlu.Forward(pool, x, y, z);
            SwiGlu.Backward(pool, x, y, z, y, z);
            Sigmoid.Forward(pool, x, y);
            Rotary.Apply(pool, y, y, 16, 64, 0, 64, ids, cos, sin, RotaryLayout.Interleaved);
            Embedding.Gather(pool, x, ids, y);
            Embedding.ScatterAdd(pool, y, ids, z);
            CrossEntropy.Forward(pool, x, ids, column, other);
            CrossEntropy.Backward(pool, x, ids, other, column, y);
            Elementwise.Add(pool, x, y, y);
            Elementwise.Copy(pool, x, y);
            Elementwise.SumRows(pool, x, sum);
            _ = Elementwise.SumOfSquares(pool, x);
            TopK.Select(x.Row(0), best);
        }

        // What starts up (lazies, statics, tiers) may allocate once.
        for (int i = 0; i < 3; i++) Kernels();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++) Kernels();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
