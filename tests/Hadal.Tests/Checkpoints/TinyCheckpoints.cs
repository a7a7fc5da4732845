using Hadal.Checkpoints;
using Hadal.Models;

namespace Hadal.Tests.Checkpoints;

/// <summary>A model of each family, as small as its config.json allows, with random weights in every parameter.</summary>
internal static class TinyCheckpoints
{
    public const string V3 = """
        {"architectures":["DeepseekV3ForCausalLM"],"model_type":"deepseek_v3","vocab_size":12,"hidden_size":8,"intermediate_size":6,
        "num_hidden_layers":2,"num_attention_heads":2,"num_key_value_heads":2,"max_position_embeddings":32,"q_lora_rank":4,
        "kv_lora_rank":4,"qk_nope_head_dim":4,"qk_rope_head_dim":2,"v_head_dim":4,"first_k_dense_replace":1,"moe_layer_freq":1,
        "n_routed_experts":4,"n_shared_experts":1,"moe_intermediate_size":4,"num_experts_per_tok":2,"n_group":2,"topk_group":1,
        "norm_topk_prob":true,"routed_scaling_factor":2.5,"scoring_func":"sigmoid","topk_method":"noaux_tc",
        "num_nextn_predict_layers":1,"bos_token_id":0,"eos_token_id":[1,2],"rms_norm_eps":1e-6,"aux_loss_alpha":0.001}
        """;

    public const string V2 = """
        {"architectures":["DeepseekV2ForCausalLM"],"model_type":"deepseek_v2","vocab_size":12,"hidden_size":8,"intermediate_size":6,
        "num_hidden_layers":2,"num_attention_heads":2,"max_position_embeddings":32,"q_lora_rank":null,"kv_lora_rank":4,
        "qk_nope_head_dim":4,"qk_rope_head_dim":2,"v_head_dim":4,"first_k_dense_replace":1,"n_routed_experts":4,"n_shared_experts":2,
        "moe_intermediate_size":4,"num_experts_per_tok":2,"scoring_func":"softmax","topk_method":"greedy",
        "rope_scaling":{"type":"yarn","factor":4,"original_max_position_embeddings":8,"mscale":0.7,"mscale_all_dim":0.7},
        "bos_token_id":0,"eos_token_id":1}
        """;

    public const string Qwen2 = """
        {"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","vocab_size":12,"hidden_size":8,"intermediate_size":6,
        "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":32,"rope_theta":1000000.0,
        "tie_word_embeddings":true,"bos_token_id":0,"eos_token_id":1}
        """;

    public const string Llama = """
        {"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":12,"hidden_size":8,"intermediate_size":6,
        "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":32,"rms_norm_eps":1e-5,
        "rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
        "original_max_position_embeddings":16},"tie_word_embeddings":false,"bos_token_id":0,"eos_token_id":1}
        """;

    /// <summary>V3 with matrices that take more than one block of 128, the last of them partial.</summary>
    public static string WideV3 => V3
        .Replace("\"hidden_size\":8", "\"hidden_size\":136", StringComparison.Ordinal)
        .Replace("\"moe_intermediate_size\":4", "\"moe_intermediate_size\":130", StringComparison.Ordinal);

    /// <summary>The config.json of a family, by the name that test cases use.</summary>
    public static string Config(string family) => family switch
    {
        "v3" => V3,
        "v3-wide" => WideV3,
        "v2" => V2,
        "qwen2" => Qwen2,
        "llama" => Llama,
        _ => throw new ArgumentException($"no family {family}", nameof(family)),
    };

    /// <summary>Makes the model in memory.</summary>
    public static Transformer Create(string config, int seed = 1)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.At("config.json"), config);
        Transformer model = ModelReader.Describe(folder.Path);
        model.Initialise(seed);
        Random random = new(seed);
        foreach (Parameter parameter in model.Parameters.Where(p => !p.IsMatrix))
        {
            foreach (ref float value in parameter.Value.Span) value = random.NextSingle() * 2 - 0.5f;
        }

        return model;
    }

    /// <summary>Writes the model's folder.</summary>
    public static void Write(string config, string folder, int seed = 1)
    {
        using Transformer model = Create(config, seed);
        ModelWriter.Write(model, folder);
    }
}
