using System.Text.Json;

namespace Hadal.Models;

/// <summary>
/// Keys by which relatives of these architectures change the mathematics. To ignore one would be to compute something else, so each
/// must be missing, null or at the value that changes nothing. (pretraining_tp isn't here: it cuts sums in parts, no more.)
/// </summary>
internal static class NeutralKeys
{
    private static readonly string[] s_factors =
    [
        "partial_rotary_factor", "rotary_pct", "logit_scale", "logits_scaling", "residual_multiplier", "embedding_multiplier", "scale_emb",
    ];

    private static readonly string[] s_switches =
    [
        "use_mrope", "qk_norm", "use_qk_norm", "qk_layernorm", "alibi", "use_parallel_residual", "attn_output_gate",
    ];

    private static readonly string[] s_settings =
    [
        "attention_multiplier", "query_pre_attn_scalar", "scale_depth", "attn_logit_softcapping", "final_logit_softcapping", "clip_qkv",
        "index_topk", "no_rope_layers", "attention_chunk_size", "mup_base_width",
    ];

    /// <summary>Checks config.json.</summary>
    public static void Check(ConfigReader reader)
    {
        CheckFactors(reader);
        foreach (string key in s_switches) reader.RequireNeutral(key, value => value.ValueKind == JsonValueKind.False, "false");
        foreach (string key in s_settings) reader.RequireNeutral(key, _ => false, "nothing");
        reader.RequireNeutral("use_mla", value => value.ValueKind == JsonValueKind.True, "true");
        reader.RequireNeutral("layer_types", IsFullAttention, "'full_attention' for all layers");
    }

    /// <summary>Checks an object that can hold factors too: transformers 5 keeps partial_rotary_factor in rope_parameters.</summary>
    public static void CheckFactors(ConfigReader reader)
    {
        foreach (string key in s_factors)
        {
            reader.RequireNeutral(key, value => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double n) && n == 1, "1");
        }
    }

    private static bool IsFullAttention(JsonElement layers) =>
        layers.ValueKind == JsonValueKind.Array &&
        layers.EnumerateArray().All(layer => layer.ValueKind == JsonValueKind.String && layer.ValueEquals("full_attention"));
}
