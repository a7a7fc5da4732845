using System.Text;
using System.Text.Json.Nodes;
using Hadal.Models;

namespace Hadal.Tests.Models;

/// <summary>The text of a config.json, to be changed key by key and read as a file.</summary>
internal sealed class ConfigText
{
    private readonly List<KeyValuePair<string, string>> _entries;

    private ConfigText(IEnumerable<KeyValuePair<string, string>> entries) => _entries = [.. entries];

    /// <summary>A tiny Llama: two layers, four heads of eight, two key heads.</summary>
    public static ConfigText Llama { get; } = Parse(
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48,
         "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "hidden_act": "silu",
         "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "rope_scaling": null, "initializer_range": 0.2, "bos_token_id": 0, "eos_token_id": 1}
        """);

    /// <summary>A tiny Qwen2: biases, tied embeddings.</summary>
    public static ConfigText Qwen2 { get; } = Llama
        .With("architectures", """["Qwen2ForCausalLM"]""").With("model_type", "\"qwen2\"").With("tie_word_embeddings", "true");

    /// <summary>A tiny DeepSeek-V3: compressed queries, sigmoid routing in groups, one dense layer.</summary>
    public static ConfigText V3 { get; } = Parse(
        """
        {"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "vocab_size": 97, "hidden_size": 32,
         "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4, "q_lora_rank": 20,
         "kv_lora_rank": 24, "qk_nope_head_dim": 12, "qk_rope_head_dim": 8, "v_head_dim": 10, "max_position_embeddings": 512,
         "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10000, "rope_scaling": null, "first_k_dense_replace": 1,
         "moe_layer_freq": 1, "n_routed_experts": 8, "n_shared_experts": 1, "moe_intermediate_size": 16, "num_experts_per_tok": 3,
         "n_group": 4, "topk_group": 2, "norm_topk_prob": true, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid",
         "topk_method": "noaux_tc", "num_nextn_predict_layers": 0, "initializer_range": 0.2, "bos_token_id": 0, "eos_token_id": 1}
        """);

    /// <summary>A tiny DeepSeek-V2-Lite: plain queries, softmax routing without groups.</summary>
    public static ConfigText V2 { get; } = V3
        .With("architectures", """["DeepseekV2ForCausalLM"]""").With("model_type", "\"deepseek_v2\"").With("q_lora_rank", "null")
        .With("n_shared_experts", "2").With("n_group", "1").With("topk_group", "1").With("norm_topk_prob", "false")
        .With("routed_scaling_factor", "1.0").With("scoring_func", "\"softmax\"").With("topk_method", "\"greedy\"")
        .Without("num_nextn_predict_layers");

    /// <summary>Keys in their order.</summary>
    public IEnumerable<string> Keys => _entries.Select(entry => entry.Key);

    /// <summary>Takes a JSON object apart.</summary>
    public static ConfigText Parse(string json) => new(
        JsonNode.Parse(json)!.AsObject().Select(pair => KeyValuePair.Create(pair.Key, pair.Value?.ToJsonString() ?? "null")));

    /// <summary>A released model's settings.</summary>
    public static ConfigText Fixture(string name) => Parse(File.ReadAllText(FixturePath(name)));

    /// <summary>Where they are.</summary>
    public static string FixturePath(string name) => Path.Combine(AppContext.BaseDirectory, "Fixtures", "configs", name + ".json");

    /// <summary>The raw value of a key.</summary>
    public string this[string key] => _entries.Single(entry => entry.Key == key).Value;

    /// <summary>With a key set to raw JSON.</summary>
    public ConfigText With(string key, string raw) => _entries.Any(entry => entry.Key == key)
        ? new(_entries.Select(entry => entry.Key == key ? KeyValuePair.Create(key, raw) : entry))
        : WithMore(key, raw);

    /// <summary>With a key added, though it may be there already.</summary>
    public ConfigText WithMore(string key, string raw) => new([.. _entries, KeyValuePair.Create(key, raw)]);

    /// <summary>Without a key.</summary>
    public ConfigText Without(string key) => new(_entries.Where(entry => entry.Key != key));

    /// <summary>Reads it as a file.</summary>
    public ModelConfig Read() => ReadText(ToString());

    /// <summary>Reads any text as a config.json.</summary>
    public static ModelConfig ReadText(string text) => ReadBytes(Encoding.UTF8.GetBytes(text));

    /// <summary>Reads any bytes as a config.json.</summary>
    public static ModelConfig ReadBytes(byte[] bytes)
    {
        string folder = Directory.CreateTempSubdirectory("hadal-config-").FullName;
        try
        {
            string path = Path.Combine(folder, "config.json");
            File.WriteAllBytes(path, bytes);
            return ModelConfig.Read(path);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public override string ToString() => "{" + string.Join(", ", _entries.Select(entry => $"\"{entry.Key}\": {entry.Value}")) + "}";
}
