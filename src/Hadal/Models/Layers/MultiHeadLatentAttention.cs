using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>
/// Multi-head latent attention. DeepSeek-V2 (2405.04434) eqs. 9-19 and 37-47; V3 keeps it unchanged.
/// T new tokens, S = cached + T, H heads, R = kv_lora_rank, P = qk_rope_head_dim, N = qk_nope_head_dim, V = v_head_dim.
/// Cached per token: c_kv [R], already normalised, and k_pe [P], already rotated. Nothing else; that is the point.
/// </summary>
public sealed class MultiHeadLatentAttention : IAttention
{
    // The latents' norms take no ε from config.json: the reference code builds them with its default.
    private const float LatentNormEps = 1e-6f;

    private readonly DeepSeekConfig _config;
    private readonly float _scale;
    private readonly int _layer;

    internal MultiHeadLatentAttention(ParameterScope scope, DeepSeekConfig config, int layer)
    {
        (int hidden, int heads) = (config.HiddenSize, config.NumAttentionHeads);
        if (config.QLoraRank is { } rank)
        {
            QueryDown = scope.Projection("q_a_proj", hidden, rank, config.AttentionBias);
            QueryNorm = scope.Norm("q_a_layernorm", rank);
            QueryUp = scope.Projection("q_b_proj", rank, heads * config.QkHeadDim);
        }
        else
        {
            QueryUp = scope.Projection("q_proj", hidden, heads * config.QkHeadDim);
        }

        LatentDown = scope.Projection("kv_a_proj_with_mqa", hidden, config.KvLoraRank + config.QkRopeHeadDim, config.AttentionBias);
        LatentNorm = scope.Norm("kv_a_layernorm", config.KvLoraRank);
        LatentUp = scope.LatentUp(heads, config.QkNopeHeadDim, config.VHeadDim, config.KvLoraRank);
        Output = scope.Projection("o_proj", heads * config.VHeadDim, hidden, config.AttentionBias);
        _config = config;
        _scale = (float)(RotaryFrequencies.SoftmaxScaleFactor(config.Rope) / Math.Sqrt(config.QkHeadDim));
        _layer = layer;
    }

    /// <summary>W^DQ: hidden to q_lora_rank, if queries are compressed.</summary>
    public Projection? QueryDown { get; }

    /// <summary>The norm of the compressed query.</summary>
    public Parameter? QueryNorm { get; }

    /// <summary>W^UQ and W^QR in one: to H heads of N + P.</summary>
    public Projection QueryUp { get; }

    /// <summary>W^DKV and W^KR in one: hidden to R + P.</summary>
    public Projection LatentDown { get; }

    /// <summary>The norm of the latent.</summary>
    public Parameter LatentNorm { get; }

    /// <summary>W^UK and W^UV, head by head: R to H heads of N + V.</summary>
    public LatentUpProjection LatentUp { get; }

    /// <summary>W^O: H heads of V to hidden.</summary>
    public Projection Output { get; }

    /// <inheritdoc/>
    public Tensor Forward(Graph g, Tensor x, ForwardPass pass)
    {
        (int heads, int r, int p) = (_config.NumAttentionHeads, _config.KvLoraRank, _config.QkRopeHeadDim);
        Tensor[] fromInput = g.Linear(x, [QueryDown is null ? QueryUp.Layer(recomputes: true) : QueryDown.Layer(), LatentDown.Layer()]);
        Tensor q = QueryDown is null
            ? fromInput[0]
            : QueryUp.Forward(g, g.RmsNorm(fromInput[0], QueryNorm!.Value, LatentNormEps), recomputes: true);
        q = g.Rotary(q, heads, _config.QkNopeHeadDim, pass.Angles);                         // [T, H, N + P]

        Tensor down = fromInput[1];                                                         // [T, R + P]
        Tensor latent = g.RmsNorm(g.Columns(down, 0, r), LatentNorm.Value, LatentNormEps);  // c_kv [T, R]
        Tensor rotaryKey = g.Rotary(g.Columns(down, r, p), 1, 0, pass.Angles);              // k_pe [T, P]

        Tensor attended = pass.Form == MlaForm.Expanded
            ? AttendExpanded(g, q, latent, rotaryKey, pass)
            : AttendAbsorbed(g, q, latent, rotaryKey, pass);                                // [T, H, V]
        return Output.Forward(g, attended, recomputes: true);                               // [T, hidden]
    }

