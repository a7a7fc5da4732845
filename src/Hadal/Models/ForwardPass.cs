using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>In which of its two equal forms latent attention is computed.</summary>
public enum MlaForm
{
    /// <summary>Keys and values are expanded from the latents: the form with a backward, and the cheaper one for many queries.</summary>
    Expanded,

    /// <summary>
    /// The up-projections are absorbed into query and output, so attention runs on the cached latents themselves: fewest bytes for
    /// few queries (DeepSeek-V2, end of section 2.1.2).
    /// </summary>
    Absorbed,
}

/// <summary>Sees named intermediate results: <c>hidden_states.N</c>, <c>layers.N.self_attn_output</c>, <c>layers.N.topk_indices</c>, ...</summary>
/// <param name="name">The name used in saved results of other implementations.</param>
/// <param name="value">The tensor, readable during the call.</param>
public delegate void ForwardProbe(string name, Tensor value);

/// <summary>What the layers of one forward pass share besides the graph: the tokens, the angles, the form, the probe.</summary>
public sealed class ForwardPass
{
    internal ForwardPass(TokenBatch batch, RotaryAngles angles, MlaForm form, ForwardProbe? probe, ExpertBalance? balance)
    {
        Batch = batch;
        Angles = angles;
        Form = form;
        Probe = probe;
        Balance = balance;
        KeysAndValues = new AttentionSequence[batch.Sequences.Count];
    }

    /// <summary>The tokens.</summary>
    public TokenBatch Batch { get; }

    /// <summary>Rotary cosines and sines of the batch's positions.</summary>
    public RotaryAngles Angles { get; }

    /// <summary>The form of latent attention.</summary>
    public MlaForm Form { get; }

    /// <summary>Room for the keys and values of each sequence, filled anew by every layer.</summary>
    internal AttentionSequence[] KeysAndValues { get; }

    /// <summary>Sees intermediate results, if anyone asked.</summary>
    internal ForwardProbe? Probe { get; }

    /// <summary>Notes the use of experts, if anyone asked.</summary>
    internal ExpertBalance? Balance { get; }

    /// <summary>Computes the tables for a batch on a graph.</summary>
    internal static ForwardPass Begin(
        Graph g, TokenBatch batch, ReadOnlySpan<float> inverse, float amplitude, RotaryLayout layout, MlaForm form, ForwardProbe? probe,
        ExpertBalance? balance)
    {
        // One table row per position in use, not per token: sequences of a batch mostly share their positions.
        int first = int.MaxValue, last = 0;
        foreach (int position in batch.PositionArray) (first, last) = (Math.Min(first, position), Math.Max(last, position));
        bool dense = last - first < batch.Count;
        int[] positions = dense ? new int[last - first + 1] : batch.PositionArray, rows = new int[batch.Count];
        if (dense)
        {
            for (int i = 0; i < positions.Length; i++) positions[i] = first + i;
        }

        for (int i = 0; i < rows.Length; i++) rows[i] = dense ? batch.PositionArray[i] - first : i;
        Tensor cos = g.Allocate(new Shape(positions.Length, inverse.Length)), sin = g.Allocate(cos.Shape); // [positions, dim / 2]
        RotaryFrequencies.FillTables(inverse, amplitude, positions, cos.Span, sin.Span);
        return new ForwardPass(batch, new RotaryAngles(cos, sin, layout, rows), form, probe, balance);
    }
}
