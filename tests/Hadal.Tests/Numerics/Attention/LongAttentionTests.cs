using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

/// <summary>Sequences of several chunks of keys, which workers may share: nobody can tell afterwards who computed what.</summary>
[Trait("Category", "Kernels")]
public sealed class LongAttentionTests
{
    // Few and many rows for each key head: with one query some take a lane for each key and some one for each row, whole sequences always
    // the latter.
    private static readonly AttentionShape[] s_shapes =
    [
        new(2, 2, 24, 20, 0.3f), new(6, 2, 32, 32, 0.25f), new(8, 1, 40, 32, 0.2f), new(16, 1, 36, 32, 0.2f), new(20, 1, 20, 17, 0.2f), new(40, 1, 12, 8, 0.4f),
    ];

    [Fact]
    public void Neither_workers_nor_other_sequences_change_a_bit()
    {
        (int, int, int)[] sequences = [(1, 1300, 1), (3, 700, 2), (40, 1100, 3), (1, 513, 4), (1, 512, 5), (2, 90, 6)];
        foreach (AttentionShape shape in s_shapes)
        {
            using AttentionCase one = new(shape, sequences, magnitude: 3);
            one.Forward(KernelKind.Managed, workers: 1);
            foreach (int workers in new[] { 2, 3, 7 })
            {
                using AttentionCase more = new(shape, sequences, magnitude: 3, gap: workers);
                more.Forward(KernelKind.Managed, workers);
                Assert.Equal(AttentionCase.Bits(one.Output), AttentionCase.Bits(more.Output));
                Assert.Equal(AttentionCase.Bits(one.LogSumExp), AttentionCase.Bits(more.LogSumExp));
            }

            for (int i = 0, start = 0; i < sequences.Length; start += sequences[i++].Item1)
            {
                using AttentionCase alone = new(shape, [sequences[i]], magnitude: 3);
                alone.Forward(KernelKind.Managed, workers: 3);
                Assert.Equal(AttentionCase.Bits(one.Output.RowRange(start, sequences[i].Item1)), AttentionCase.Bits(alone.Output));
            }
        }
    }

    [Theory]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.BF16)]
    public void A_token_decoded_has_the_bits_it_has_when_the_sequence_is_scored_at_once(ElementType type)
    {
        const int Queries = 60, Keys = 1070;
        using WorkerPool pool = new(3);
        foreach (AttentionShape shape in s_shapes)
        {
            using AttentionCase attention = new(shape, [(Queries, Keys, 1)], magnitude: 3, shared: shape.KeyHeads == 1 && shape.ValueDim < shape.KeyDim);
            using PagedCase paged = new(attention, type);
            Attention.ForwardWith(KernelKind.Managed, pool, shape, attention.Q, paged.Sequences, attention.Output, attention.LogSumExp);
            foreach (int chunk in new[] { 1, 4, 17 })
            {
                Matrix output = attention.Allocate(Queries, shape.Heads * shape.ValueDim);
                for (int start = 0; start < Queries; start += chunk)
                {
                    int count = Math.Min(chunk, Queries - start);
                    AttentionSequence part = new(start, count, paged.Rows(0, Keys - Queries + start + count));
                    Attention.ForwardWith(KernelKind.Managed, pool, shape, attention.Q, [part], output, null);
                }

                Assert.Equal(AttentionCase.Bits(attention.Output), AttentionCase.Bits(output));
            }
        }
    }

    [Fact]
    public void Long_sequences_are_within_the_error_bound()
    {
        foreach (AttentionShape shape in s_shapes)
        {
            using AttentionCase attention = new(shape, [(1, 1300, 1), (5, 520, 2)], magnitude: 4);
            attention.Forward(KernelKind.Managed, workers: 3);
            AttentionOracle oracle = new(attention);
            AttentionForwardTests.AssertWithin(oracle.Output, AttentionCase.Read(attention.Output), $"output of {shape}");
            AttentionForwardTests.AssertWithin(oracle.LogSumExp, AttentionCase.Read(attention.LogSumExp), $"log-sum-exp of {shape}");
        }
    }

    [Fact]
    public void Keys_of_minus_infinity_in_whole_chunks_take_no_weight()
    {
        AttentionShape shape = new(4, 1, 4, 4, 1);
        using AttentionCase attention = new(shape, [(2, 1200, 1)]);
        for (int key = 0; key < 1200; key++) attention.Sequences[0].Keys.Row(key).Fill(key < 600 ? float.NegativeInfinity : 0);
        attention.Q.Row(0).Fill(1);
        attention.Q.Row(1).Fill(1);
        attention.Forward(KernelKind.Managed, workers: 2);
        double[] mean = [.. Enumerable.Range(0, 4).Select(d => Enumerable.Range(600, 600).Average(key => (double)attention.Sequences[0].Values.Row(key)[d]))];
        for (int i = 0; i < 16; i++) Assert.Equal(mean[i % 4], attention.Output.Row(1)[i], 1e-5);
        Assert.Equal(Math.Log(600), attention.LogSumExp.Row(1)[0], 1e-5);
    }
}
