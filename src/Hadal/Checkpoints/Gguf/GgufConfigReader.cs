using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hadal.Models;

namespace Hadal.Checkpoints.Gguf;

/// <summary>
/// Makes a configuration of a GGUF file's keys: they are put into the words of config.json and go through the same checks as one.
/// </summary>
internal sealed class GgufConfigReader
{
    // What relatives of these architectures say of themselves; each would have to be computed, so none may be passed over.
    private static readonly string[] s_unbuilt =
    [
        "attention.sliding_window", "attention.scale", "attention.clamp_kqv", "attention.temperature_scale", "attn_logit_softcapping", "final_logit_softcapping",
        "logit_scale", "embedding_scale", "residual_scale", "use_parallel_residual", "rope.dimension_sections", "attention.indexer.top_k", "swiglu_clamp_exp",
        "interleave_moe_layer_step", "expert_chunk_feed_forward_length",
    ];

    private static readonly string[] s_ends = ["eos", "eot", "eom"];

    private readonly GgufFile _file;
    private readonly GgufMetadata _keys;
    private readonly string _architecture;
    private readonly JsonObject _config = [];

    private GgufConfigReader(GgufFile file)
    {
        _file = file;
        _keys = file.Metadata;
        _architecture = _keys.Text("general.architecture") ?? throw Problem("general.architecture is missing");
        if (_architecture is not (GgufConfig.DeepSeek or "llama" or "qwen2"))
        {
            throw Problem($"general.architecture is {CheckpointException.Quote(_architecture)}, expected 'deepseek2', 'llama' or 'qwen2'");
        }
    }

    /// <summary>Whether W^UK and W^UV are two tensors in the file: all layers or none have them so.</summary>
    public static bool IsSplit(GgufFile file) => !file.Tensors.ContainsKey("blk.0.attn_kv_b.weight");

    /// <summary>Reads the configuration.</summary>
    /// <exception cref="CheckpointException">A key is missing, of a wrong type, or asks for what isn't built.</exception>
    /// <exception cref="ConfigurationException">The keys make no configuration that could be.</exception>
    public static ModelConfig Read(GgufFile file)
    {
        GgufConfigReader reader = new(file);
        if (file.Metadata.Number("split.count") is > 1 and long parts)
        {
            throw reader.Problem($"the file is one of {parts} parts of a model, expected the whole model in one file");
        }

        return reader.ReadNote() ?? reader.ReadKeys();
    }

    // The note counts if the file's keys are those that it means: the file is then as it was written.
    private ModelConfig? ReadNote()
    {
        if (_keys.Text(GgufConfig.Note) is not { } text) return null;
        ModelConfig note = ModelConfig.Parse(text, $"{_file.Path}: {GgufConfig.Note}");
        if (GgufConfig.Architecture(note) != _architecture || note.TieWordEmbeddings == _file.Tensors.ContainsKey(GgufNames.Head)) return null;
        if (GgufConfig.Keys(note, _file.Path).Any(key => !Same(key.Value, _keys.Value(key.Key)))) return null;
        bool hasFactors = _file.Tensors.TryGetValue(GgufNames.RotaryFactors, out GgufTensor? factors);
        if (hasFactors != (note.Rope.Kind == RopeKind.Llama3)) return null;
        int dim = GgufConfig.RotaryDimension(note);
        if (hasFactors)
        {
            if (factors!.ElementCount != dim / 2) return null;
            float[] found = new float[dim / 2];
            _file.ReadRows(factors, 0, 1, found);
            if (!GgufRope.Matches(found, note.Rope, dim)) return null;
        }

        return note;
    }

    private static bool Same(object expected, object? found) => expected is string or bool
        ? expected.Equals(found)
        : found is not (null or string or bool or Array)
            && Convert.ToDouble(expected, CultureInfo.InvariantCulture) == Convert.ToDouble(found, CultureInfo.InvariantCulture);

    private ModelConfig ReadKeys()
    {
        foreach (string name in s_unbuilt)
        {
            string key = $"{_architecture}.{name}";
            if (_keys.Value(key) is null or 0u or 0f or false) continue;
            throw Problem($"{key} is there, expected a model without it: it changes the mathematics in a way that is not built");
        }

        long modules = Number("nextn_predict_layers") ?? 0, layers = Need("block_count") - modules;
        _config["num_hidden_layers"] = layers;
        _config["vocab_size"] = Number("vocab_size") ?? (_file.Tensors.GetValueOrDefault("token_embd.weight") is { Dimensions: [.., long rows] } ? rows : null);
        _config["hidden_size"] = Need("embedding_length");
        _config["intermediate_size"] = Need("feed_forward_length");
        _config["num_attention_heads"] = Need("attention.head_count");
        _config["max_position_embeddings"] = Need("context_length");
        string epsilon = $"{_architecture}.attention.layer_norm_rms_epsilon";
        _config["rms_norm_eps"] = _keys.Finite(epsilon) ?? throw Problem($"{epsilon} is missing, expected a number");
        _config["tie_word_embeddings"] = !_file.Tensors.ContainsKey(GgufNames.Head);
        int dim = _architecture == GgufConfig.DeepSeek ? ReadDeepSeek(layers, modules) : ReadDense();
        GgufRope.Read(_file, _architecture, _config, dim);
        if (_keys.Number("tokenizer.ggml.bos_token_id") is { } bos) _config["bos_token_id"] = bos;
        long[] ends = [.. s_ends.Select(name => _keys.Number($"tokenizer.ggml.{name}_token_id")).OfType<long>().Distinct()];
        if (ends.Length > 0) _config["eos_token_id"] = new JsonArray([.. ends.Select(end => JsonValue.Create(end))]);
        using JsonDocument document = JsonDocument.Parse(_config.ToJsonString());
        return ModelConfig.Read(document.RootElement.Clone(), _file.Path);
    }

