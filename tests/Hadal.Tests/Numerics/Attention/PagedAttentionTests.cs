using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

/// <summary>Attention to pages of a cache against attention to matrices.</summary>
[Trait("Category", "Kernels")]
public sealed class PagedAttentionTests
{
    private static readonly (AttentionShape Shape, bool Latent)[] s_shapes =
    [
        (new(4, 2, 40, 17, 0.2f), false),
        (new(12, 2, 64, 64, 0.125f), false),
        (new(3, 3, 5, 3, 1.5f), false),
        (new(8, 1, 40, 32, 0.1f), true),
        (new(16, 1, 72, 64, 0.1f), true),
        (new(5, 1, 21, 17, 0.1f), true),
    ];

    private static readonly int[] s_outside = [0, 5], s_negative = [-1, 0];

    public static TheoryData<KernelKind, ElementType> Kinds => new()
    {
        { KernelKind.Reference, ElementType.F32 },
        { KernelKind.Reference, ElementType.F8E4M3 },
        { KernelKind.Managed, ElementType.F32 },
        { KernelKind.Managed, ElementType.BF16 },
        { KernelKind.Managed, ElementType.F8E4M3 },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Pages_give_the_bits_that_the_same_rows_give_as_matrices(KernelKind kind, ElementType type)
    {
        using WorkerPool pool = new(2);
        foreach ((AttentionShape shape, bool latent) in s_shapes)
        {
            using AttentionCase attention = new(shape, [(1, 131, 1), (40, 40, 2), (3, 64, 3), (70, 200, 4), (2, 2, 5)], gap: 3, shared: latent);
            using PagedCase paged = new(attention, type);
            AttentionSequence[] matrices =
            [
                .. attention.Sequences.Select((s, i) => paged.Loaded(attention, i) is var (k, v) ? new AttentionSequence(s.QueryStart, s.QueryCount, k, v) : s),
            ];
            Attention.ForwardWith(kind, pool, shape, attention.Q, matrices, attention.Output, attention.LogSumExp);
            (Matrix output, Matrix logSumExp) = (attention.Allocate(116, shape.Heads * shape.ValueDim), attention.Allocate(116, shape.Heads));
            Attention.ForwardWith(kind, pool, shape, attention.Q, paged.Sequences, output, logSumExp);
            Assert.Equal(AttentionCase.Bits(attention.Output), AttentionCase.Bits(output));
            Assert.Equal(AttentionCase.Bits(attention.LogSumExp), AttentionCase.Bits(logSumExp));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_cached_sequence_is_computed_alike_whole_in_chunks_and_query_by_query(KernelKind kind, ElementType type)
    {
        const int Queries = 130, Keys = 150;
        using WorkerPool pool = new(2);
        foreach ((AttentionShape shape, bool latent) in s_shapes)
        {
            using AttentionCase attention = new(shape, [(Queries, Keys, 1)], magnitude: 3, shared: latent);
            using PagedCase paged = new(attention, type);
            Attention.ForwardWith(kind, pool, shape, attention.Q, paged.Sequences, attention.Output, attention.LogSumExp);
            foreach (int chunk in new[] { 1, 7, 64, 129 })
            {
                Matrix output = attention.Allocate(Queries, shape.Heads * shape.ValueDim);
                for (int start = 0; start < Queries; start += chunk)
                {
                    int count = Math.Min(chunk, Queries - start);
                    AttentionSequence part = new(start, count, paged.Rows(0, Keys - Queries + start + count));
                    Attention.ForwardWith(kind, pool, shape, attention.Q, [part], output, null);
                }

                Assert.Equal(AttentionCase.Bits(attention.Output), AttentionCase.Bits(output));
            }
        }
    }

    [Fact]
    public void F32_pages_lose_nothing()
    {
        foreach ((AttentionShape shape, bool latent) in s_shapes)
        {
            using AttentionCase attention = new(shape, [(70, 200, 4)], shared: latent);
            using PagedCase paged = new(attention, ElementType.F32);
            attention.Forward(KernelKind.Managed);
            Matrix output = attention.Allocate(70, shape.Heads * shape.ValueDim);
            using WorkerPool pool = new(3);
            Attention.ForwardWith(KernelKind.Managed, pool, shape, attention.Q, paged.Sequences, output, null);
            Assert.Equal(AttentionCase.Bits(attention.Output), AttentionCase.Bits(output));
        }
    }

    [Fact]
    public void Sequences_may_share_pages()
    {
        AttentionShape shape = new(4, 2, 16, 16, 0.25f);
        using AttentionCase attention = new(shape, [(1, 100, 1)]);
        using PagedCase paged = new(attention, ElementType.F32);
        attention.Forward(KernelKind.Managed);
        Matrix q = attention.Allocate(2, 64), output = attention.Allocate(2, 64);
        attention.Q.Row(0).CopyTo(q.Row(0));
        attention.Q.Row(0).CopyTo(q.Row(1));
        using WorkerPool pool = new(2);
        CacheRows rows = paged.Rows(0, 100);
        Attention.ForwardWith(KernelKind.Managed, pool, shape, q, [new(0, 1, rows), new(1, 1, rows)], output, null);
        Assert.Equal(AttentionCase.Bits(attention.Output), AttentionCase.Bits(output.RowRange(0, 1)));
        Assert.Equal(AttentionCase.Bits(attention.Output), AttentionCase.Bits(output.RowRange(1, 1)));
    }

    [Fact]
    public void Rows_that_do_not_fit_are_refused()
    {
        AttentionShape shape = new(4, 2, 16, 12, 0.25f);
        using AttentionCase attention = new(shape, [(2, 100, 1)]);
        using PagedCase paged = new(attention, ElementType.BF16);
        using WorkerPool pool = new(1);
        CacheRows good = paged.Rows(0, 100);
        AssertRefused("heads of 16 and 12", good with { Format = CacheRowFormat.KeysAndValues(ElementType.BF16, 2, 12, 16) });
        AssertRefused("found 2 of 64", good with { Length = 129 });
        AssertRefused("page 5 is none of the pool's 5", good with { PageTable = s_outside });
        AssertRefused("page -1", good with { PageTable = s_negative });
        AssertRefused("2 queries", good with { Length = 1 });
        AssertRefused("without a pool", default);
        ArgumentException refusal = Assert.Throws<ArgumentException>(() => Attention.Backward(
            pool, shape, attention.Q, paged.Sequences, attention.Output, attention.LogSumExp, attention.OutputGradient, attention.QueryGradient,
            attention.Gradients));
        Assert.Contains("no backward", refusal.Message, StringComparison.Ordinal);

        void AssertRefused(string found, CacheRows rows)
        {
            ArgumentException refusal = Assert.Throws<ArgumentException>(
                () => Attention.Forward(pool, shape, attention.Q, [new AttentionSequence(0, 2, rows)], attention.Output, null));
            Assert.Contains(found, refusal.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_warm_call_allocates_no_managed_memory()
    {
        AttentionShape shape = new(8, 1, 40, 32, 0.2f);
        using AttentionCase attention = new(shape, [(1, 80, 1), (1, 133, 2)], shared: true);
        using PagedCase paged = new(attention, ElementType.F8E4M3);
        using WorkerPool pool = new(1);
        Matrix first = attention.Allocate(2, 32), second = attention.Allocate(2, 8);
        for (int i = 0; i < 3; i++) Call();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Call();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Call()
        {
            CacheRows.Store(pool, paged.Sequences, first, second);
            Attention.ForwardWith(KernelKind.Managed, pool, shape, attention.Q, paged.Sequences, attention.Output, null);
        }
    }
}
