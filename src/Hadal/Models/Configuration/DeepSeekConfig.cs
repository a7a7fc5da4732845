using System.Text.Json;
using Hadal.Autograd;

namespace Hadal.Models;

/// <summary>DeepSeek-V2 (2405.04434) and DeepSeek-V3 (2412.19437): multi-head latent attention and DeepSeekMoE.</summary>
public sealed record DeepSeekConfig : ModelConfig
{
    /// <summary>d'_c: rank of the query compression; null if queries are projected directly.</summary>
    public int? QLoraRank { get; init; }

    /// <summary>d_c: length of the latent that stands for keys and values.</summary>
    public required int KvLoraRank { get; init; }

    /// <summary>Lanes of a query or key that are not rotated.</summary>
    public required int QkNopeHeadDim { get; init; }

    /// <summary>d_R: rotated lanes of a query, and of the key that all heads share.</summary>
    public required int QkRopeHeadDim { get; init; }

    /// <summary>Length of a value.</summary>
    public required int VHeadDim { get; init; }

    /// <summary>Whether rotated lanes lie as interleaved pairs, as released, rather than as halves.</summary>
    public bool RopeInterleave { get; init; } = true;

    /// <summary>Layers at the start with a dense feed-forward.</summary>
    public int FirstKDenseReplace { get; init; }

    /// <summary>Every how many layers after the dense ones has experts.</summary>
    public int MoeLayerFreq { get; init; } = 1;

    /// <summary>Routed experts per layer; 0 if all layers are dense.</summary>
    public int NRoutedExperts { get; init; }

    /// <summary>Shared experts, which every token passes.</summary>
    public int NSharedExperts { get; init; }

    /// <summary>Width of one expert.</summary>
    public int MoeIntermediateSize { get; init; }

    /// <summary>The router's rule.</summary>
    public RoutingRule Routing { get; init; }

    /// <summary>Multi-token-prediction modules: V3 section 2.2.</summary>
    public int NumNextnPredictLayers { get; init; }

    /// <inheritdoc/>
    public override int CacheElementsPerLayer => KvLoraRank + QkRopeHeadDim;

    /// <inheritdoc/>
    public override int PlainCacheElementsPerLayer => NumAttentionHeads * (QkNopeHeadDim + VHeadDim);

    /// <summary>Length of a query or key.</summary>
    public int QkHeadDim => QkNopeHeadDim + QkRopeHeadDim;

    /// <summary>Whether layer <paramref name="layer"/> has experts.</summary>
    public bool HasExperts(int layer) => NRoutedExperts > 0 && layer >= FirstKDenseReplace && layer % MoeLayerFreq == 0;

    internal static DeepSeekConfig Read(ConfigReader reader, string modelType)
    {
        CheckCommon(reader);
        bool isV3 = modelType == "deepseek_v3";
        int heads = reader.Positive("num_attention_heads", most: SizeLimits.Heads), maxPositions = reader.Positive("max_position_embeddings", most: int.MaxValue);
        int experts = reader.NonNegative("n_routed_experts", 0, SizeLimits.Experts);
        DeepSeekConfig config = new()
        {
            Architecture = ReadArchitecture(reader, isV3 ? "DeepseekV3ForCausalLM" : "DeepseekV2ForCausalLM"),
            ModelType = modelType,
            VocabSize = reader.Positive("vocab_size"),
            HiddenSize = reader.Positive("hidden_size"),
            IntermediateSize = reader.Positive("intermediate_size"),
            NumHiddenLayers = reader.Positive("num_hidden_layers", most: SizeLimits.Layers),
            NumAttentionHeads = heads,
            NumKeyValueHeads = reader.Positive("num_key_value_heads", heads, SizeLimits.Heads),
            MaxPositionEmbeddings = maxPositions,
            RmsNormEps = (float)reader.Real("rms_norm_eps", 1e-6),
            Rope = RopeConfig.Read(reader, maxPositions),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            AttentionBias = reader.Flag("attention_bias", false),
            InitializerRange = (float)reader.Real("initializer_range", 0.02),
            BosTokenId = reader.Ids("bos_token_id") is [int bos] ? bos : null,
            EosTokenIds = reader.Ids("eos_token_id"),
            WeightBlockSize = ReadWeightBlockSize(reader),
            QLoraRank = reader.OptionalPositive("q_lora_rank"),
            KvLoraRank = reader.Positive("kv_lora_rank"),
            QkNopeHeadDim = reader.Positive("qk_nope_head_dim"),
            QkRopeHeadDim = reader.Positive("qk_rope_head_dim"),
            VHeadDim = reader.Positive("v_head_dim"),
            RopeInterleave = reader.Flag("rope_interleave", true),
            FirstKDenseReplace = reader.NonNegative("first_k_dense_replace", 0),
            MoeLayerFreq = reader.Positive("moe_layer_freq", 1),
            NRoutedExperts = experts,
            NSharedExperts = reader.NonNegative("n_shared_experts", 0, SizeLimits.Experts),
            MoeIntermediateSize = experts > 0 ? reader.Positive("moe_intermediate_size") : reader.NonNegative("moe_intermediate_size", 0),
            Routing = ReadRouting(reader, experts, isV3),
            NumNextnPredictLayers = reader.NonNegative("num_nextn_predict_layers", 0, SizeLimits.Modules),
        };
        config.Check(reader);
        return config with { OtherKeys = reader.Unasked };
    }