    private int ReadDense()
    {
        _config["model_type"] = _architecture;
        if (Number("expert_count") is > 0 and long experts) throw Problem($"{_architecture}.expert_count is {experts}, expected a model without experts");
        long heads = Need("attention.head_count"), width = Need("embedding_length");
        long head = Number("attention.key_length") ?? (heads > 0 ? width / heads : 0), rotary = Number("rope.dimension_count") ?? head;
        if (rotary != head || (Number("attention.value_length") ?? head) != head)
        {
            throw Problem($"{_architecture}.rope.dimension_count and the lengths of keys and values differ, expected one head dimension");
        }

        if (head is < 2 or > int.MaxValue) throw Problem($"the head dimension is {head}, expected 2 or more");
        _config["head_dim"] = head;
        _config["num_key_value_heads"] = Number("attention.head_count_kv") ?? heads;
        if (_architecture == "llama")
        {
            _config["attention_bias"] = _file.Tensors.ContainsKey("blk.0.attn_q.bias");
            _config["mlp_bias"] = _file.Tensors.ContainsKey("blk.0.ffn_gate.bias");
        }

        return (int)head;
    }

    private int ReadDeepSeek(long layers, long modules)
    {
        long rotary = Need("rope.dimension_count"), key = Number("attention.key_length_mla") ?? 0, value = Number("attention.value_length_mla") ?? 0;
        if (key == 0 || value == 0) (key, value) = (Need("attention.key_length"), Need("attention.value_length"));
        if (rotary is < 1 or > int.MaxValue) throw Problem($"{_architecture}.rope.dimension_count is {rotary}, expected 1 or more");
        _config["q_lora_rank"] = Number("attention.q_lora_rank") is > 0 and long rank ? rank : null;
        _config["kv_lora_rank"] = Need("attention.kv_lora_rank");
        _config["qk_nope_head_dim"] = key - rotary;
        _config["qk_rope_head_dim"] = rotary;
        _config["v_head_dim"] = value;
        _config["num_nextn_predict_layers"] = modules;
        long dense = Number("leading_dense_block_count") ?? 0, experts = Number("expert_count") ?? 0, groups = Number("expert_group_count") ?? 1;
        bool hasBias = _file.Tensors.ContainsKey($"blk.{dense}.exp_probs_b.bias"), isSigmoid = Number("expert_gating_func") switch
        {
            null or 0 or 1 => false,
            2 => true,
            long other => throw Problem($"{_architecture}.expert_gating_func is {other}, expected 1 for softmax or 2 for sigmoid"),
        };
        bool normalises = _keys.Flag($"{_architecture}.expert_weights_norm") ?? false;
        double scale = _keys.Finite($"{_architecture}.expert_weights_scale") ?? 1;
        // Only the words differ: V3's say every rule, V2's not that weights are both normalised and scaled.
        bool isV3 = isSigmoid || hasBias || (normalises && scale != 1);
        _config["model_type"] = isV3 ? "deepseek_v3" : "deepseek_v2";
        if (experts == 0) return (int)rotary;
        if (isSigmoid && !hasBias && groups > 1) throw Problem($"groups of experts by sigmoid scores need exp_probs_b.bias, which layer {dense} lacks");
        _config["n_routed_experts"] = experts;
        _config["n_shared_experts"] = Number("expert_shared_count") ?? 0;
        _config["moe_intermediate_size"] = Need("expert_feed_forward_length");
        _config["num_experts_per_tok"] = Need("expert_used_count");
        _config["first_k_dense_replace"] = Math.Min(dense, layers);
        _config["n_group"] = Math.Max(groups, 1);
        _config["topk_group"] = groups > 1 ? Need("expert_group_used_count") : 1;
        _config["norm_topk_prob"] = normalises;
        _config["routed_scaling_factor"] = scale == 0 ? 1 : scale;
        _config["scoring_func"] = isSigmoid ? "sigmoid" : "softmax";
        _config["topk_method"] = hasBias ? "noaux_tc" : groups > 1 ? "group_limited_greedy" : "greedy";
        return (int)rotary;
    }

    private long? Number(string name) => _keys.Number($"{_architecture}.{name}");

    private long Need(string name) => Number(name) ?? throw Problem($"{_architecture}.{name} is missing, expected a whole number");

    private CheckpointException Problem(string problem) => new(_file.Path, problem);
}
