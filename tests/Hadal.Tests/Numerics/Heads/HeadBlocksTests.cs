using Hadal.Numerics;
using Hadal.Tests.Numerics.Kernels;

namespace Hadal.Tests.Numerics.Heads;

[Trait("Category", "Kernels")]
public sealed class HeadBlocksTests
{
    [Fact]
    public void Lanes_are_copied_to_their_place_and_others_left_alone_at_every_width()
    {
        for (int width = 0; width <= 70; width++)
        {
            const int tokens = 19, heads = 3, offset = 2, target = 5;
            int sourceStride = width + 4, targetStride = width + 7;
            Matrix source = Sample.Random(width, tokens, heads * sourceStride), destination = Sample.Random(width + 1, tokens, heads * targetStride);
            Matrix copied = Sample.CopyOf(destination), added = Sample.CopyOf(destination);
            HeadBlocks.Copy(Sample.Pool, new(source, sourceStride, offset), new(copied, targetStride, target), heads, width);
            HeadBlocks.Accumulate(Sample.Pool, new(source, sourceStride, offset), new(added, targetStride, target), heads, width);
            Matrix expectedCopy = Sample.CopyOf(destination), expectedSum = Sample.CopyOf(destination);
            for (int t = 0; t < tokens; t++)
            {
                for (int i = 0; i < heads * width; i++)
                {
                    int to = i / width * targetStride + target + i % width;
                    float value = source.Row(t)[i / width * sourceStride + offset + i % width];
                    expectedCopy.Row(t)[to] = value;
                    expectedSum.Row(t)[to] += value;
                }
            }

            Sample.AssertSameBits(expectedCopy, copied);
            Sample.AssertSameBits(expectedSum, added);
        }
    }

    [Fact]
    public void A_shared_source_goes_to_all_heads_and_a_shared_destination_adds_them_in_order()
    {
        const int tokens = 33, heads = 5, width = 21;
        Matrix shared = Sample.Random(1, tokens, width), each = Sample.Empty(tokens, heads * width);
        HeadBlocks.Copy(Sample.Pool, new(shared, 0, 0), new(each, width, 0), heads, width);
        Matrix sums = Sample.Random(2, tokens, width, scale: 1e3f), expected = Sample.CopyOf(sums), terms = Sample.Random(3, tokens, heads * width);
        HeadBlocks.Accumulate(Sample.Pool, new(terms, width, 0), new(sums, 0, 0), heads, width);
        for (int t = 0; t < tokens; t++)
        {
            for (int i = 0; i < heads * width; i++)
            {
                Assert.Equal(shared.Row(t)[i % width], each.Row(t)[i]);
                expected.Row(t)[i % width] += terms.Row(t)[i]; // i ascends: head 0 first
            }
        }

        Sample.AssertSameBits(expected, sums);
    }

    [Fact]
    public void Workers_change_no_bit()
    {
        Matrix terms = Sample.Random(1, 100, 90);
        Sample.AssertSameForAnyWorkerCount(pool =>
        {
            Matrix sums = Sample.Random(2, 100, 20);
            HeadBlocks.Accumulate(pool, new(terms, 30, 7), new(sums, 0, 1), 3, 19);
            return sums;
        });
    }

    [Fact]
    public void Lanes_outside_the_rows_are_refused()
    {
        // Three heads of 4 lanes, 5 apart from lane 1: 2 * 5 + 1 + 4 = 15 lanes.
        HeadBlock Block(int columns, int stride = 5, int offset = 1, int rows = 2) => new(Sample.Empty(rows, columns), stride, offset);
        HeadBlocks.Copy(Sample.Pool, Block(15), Block(15), 3, 4);
        void Refused(HeadBlock bad, int heads = 3, int width = 4)
        {
            HeadBlock good = Block(1000);
            Assert.Throws<ArgumentException>(() => HeadBlocks.Copy(Sample.Pool, bad, good, heads, width));
            Assert.Throws<ArgumentException>(() => HeadBlocks.Copy(Sample.Pool, good, bad, heads, width));
            Assert.Throws<ArgumentException>(() => HeadBlocks.Accumulate(Sample.Pool, bad, good, heads, width));
        }

        Refused(Block(14));
        Refused(Block(15, offset: 2));
        Refused(Block(15, stride: 6));
        Refused(Block(15, offset: -1));
        Refused(Block(15, stride: -5));
        Refused(Block(15, stride: int.MaxValue));
        Refused(Block(15), heads: 0);
        Refused(Block(15), width: -1);
        Refused(Block(15), width: int.MaxValue);
        Refused(Block(1000, rows: 3));
    }

    [Fact]
    public void A_warm_call_allocates_no_managed_memory()
    {
        using WorkerPool pool = new(1);
        Matrix a = Sample.Random(1, 9, 24), b = Sample.Empty(9, 24), weights = Sample.Random(2, 3, 3), y = Sample.Empty(3, 24);
        int[] slots = [0, 1, 2, 3, 4, 5, 6, 7, 8];
        void Kernels()
        {
            HeadBlocks.Copy(pool, new(a, 8, 0), new(b, 8, 0), 3, 8);
            HeadBlocks.Accumulate(pool, new(a, 8, 0), new(b, 0, 0), 3, 8);
            ExpertCombination.Combine(pool, a, slots, weights, y);
            ExpertCombination.Distribute(pool, y, slots, weights, b);
            ExpertCombination.AddWeightGradient(pool, y, slots, a, weights);
        }

        for (int i = 0; i < 3; i++) Kernels();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++) Kernels();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
