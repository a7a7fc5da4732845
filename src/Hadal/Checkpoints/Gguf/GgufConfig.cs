using Hadal.Autograd;
using Hadal.Models;

namespace Hadal.Checkpoints.Gguf;

/// <summary>
/// A configuration as the keys of a GGUF file, by llama.cpp's names. What GGUF has no key for is in <see cref="Note"/>, the text of
/// config.json, which counts when a file is read only if it means the very keys that the file has: other programs may have changed them.
/// </summary>
internal static class GgufConfig
{
    /// <summary>The architecture of DeepSeek V2 and V3.</summary>
    public const string DeepSeek = "deepseek2";

    /// <summary>Holds config.json; other readers pass over it.</summary>
    public const string Note = "hadal.config";

    /// <summary>GGUF's name of a model's architecture.</summary>
    public static string Architecture(ModelConfig config) => config is DeepSeekConfig ? DeepSeek : config.ModelType;

    /// <summary>The head dimension that rotates.</summary>
    public static int RotaryDimension(ModelConfig config) => config is DeepSeekConfig deepSeek ? deepSeek.QkRopeHeadDim : ((DenseConfig)config).HeadDim;

    /// <summary>The keys that describe a model.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="CheckpointException">GGUF has no way to say what the model computes.</exception>
    public static List<KeyValuePair<string, object>> Keys(ModelConfig config, string path)
    {
        RequireExpressible(config, path);
        string a = Architecture(config);
        List<KeyValuePair<string, object>> keys = [];
        Add("block_count", (uint)(config.NumHiddenLayers + ((config as DeepSeekConfig)?.NumNextnPredictLayers ?? 0)));
        Add("context_length", (uint)config.MaxPositionEmbeddings);
        Add("embedding_length", (uint)config.HiddenSize);
        Add("feed_forward_length", (uint)config.IntermediateSize);
        Add("attention.head_count", (uint)config.NumAttentionHeads);
        // Latent attention in its absorbed form is multi-query attention: all heads share the latent as their one key.
        Add("attention.head_count_kv", config is DeepSeekConfig ? 1u : (uint)config.NumKeyValueHeads);
        Add("attention.layer_norm_rms_epsilon", config.RmsNormEps);
        Add("vocab_size", (uint)config.VocabSize);
        Add("rope.dimension_count", (uint)RotaryDimension(config));
        keys.AddRange(GgufRope.Keys(a, config.Rope));
        if (config is DenseConfig dense)
        {
            Add("attention.key_length", (uint)dense.HeadDim);
            Add("attention.value_length", (uint)dense.HeadDim);
        }
        else if (config is DeepSeekConfig deepSeek)
        {
            AddLatentAttention(deepSeek);
            AddExperts(deepSeek);
        }

        return keys;

        void Add(string name, object value) => keys.Add(new($"{a}.{name}", value));

        void AddLatentAttention(DeepSeekConfig mla)
        {
            // llama.cpp asks for the query rank even where there is none, unless it knows the model by its number of layers.
            Add("attention.q_lora_rank", (uint)(mla.QLoraRank ?? 0));
            Add("attention.kv_lora_rank", (uint)mla.KvLoraRank);
            Add("attention.key_length", (uint)(mla.KvLoraRank + mla.QkRopeHeadDim));
            Add("attention.value_length", (uint)mla.KvLoraRank);
            Add("attention.key_length_mla", (uint)mla.QkHeadDim);
            Add("attention.value_length_mla", (uint)mla.VHeadDim);
        }

        void AddExperts(DeepSeekConfig moe)
        {
            Add("leading_dense_block_count", (uint)LeadingDense(moe));
            Add("expert_feed_forward_length", (uint)(moe.NRoutedExperts > 0 ? moe.MoeIntermediateSize : moe.IntermediateSize));
            Add("expert_shared_count", (uint)moe.NSharedExperts);
            if (moe.NumNextnPredictLayers > 0) Add("nextn_predict_layers", (uint)moe.NumNextnPredictLayers);
            if (moe.NRoutedExperts == 0) return;
            RoutingRule rule = moe.Routing;
            Add("expert_count", (uint)moe.NRoutedExperts);
            Add("expert_used_count", (uint)rule.TopK);
            Add("expert_weights_scale", rule.Scale);
            Add("expert_weights_norm", rule.Normalise);
            Add("expert_gating_func", rule.Score == ScoreFunction.Softmax ? 1u : 2u);
            // To be limited to all groups is to be limited to none, and llama.cpp takes no other way to say that.
            if (!rule.LimitsGroups || rule.TopGroups == rule.Groups) return;
            Add("expert_group_count", (uint)rule.Groups);
            Add("expert_group_used_count", (uint)rule.TopGroups);
        }
    }

    /// <summary>What other programs do otherwise with a model in GGUF, one sentence each.</summary>
    public static IEnumerable<string> Differences(ModelConfig config)
    {
        if (config is not DeepSeekConfig moe) yield break;
        if (moe.NRoutedExperts > 0 && moe.Routing is { Selection: ExpertSelection.GroupLimitedGreedy, LimitsGroups: true })
        {
            yield return "llama.cpp ranks groups of experts by their two best, where this model takes the best alone: it routes otherwise there.";
        }

        if (moe.RmsNormEps != 1e-6f)
        {
            yield return $"llama.cpp uses rms_norm_eps, {moe.RmsNormEps}, in the norms of latents too, where DeepSeek's code has 1e-6.";
        }
    }

    private static int LeadingDense(DeepSeekConfig config) =>
        config.NRoutedExperts == 0 ? config.NumHiddenLayers : Math.Min(config.FirstKDenseReplace, config.NumHiddenLayers);

    private static void RequireExpressible(ModelConfig config, string path)
    {
        if (config.Rope.Kind == RopeKind.Llama3 && config.ModelType != "llama") throw No("rope_type llama3", "it only for llama");
        if (config.Rope is { Kind: RopeKind.Yarn, Truncate: false }) throw No("YaRN without truncate", "truncate true");
        if (config is not DeepSeekConfig deepSeek) return;
        if (!deepSeek.RopeInterleave) throw No("rope_interleave false", "true");
        if (deepSeek.AttentionBias) throw No("attention_bias of latent attention", "false");
        int lead = LeadingDense(deepSeek);
        bool hasMoe = deepSeek.NRoutedExperts > 0;
        if (Enumerable.Range(0, deepSeek.NumHiddenLayers + deepSeek.NumNextnPredictLayers).Any(l => deepSeek.HasExperts(l) != (hasMoe && l >= lead)))
        {
            throw No($"moe_layer_freq {deepSeek.MoeLayerFreq}", "1");
        }

        CheckpointException No(string found, string expected) => new(path, $"the model has {found}, which GGUF can't say, expected {expected}");
    }
}
