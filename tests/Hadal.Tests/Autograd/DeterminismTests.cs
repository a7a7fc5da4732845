using System.Runtime.InteropServices;
using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Tests.Autograd;

/// <summary>What the bits of a step may not depend on.</summary>
public sealed class DeterminismTests
{
    private static readonly (int Seed, int Tokens)[] s_batch = [(1, 17), (2, 1), (3, 70), (4, 33)];

    [Fact]
    public void Loss_and_gradients_have_the_same_bits_for_any_number_of_workers()
    {
        List<int[]> expected = Step(1);
        Assert.All(expected.Skip(1), bits => Assert.Contains(bits, value => value != 0));
        foreach (int workers in (int[])[1, 2, 3]) Assert.Equal(expected, Step(workers));
    }

    [Fact]
    public void A_sequence_has_the_same_logits_alone_and_in_a_batch()
    {
        using WorkerPool pool = new(2);
        using Graph g = new(pool, recording: false);
        using Block together = new(pool, s_batch);
        int[] all = Bits(together.Logits(g));
        int vocabulary = all.Length / s_batch.Sum(s => s.Tokens), start = 0;
        foreach ((int seed, int tokens) in s_batch)
        {
            using Block alone = new(pool, [(seed, tokens)]);
            Assert.Equal(all.AsSpan(start * vocabulary, tokens * vocabulary).ToArray(), Bits(alone.Logits(g)));
            start += tokens;
        }
    }

    [Fact]
    public void A_graph_that_records_computes_the_same_bits_as_one_that_does_not()
    {
        using WorkerPool pool = new(2);
        using Graph g = new(pool, recording: false);
        using Block block = new(pool, s_batch);
        Assert.Equal(Bits(block.Logits(g)), Bits(block.Logits(block.Recording)));
    }

    [Fact]
    public void What_reused_memory_held_before_changes_no_bit()
    {
        using WorkerPool pool = new(2);
        using Block block = new(pool, s_batch);
        List<int[]> expected = Gradients(block);
        block.Recording.Reset();
        List<Tensor> poisoned = [];
        for (long bytes = 512; block.Recording.PooledBytes > 0; bytes += 1L << (int)(Math.Log2(bytes) - 3))
        {
            // All buffers of one size class, and one more that is new.
            for (long before = -1; before != block.Recording.PooledBytes;)
            {
                before = block.Recording.PooledBytes;
                poisoned.Add(block.Recording.Borrow(new Shape((int)(bytes / sizeof(float)))));
                poisoned[^1].Span.Fill(float.NaN);
            }
        }

        poisoned.ForEach(tensor => tensor.Dispose());
        foreach (Tensor parameter in block.Parameters) parameter.ZeroGradient();
        Assert.Equal(expected, Gradients(block));
    }

    private static List<int[]> Gradients(Block block)
    {
        block.Recording.Backward(block.Forward(block.Recording));
        return [.. block.Parameters.Select(parameter => Bits(parameter.Gradient!))];
    }

    private static List<int[]> Step(int workers)
    {
        using WorkerPool pool = new(workers);
        using Block block = new(pool, s_batch);
        List<int[]> bits = [];

        // Twice: the second step finds used memory in the pool, and adds to gradients.
        for (int step = 0; step < 2; step++)
        {
            Tensor loss = block.Forward(block.Recording);
            block.Recording.Backward(loss);
            bits.Add(Bits(loss));
            bits.AddRange(block.Parameters.Select(parameter => Bits(parameter.Gradient!)));
            block.Recording.Reset();
        }

        return bits;
    }

    private static int[] Bits(Tensor tensor) => MemoryMarshal.Cast<float, int>(tensor.Span).ToArray();
}
