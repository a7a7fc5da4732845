using System.Text.Json.Nodes;

namespace Hadal.Cli.Quickstart;

/// <summary>The models of quickstart as config.json says them; vocabulary and special tokens come from the tokenizer.</summary>
internal static class QuickstartModels
{
    private const int Context = 512;

    /// <summary>DeepSeek-V3's parts, each as small as it can be: latent attention, routed and shared experts, one prediction module.</summary>
    public static JsonObject Base => new()
    {
        ["model_type"] = "deepseek_v3",
        ["hidden_size"] = 128,
        ["num_hidden_layers"] = 2,
        ["num_attention_heads"] = 4,
        ["q_lora_rank"] = null,
        ["kv_lora_rank"] = 32,
        ["qk_nope_head_dim"] = 32,
        ["qk_rope_head_dim"] = 16,
        ["v_head_dim"] = 32,
        ["intermediate_size"] = 384,
        ["first_k_dense_replace"] = 1,
        ["n_routed_experts"] = 8,
        ["n_shared_experts"] = 1,
        ["num_experts_per_tok"] = 2,
        ["moe_intermediate_size"] = 96,
        ["n_group"] = 1,
        ["topk_group"] = 1,
        ["routed_scaling_factor"] = 1.0,
        ["norm_topk_prob"] = true,
        ["num_nextn_predict_layers"] = 1,
        ["max_position_embeddings"] = Context,
        ["rope_theta"] = 10000,
        ["initializer_range"] = 0.02,
    };

    /// <summary>A dense student of Llama's architecture, as R1's students are of Qwen's and Llama's.</summary>
    public static JsonObject Student => new()
    {
        ["model_type"] = "llama",
        ["hidden_size"] = 96,
        ["num_hidden_layers"] = 2,
        ["num_attention_heads"] = 3,
        ["num_key_value_heads"] = 3,
        ["intermediate_size"] = 256,
        ["max_position_embeddings"] = Context,
        ["rope_theta"] = 10000,
        ["rms_norm_eps"] = 1e-6,
        ["initializer_range"] = 0.02,
    };
}