    private protected override void WriteSpecific(Utf8JsonWriter writer)
    {
        if (QLoraRank is { } rank) writer.WriteNumber("q_lora_rank", rank);
        else writer.WriteNull("q_lora_rank");
        writer.WriteNumber("kv_lora_rank", KvLoraRank);
        writer.WriteNumber("qk_nope_head_dim", QkNopeHeadDim);
        writer.WriteNumber("qk_rope_head_dim", QkRopeHeadDim);
        writer.WriteNumber("v_head_dim", VHeadDim);
        if (!RopeInterleave) writer.WriteBoolean("rope_interleave", false);
        writer.WriteNumber("first_k_dense_replace", FirstKDenseReplace);
        writer.WriteNumber("moe_layer_freq", MoeLayerFreq);
        if (NRoutedExperts > 0) writer.WriteNumber("n_routed_experts", NRoutedExperts);
        else writer.WriteNull("n_routed_experts");
        if (NSharedExperts > 0) writer.WriteNumber("n_shared_experts", NSharedExperts);
        else writer.WriteNull("n_shared_experts");
        writer.WriteNumber("moe_intermediate_size", MoeIntermediateSize);
        writer.WriteNumber("num_nextn_predict_layers", NumNextnPredictLayers);
        if (NRoutedExperts == 0) return;
        writer.WriteNumber("num_experts_per_tok", Routing.TopK);
        writer.WriteNumber("n_group", Routing.Groups);
        writer.WriteNumber("topk_group", Routing.TopGroups);
        writer.WriteBoolean("norm_topk_prob", Routing.Normalise);
        writer.WriteNumber("routed_scaling_factor", Routing.Scale);
        writer.WriteString("scoring_func", Routing.Score == ScoreFunction.Sigmoid ? "sigmoid" : "softmax");
        writer.WriteString("topk_method", Routing.Selection switch
        {
            ExpertSelection.Greedy => "greedy",
            ExpertSelection.GroupLimitedGreedy => "group_limited_greedy",
            _ => "noaux_tc",
        });
    }

    private static RoutingRule ReadRouting(ConfigReader reader, int experts, bool isV3)
    {
        ScoreFunction score = reader.Choice(
            "scoring_func", isV3 ? ScoreFunction.Sigmoid : ScoreFunction.Softmax,
            ("sigmoid", ScoreFunction.Sigmoid), ("softmax", ScoreFunction.Softmax));
        // "gready" is how DeepSeek-V2's own configuration class spells its default.
        ExpertSelection selection = reader.Choice(
            "topk_method", isV3 ? ExpertSelection.NoAuxiliaryLoss : ExpertSelection.Greedy,
            ("greedy", ExpertSelection.Greedy), ("gready", ExpertSelection.Greedy), ("group_limited_greedy", ExpertSelection.GroupLimitedGreedy),
            ("noaux_tc", ExpertSelection.NoAuxiliaryLoss));
        bool normalise = reader.Flag("norm_topk_prob", isV3);
        RoutingRule rule = new(
            score, selection, reader.Positive("num_experts_per_tok", experts > 0 ? null : 1), reader.Positive("n_group", 1),
            reader.Positive("topk_group", 1), normalise, (float)reader.Real("routed_scaling_factor", 1));
        if (experts == 0) return default;

        // DeepSeek's V2 code drops the scale when it normalises, transformers 4.57 drops the normalisation, vLLM applies both.
        reader.Require(
            isV3 || !normalise || rule.Scale == 1, "norm_topk_prob", "true", "false where routed_scaling_factor is not 1: implementations of V2 differ");
        reader.Require(rule.TopK <= experts, "num_experts_per_tok", $"{rule.TopK}", $"at most n_routed_experts, {experts}");
        reader.Require(experts % rule.Groups == 0, "n_group", $"{rule.Groups}", $"a divisor of n_routed_experts, {experts}");
        if (selection == ExpertSelection.Greedy) return rule;

        int size = experts / rule.Groups;
        reader.Require(rule.TopGroups <= rule.Groups, "topk_group", $"{rule.TopGroups}", $"at most n_group, {rule.Groups}");
        reader.Require(
            rule.TopGroups * size >= rule.TopK, "topk_group", $"{rule.TopGroups}",
            $"enough groups of {size} experts for num_experts_per_tok, {rule.TopK}");
        reader.Require(
            selection != ExpertSelection.NoAuxiliaryLoss || rule.Groups == 1 || size >= 2, "n_group", $"{rule.Groups}",
            $"groups of two or more of the {experts} experts, since a group counts by its two best");
        return rule;
    }

