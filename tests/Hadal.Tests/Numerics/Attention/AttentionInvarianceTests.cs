using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

/// <summary>What the bits of a result may not depend on.</summary>
[Trait("Category", "Kernels")]
public sealed class AttentionInvarianceTests
{
    public static TheoryData<KernelKind> Kinds => [KernelKind.Reference, KernelKind.Managed];

    internal static readonly AttentionShape[] Shapes =
    [
        new(4, 4, 24, 24, 0.2f),
        new(4, 2, 40, 17, 0.2f),
        new(6, 1, 72, 64, 0.1f),
        new(3, 3, 1, 3, 1.5f),
        new(2, 1, 128, 128, 0.09f),
    ];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_sequence_is_computed_alike_whole_in_chunks_and_query_by_query(KernelKind kind)
    {
        using WorkerPool pool = new(2);
        foreach (AttentionShape shape in Shapes)
        {
            using AttentionCase attention = new(shape, [(150, 170, 1)], magnitude: 3);
            attention.Forward(kind);
            foreach (int chunk in new[] { 1, 7, 64, 149 })
            {
                Matrix output = attention.Allocate(150, shape.Heads * shape.ValueDim);
                Matrix logSumExp = attention.Allocate(150, shape.Heads);
                for (int start = 0; start < 150; start += chunk)
                {
                    int count = Math.Min(chunk, 150 - start);
                    AttentionSequence whole = attention.Sequences[0];
                    AttentionSequence part = new(
                        start, count, whole.Keys.RowRange(0, 20 + start + count), whole.Values.RowRange(0, 20 + start + count));
                    Attention.ForwardWith(kind, pool, shape, attention.Q, [part], output, logSumExp);
                }

                Assert.Equal(AttentionCase.Bits(attention.Output), AttentionCase.Bits(output));
                Assert.Equal(AttentionCase.Bits(attention.LogSumExp), AttentionCase.Bits(logSumExp));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Neither_workers_nor_row_strides_nor_other_sequences_change_a_bit(KernelKind kind)
    {
        (int, int, int)[] sequences = [(40, 40, 1), (1, 131, 2), (90, 200, 3), (3, 66, 4)];
        foreach (AttentionShape shape in Shapes)
        {
            using AttentionCase together = new(shape, sequences);
            together.Forward(kind, workers: 1);
            together.Backward(kind, workers: 1);
            foreach (int workers in new[] { 2, 3, 5 })
            {
                using AttentionCase again = new(shape, sequences, gap: workers);
                again.Forward(kind, workers);
                again.Backward(kind, workers);
                AssertSame(together, again);
            }

            int start = 0;
            for (int i = 0; i < sequences.Length; i++)
            {
                using AttentionCase alone = new(shape, [sequences[i]], gap: 3);
                alone.Forward(kind, workers: 3);
                alone.Backward(kind, workers: 3);
                int count = sequences[i].Item1;
                Assert.Equal(AttentionCase.Bits(together.Output.RowRange(start, count)), AttentionCase.Bits(alone.Output));
                Assert.Equal(AttentionCase.Bits(together.LogSumExp.RowRange(start, count)), AttentionCase.Bits(alone.LogSumExp));
                Assert.Equal(AttentionCase.Bits(together.QueryGradient.RowRange(start, count)), AttentionCase.Bits(alone.QueryGradient));
                Assert.Equal(AttentionCase.Bits(together.Gradients[i].Keys), AttentionCase.Bits(alone.Gradients[0].Keys));
                Assert.Equal(AttentionCase.Bits(together.Gradients[i].Values), AttentionCase.Bits(alone.Gradients[0].Values));
                start += count;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Latent_attention_with_values_inside_the_keys_does_not_depend_on_workers(KernelKind kind)
    {
        AttentionShape shape = new(40, 1, 72, 64, 0.1f);
        (int, int, int)[] sequences = [(5, 130, 1), (1, 70, 2)];
        using AttentionCase one = new(shape, sequences, shared: true);
        one.Forward(kind, workers: 1);
        one.Backward(kind, workers: 1);
        using AttentionCase five = new(shape, sequences, shared: true);
        five.Forward(kind, workers: 5);
        five.Backward(kind, workers: 5);
        AssertSame(one, five);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Memory_between_rows_and_rows_of_no_sequence_are_left_alone(KernelKind kind)
    {
        AttentionShape shape = new(3, 1, 10, 9, 1);
        using AttentionCase attention = new(shape, [(30, 30, 1), (4, 80, 2)], gap: 7);
        using WorkerPool pool = new(2);
        Attention.ForwardWith(kind, pool, shape, attention.Q, [attention.Sequences[1]], attention.Output, attention.LogSumExp);
        Assert.All(AttentionCase.Read(attention.Output.RowRange(0, 30)), x => Assert.True(float.IsNaN(x)));
        attention.Forward(kind);
        attention.Backward(kind);
        AssertNothingBetweenRows(attention, gap: 7);
    }

    [Fact]
    public void A_warm_call_allocates_no_managed_memory()
    {
        AttentionShape shape = new(4, 2, 32, 32, 0.2f);
        using AttentionCase attention = new(shape, [(5, 80, 1), (1, 33, 2)]);
        using WorkerPool pool = new(1);
        for (int i = 0; i < 3; i++) Call();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Call();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Call()
        {
            Attention.ForwardWith(
                KernelKind.Managed, pool, shape, attention.Q, attention.Sequences, attention.Output, attention.LogSumExp);
            Attention.BackwardWith(
                KernelKind.Managed, pool, shape, attention.Q, attention.Sequences, attention.Output, attention.LogSumExp,
                attention.OutputGradient, attention.QueryGradient, attention.Gradients);
        }
    }

    internal static void AssertNothingBetweenRows(AttentionCase attention, int gap)
    {
        foreach (Matrix matrix in new[]
        {
            attention.Output, attention.LogSumExp, attention.QueryGradient, attention.Gradients[1].Keys, attention.Gradients[1].Values,
        })
        {
            for (int row = 0; row < matrix.Rows; row++)
            {
                Span<float> between = matrix.Buffer.AsSpan<float>(row * matrix.RowStride + matrix.Columns, gap);
                Assert.True(between.IndexOfAnyExcept(float.NaN) < 0, $"something was written behind row {row}");
                Assert.True(matrix.Row(row).IndexOf(float.NaN) < 0, $"NaN in row {row}");
            }
        }
    }

    internal static void AssertSame(AttentionCase expected, AttentionCase actual)
    {
        Assert.Equal(AttentionCase.Bits(expected.Output), AttentionCase.Bits(actual.Output));
        Assert.Equal(AttentionCase.Bits(expected.LogSumExp), AttentionCase.Bits(actual.LogSumExp));
        Assert.Equal(AttentionCase.Bits(expected.QueryGradient), AttentionCase.Bits(actual.QueryGradient));
        for (int i = 0; i < expected.Gradients.Length; i++)
        {
            Assert.Equal(AttentionCase.Bits(expected.Gradients[i].Keys), AttentionCase.Bits(actual.Gradients[i].Keys));
            Assert.Equal(AttentionCase.Bits(expected.Gradients[i].Values), AttentionCase.Bits(actual.Gradients[i].Values));
        }
    }
}
