using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Models;

/// <summary>Who else is in the batch, how many threads compute and whether a tape is kept must not change a bit.</summary>
public sealed class BatchInvarianceTests : IDisposable
{
    private readonly WorkerPool _workers = new(1);

    public static TheoryData<string> Kinds => TinyModels.Kinds;

    public void Dispose() => _workers.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Batched_with_strangers_equals_alone_to_the_last_bit(string kind)
    {
        using Transformer model = TinyModels.Create(kind);
        int[][] sequences = [TinyModels.Ids(37, 1), TinyModels.Ids(1, 2), TinyModels.Ids(90, 3), TinyModels.Ids(8, 4)];
        foreach (MlaForm form in TinyModels.Forms(kind))
        {
            using Graph g = new(_workers, recording: false);
            float[] together = model.Logits(g, model.Forward(g, TokenBatch.Of(sequences), form)).Span.ToArray();
            float[] alone = [.. sequences.SelectMany(ids => TinyModels.Whole(model, _workers, ids, form))];
            TinyModels.AssertSameBits(alone, together, $"{kind}, {form}");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Cached_with_strangers_at_other_positions_equals_alone_to_the_last_bit(string kind)
    {
        using Transformer model = TinyModels.Create(kind);
        int[][] prompts = [TinyModels.Ids(70, 1), TinyModels.Ids(3, 2), TinyModels.Ids(31, 3)];
        int[][] next = [TinyModels.Ids(1, 5), TinyModels.Ids(6, 6), TinyModels.Ids(1, 7)];
        foreach (MlaForm form in TinyModels.Forms(kind))
        {
            KvCache[] together = [.. prompts.Select(_ => new KvCache(model.Config))], alone = [.. prompts.Select(_ => new KvCache(model.Config))];
            float[] expected = [.. prompts.SelectMany((ids, s) => TinyModels.Next(model, _workers, form, [alone[s]], ids))];
            TinyModels.AssertSameBits(expected, TinyModels.Next(model, _workers, form, together, prompts), $"{kind}, {form}, prompts");
            expected = [.. next.SelectMany((ids, s) => TinyModels.Next(model, _workers, form, [alone[s]], ids))];
            TinyModels.AssertSameBits(expected, TinyModels.Next(model, _workers, form, together, next), $"{kind}, {form}, decoding");
            foreach (KvCache cache in together.Concat(alone)) cache.Dispose();
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void One_two_and_three_workers_compute_the_same_bits(string kind)
    {
        using Transformer model = TinyModels.Create(kind);
        int[] ids = TinyModels.Ids(70, 8);
        using WorkerPool two = new(2), three = new(3);
        foreach (MlaForm form in TinyModels.Forms(kind))
        {
            float[] expected = TinyModels.Whole(model, _workers, ids, form);
            TinyModels.AssertSameBits(expected, TinyModels.Whole(model, two, ids, form), $"{kind}, {form}, two");
            TinyModels.AssertSameBits(expected, TinyModels.Whole(model, three, ids, form), $"{kind}, {form}, three");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_recording_graph_computes_the_same_bits(string kind)
    {
        using Transformer model = TinyModels.Create(kind);
        int[] ids = TinyModels.Ids(66, 9);
        using Graph g = new(_workers, recording: true);
        Tensor logits = model.Logits(g, model.Forward(g, TokenBatch.Of(ids)));
        Assert.True(g.RecordedOperations > 0 && logits.RequiresGradient);
        TinyModels.AssertSameBits(TinyModels.Whole(model, _workers, ids, MlaForm.Expanded), logits.Span, kind);
    }

    [Fact]
    public void Wrong_batches_are_refused()
    {
        using Transformer model = TinyModels.Create("llama with biases");
        using KvCache cache = new(model.Config);
        Assert.Throws<ArgumentException>(() => TokenBatch.Of());
        Assert.Throws<ArgumentException>(() => TokenBatch.Of([1], []));
        Assert.Throws<ArgumentException>(() => TokenBatch.Continue([[1], [2]], [cache]));
        Assert.Throws<ArgumentException>(() => TokenBatch.Continue([[1], [2]], [cache, cache]));
        Assert.Throws<ArgumentOutOfRangeException>(() => TinyModels.Whole(model, _workers, [97], MlaForm.Expanded));
        Assert.Throws<ArgumentOutOfRangeException>(() => TinyModels.Whole(model, _workers, [-1], MlaForm.Expanded));
    }
}