    private Tensor AttendExpanded(Graph g, Tensor q, Tensor latent, Tensor rotaryKey, ForwardPass pass)
    {
        TokenBatch batch = pass.Batch;
        AttentionShape shape = new(_config.NumAttentionHeads, _config.NumAttentionHeads, _config.QkHeadDim, _config.VHeadDim, _scale);
        if (batch.Caches.Count == 0)
        {
            (Tensor keys, Tensor values) = Expand(g, latent, rotaryKey);                    // [T, H, N + P], [T, H, V]
            return g.Attention(shape, q, keys, values, batch.SequenceArray);
        }

        CachedAttention.Store(g, pass, _layer, latent, rotaryKey);
        AttentionSequence[] sequences = pass.KeysAndValues;
        for (int s = 0; s < sequences.Length; s++)
        {
            (Tensor c, Tensor pe) = CachedAttention.Load(g, sequences[s].Cached!.Value);    // [S, R], [S, P]
            (Tensor keys, Tensor values) = Expand(g, c, pe);                                // [S, H, N + P], [S, H, V]
            sequences[s] = new AttentionSequence(sequences[s].QueryStart, sequences[s].QueryCount, keys.AsMatrix(), values.AsMatrix());
        }

        return g.Attention(shape, q, sequences, g.Precision.WithoutF8());
    }

    private (Tensor Keys, Tensor Values) Expand(Graph g, Tensor latent, Tensor rotaryKey) =>
        g.LatentKeys(LatentUp.Forward(g, latent), rotaryKey, _config.NumAttentionHeads, _config.VHeadDim);

    // With W^UK taken into the query and W^UV into what comes out, all heads attend to the same latent rows, which are keys (all R + P
    // lanes) and values (the first R) at once. S never meets H · V.
    private Tensor AttendAbsorbed(Graph g, Tensor q, Tensor latent, Tensor rotaryKey, ForwardPass pass)
    {
        (int heads, int r, int p, int n, int v) = (
            _config.NumAttentionHeads, _config.KvLoraRank, _config.QkRopeHeadDim, _config.QkNopeHeadDim, _config.VHeadDim);
        Tensor absorbed = g.Allocate(new Shape(q.Shape.Rows, heads * (r + p)));             // [T, H, R + P]
        HeadBlocks.Copy(g.Workers, new(q.AsMatrix(), n + p, n), new(absorbed.AsMatrix(), r + p, r), heads, p);
        LatentUp.Absorb(g, q.AsMatrix(), absorbed.AsMatrix());

        AttentionShape shape = new(heads, 1, r + p, r, _scale);
        Tensor mixed = pass.Batch.Caches.Count == 0
            ? AttendToLatents(g, shape, absorbed, g.Concatenate(latent, rotaryKey), pass)
            : AttendToCaches(g, shape, absorbed, latent, rotaryKey, pass);                  // [T, H, R]
        Tensor values = g.Allocate(new Shape(q.Shape.Rows, heads * v));                     // [T, H, V]
        LatentUp.Expand(g, mixed.AsMatrix(), values.AsMatrix());
        return values;
    }

    // rows [T, R + P]
    private static Tensor AttendToLatents(Graph g, AttentionShape shape, Tensor absorbed, Tensor rows, ForwardPass pass)
    {
        AttentionSequence[] sequences = pass.KeysAndValues;
        for (int s = 0; s < sequences.Length; s++)
        {
            SequenceRows sequence = pass.Batch.SequenceArray[s];
            Matrix keys = rows.AsMatrix().RowRange(sequence.Start, sequence.Count);
            sequences[s] = new AttentionSequence(sequence.Start, sequence.Count, keys, keys.ColumnRange(0, shape.ValueDim));
        }

        return g.Attention(shape, absorbed, sequences);
    }

    private Tensor AttendToCaches(Graph g, AttentionShape shape, Tensor absorbed, Tensor latent, Tensor rotaryKey, ForwardPass pass)
    {
        CachedAttention.Store(g, pass, _layer, latent, rotaryKey);
        return g.Attention(shape, absorbed, pass.KeysAndValues, g.Precision.WithoutF8());
    }
}
