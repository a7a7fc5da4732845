using Hadal.Autograd;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Inference;

/// <summary>Decoding without anything that makes it fast: for every token the whole text is computed anew, alone, without a cache.</summary>
internal static class SlowDecoding
{
    /// <summary>The tokens that follow a prompt, without the end-of-text token.</summary>
    public static int[] Continue(
        Transformer model, WorkerPool workers, IReadOnlyList<int> prompt, int count, SamplingOptions? sampling = null, MlaForm? form = null,
        ProductPrecision precision = ProductPrecision.F32)
    {
        Sampler sampler = new(sampling ?? new SamplingOptions { Temperature = 0 });
        sampler.ObservePrompt([.. prompt]);
        List<int> ids = [.. prompt];
        for (int i = 0; i < count && ids.Count < model.Config.MaxPositionEmbeddings; i++)
        {
            int next = sampler.Next(Logits(model, workers, [.. ids], form, precision));
            if (model.Config.EosTokenIds.Contains(next)) break;
            sampler.Observe(next);
            ids.Add(next);
        }

        return [.. ids.Skip(prompt.Count)];
    }

    /// <summary>Scores behind the last token. The absorbed form, as decoding uses it, so that ties and near ties fall alike.</summary>
    public static float[] Logits(
        Transformer model, WorkerPool workers, int[] ids, MlaForm? form = null, ProductPrecision precision = ProductPrecision.F32)
    {
        using Graph g = new(workers, recording: false) { Precision = precision };
        Tensor hidden = model.Forward(g, TokenBatch.Of(ids), form ?? (model.Config is DeepSeekConfig ? MlaForm.Absorbed : MlaForm.Expanded));
        return model.Logits(g, g.Rows(hidden, [ids.Length - 1])).Span.ToArray();
    }
}
