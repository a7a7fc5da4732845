using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

[Trait("Category", "Kernels")]
public sealed class EmbeddingTests
{
    [Fact]
    public void Gather_copies_rows_of_either_type_at_every_width()
    {
        foreach (int d in Sample.Lengths)
        {
            Matrix table = Sample.Random(d, 9, d), y = Sample.Empty(4, d), narrowY = Sample.Empty(4, d);
            Matrix narrow = new(new NativeBuffer((9L * (d + 3) + 1) * 2), ElementType.BF16, 1, 9, d, d + 3);
            Elementwise.Copy(Sample.Pool, table, narrow);
            Matrix widened = Sample.Empty(9, d);
            Elementwise.Copy(Sample.Pool, narrow, widened);
            int[] ids = [8, 0, 8, 3];
            Embedding.Gather(Sample.Pool, table, ids, y);
            Embedding.Gather(Sample.Pool, narrow, ids, narrowY);
            for (int t = 0; t < ids.Length; t++)
            {
                Assert.Equal(table.Row(ids[t]).ToArray(), y.Row(t).ToArray());
                Assert.Equal(widened.Row(ids[t]).ToArray(), narrowY.Row(t).ToArray());
            }

            Sample.AssertNothingWrittenBetweenRows(y);
            Sample.AssertNothingWrittenBetweenRows(narrowY);
        }
    }

    [Fact]
    public void Scatter_adds_rows_of_one_id_in_ascending_order_for_any_worker_count()
    {
        // The terms differ so much in size that another order of addition gives other bits.
        const int rows = 41, d = 519;
        Matrix dy = Sample.Random(1, rows, d);
        for (int t = 0; t < rows; t++)
        {
            foreach (ref float value in dy.Row(t)) value *= MathF.Pow(10, t % 7);
        }

        int[] ids = [.. Enumerable.Range(0, rows).Select(t => t * t % 5)];
        Matrix expected = Sample.Random(2, 6, d);
        for (int t = 0; t < rows; t++)
        {
            for (int i = 0; i < d; i++) expected.Row(ids[t])[i] += dy.Row(t)[i];
        }

        Sample.AssertSameForAnyWorkerCount(pool =>
        {
            Matrix table = Sample.Random(2, 6, d);
            Embedding.ScatterAdd(pool, dy, ids, table);
            Sample.AssertSameBits(expected, table);
            return table;
        });
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(5)]
    public void An_id_out_of_range_is_named_before_anything_is_written(int bad)
    {
        Matrix table = Sample.Random(1, 5, 8), before = Sample.CopyOf(table), y = Sample.Empty(3, 8), dy = Sample.Random(2, 3, 8);
        int[] ids = [0, 1, bad];
        foreach (Action call in (Action[])
            [() => Embedding.Gather(Sample.Pool, table, ids, y), () => Embedding.ScatterAdd(Sample.Pool, dy, ids, table)])
        {
            ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(call);
            Assert.Contains($"entry 2 is {bad}, expected 0 to 4", error.Message, StringComparison.Ordinal);
        }

        Sample.AssertSameBits(before, table);
        Sample.AssertSameBits(Sample.Empty(3, 8), y);
    }
}
