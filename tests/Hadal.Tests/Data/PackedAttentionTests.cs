using Hadal.Autograd;
using Hadal.Data;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;

namespace Hadal.Tests.Data;

/// <summary>What a real model makes of packed documents: the neighbours in a pack must not matter.</summary>
public sealed class PackedAttentionTests
{
    [Theory]
    [InlineData("v3")]
    [InlineData("qwen2")]
    public void Another_document_in_the_pack_changes_no_bit_of_logits_and_loss(string kind)
    {
        using WorkerPool workers = new(2);
        using Transformer model = TinyModels.Create(TinyModels.Config(kind).With("vocab_size", "258"));
        const string kept = "the document that stays as it is";
        (float[] logits, float[] losses, string neighbour) first = Run(model, workers, kept, "some words of a first neighbour");
        (float[] logits, float[] losses, string neighbour) second = Run(model, workers, kept, "SOME OTHER WORDS OF THE SECOND!");
        Assert.NotEqual(first.neighbour, second.neighbour);
        TinyModels.AssertSameBits(first.logits, second.logits, "logits");
        TinyModels.AssertSameBits(first.losses, second.losses, "losses");

        // The same comparison sees a change within the document.
        (float[] logits, float[] losses, string neighbour) changed = Run(model, workers, "The document that stays as it is", first.neighbour);
        Assert.NotEqual(first.logits, changed.logits);
        Assert.NotEqual(first.losses, changed.losses);
    }

    // Packs two documents and computes what the model says about the first.
    private static (float[] Logits, float[] Losses, string Neighbour) Run(Transformer model, WorkerPool workers, string document, string neighbour)
    {
        using TextData files = new();
        string path = files.Write("data.jsonl", $"{{\"text\": \"{document}\"}}\n{{\"text\": \"{neighbour}\"}}\n");
        using PackedData data = files.Open(path);
        PackedBatch batch = data.Next(1, 128);
        Assert.Equal(2, batch.Pieces.Count);
        Assert.Equal(1, batch.Packs);
        string[] texts = [.. files.Texts(batch)];
        int sequence = Array.IndexOf(texts, document);
        SequenceRows rows = batch.Tokens.Sequences[sequence];

        using Graph g = new(workers, recording: false);
        Tensor logits = model.Logits(g, model.Forward(g, batch.Tokens));
        Tensor losses = g.CrossEntropy(logits, batch.Targets);
        int vocabulary = model.Config.VocabSize;
        return (
            logits.Span.Slice(rows.Start * vocabulary, rows.Count * vocabulary).ToArray(),
            losses.Span.Slice(rows.Start, rows.Count).ToArray(),
            texts[1 - sequence]);
    }
}
