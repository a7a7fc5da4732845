using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>How layers write to and read from the pages of a batch's caches.</summary>
internal static class CachedAttention
{
    /// <summary>Writes the new tokens' rows of a layer.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="pass">The forward pass; its <see cref="ForwardPass.KeysAndValues"/> are the layer's rows afterwards.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="first">Latents, [tokens, R], or keys, [tokens, keyHeads * dim].</param>
    /// <param name="second">Rotated keys, [tokens, P], or values, [tokens, keyHeads * dim].</param>
    public static void Store(Graph g, ForwardPass pass, int layer, Tensor first, Tensor second)
    {
        TokenBatch batch = pass.Batch;
        AttentionSequence[] sequences = pass.KeysAndValues;
        for (int s = 0; s < sequences.Length; s++)
        {
            (int start, int count) = (batch.SequenceArray[s].Start, batch.SequenceArray[s].Count);
            sequences[s] = new AttentionSequence(start, count, batch.Caches[s].Rows(layer, batch.PositionArray[start] + count));
        }

        CacheRows.Store(g.Workers, sequences, first.AsMatrix(), second.AsMatrix());
    }

    /// <summary>Reads all latents and rotated keys of a sequence back, [S, R] and [S, P].</summary>
    public static (Tensor Latent, Tensor RotaryKey) Load(Graph g, CacheRows rows)
    {
        Tensor latent = g.Allocate(new Shape(rows.Length, rows.Format.FirstElements)), rotaryKey = g.Allocate(new Shape(rows.Length, rows.Format.SecondElements));
        rows.Load(g.Workers, 0, latent.AsMatrix(), rotaryKey.AsMatrix());
        return (latent, rotaryKey);
    }
}