    private void Check(ConfigReader reader)
    {
        reader.Require(
            NumKeyValueHeads == NumAttentionHeads, "num_key_value_heads", $"{NumKeyValueHeads}",
            $"num_attention_heads, {NumAttentionHeads}: latent attention has a key for every head");
        reader.Require(QkRopeHeadDim % 2 == 0, "qk_rope_head_dim", $"{QkRopeHeadDim}", "an even number");
        int? headDim = reader.OptionalPositive("head_dim");
        reader.Require(
            headDim is null || headDim == QkRopeHeadDim || headDim == QkHeadDim, "head_dim", $"{headDim}",
            $"qk_rope_head_dim, {QkRopeHeadDim}, or the whole {QkHeadDim}");
        int? qkHeadDim = reader.OptionalPositive("qk_head_dim");
        reader.Require(qkHeadDim is null || qkHeadDim == QkHeadDim, "qk_head_dim", $"{qkHeadDim}", $"nope and rope together, {QkHeadDim}");
        reader.Require(
            NRoutedExperts > 0 || NSharedExperts == 0, "n_shared_experts", $"{NSharedExperts}", "0 without n_routed_experts");
        reader.Require(!reader.Flag("mlp_bias", false), "mlp_bias", "true", $"false: {Architecture} has no such biases");
        CheckSizes(reader);
    }

    private void CheckSizes(ConfigReader reader)
    {
        int queryInputs = QLoraRank ?? HiddenSize;
        Int128 heads = NumAttentionHeads;
        SizeLimits.Check(reader, "vocab_size", "vocab_size * hidden_size", VocabSize, HiddenSize);
        SizeLimits.Check(reader, "intermediate_size", "intermediate_size * hidden_size", IntermediateSize, HiddenSize);
        SizeLimits.Check(reader, "hidden_size", "2 * hidden_size * hidden_size", HiddenSize, 2 * (Int128)HiddenSize);
        SizeLimits.Check(reader, "num_attention_heads", "all heads' queries times their inputs", heads * QkHeadDim, queryInputs);
        SizeLimits.Check(
            reader, "num_attention_heads", "all heads' keys and values times kv_lora_rank", heads * (QkNopeHeadDim + VHeadDim), KvLoraRank);
        SizeLimits.Check(reader, "num_attention_heads", "num_attention_heads * v_head_dim * hidden_size", HiddenSize, heads * VHeadDim);
        SizeLimits.Check(
            reader, "kv_lora_rank", "all heads' absorbed queries", heads * ((Int128)KvLoraRank + QkRopeHeadDim), 1);
        SizeLimits.Check(reader, "kv_lora_rank", "(kv_lora_rank + qk_rope_head_dim) * hidden_size", (Int128)KvLoraRank + QkRopeHeadDim, HiddenSize);
        SizeLimits.Check(reader, "q_lora_rank", "q_lora_rank * hidden_size", QLoraRank ?? 1, HiddenSize);
        SizeLimits.Check(
            reader, "n_routed_experts", "n_routed_experts * moe_intermediate_size * hidden_size", (Int128)NRoutedExperts * MoeIntermediateSize, HiddenSize);
        SizeLimits.Check(reader, "n_routed_experts", "n_routed_experts * hidden_size", (Int128)NRoutedExperts * HiddenSize, 1);
        SizeLimits.Check(
            reader, "n_shared_experts", "n_shared_experts * moe_intermediate_size * hidden_size", (Int128)NSharedExperts * MoeIntermediateSize, HiddenSize);
    }
}
