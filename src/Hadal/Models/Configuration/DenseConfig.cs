using System.Text.Json;

namespace Hadal.Models;

/// <summary>Llama and Qwen2: grouped-query attention and a dense feed-forward, the architectures that R1 is distilled into.</summary>
public sealed record DenseConfig : ModelConfig
{
    /// <summary>Length of a query, key or value.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Whether the output projection of attention has a bias too.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Whether the feed-forward projections have a bias.</summary>
    public bool MlpBias { get; init; }

    /// <inheritdoc/>
    public override int CacheElementsPerLayer => 2 * NumKeyValueHeads * HeadDim;

    /// <inheritdoc/>
    public override int PlainCacheElementsPerLayer => 2 * NumAttentionHeads * HeadDim;

    internal static DenseConfig Read(ConfigReader reader, string modelType)
    {
        CheckCommon(reader);
        bool isQwen = modelType == "qwen2";
        int hidden = reader.Positive("hidden_size"), heads = reader.Positive("num_attention_heads", most: SizeLimits.Heads);
        int maxPositions = reader.Positive("max_position_embeddings", most: int.MaxValue);
        int? headDim = reader.OptionalPositive("head_dim");
        reader.Require(
            headDim is not null || hidden % heads == 0, "hidden_size", $"{hidden}", $"a multiple of num_attention_heads, {heads}, or a head_dim");
        // Qwen2 has biases whatever the key says, and only Llama has ones to choose.
        bool attentionBias = reader.Flag("attention_bias", false) || isQwen;
        DenseConfig config = new()
        {
            Architecture = ReadArchitecture(reader, isQwen ? "Qwen2ForCausalLM" : "LlamaForCausalLM"),
            ModelType = modelType,
            VocabSize = reader.Positive("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = reader.Positive("intermediate_size"),
            NumHiddenLayers = reader.Positive("num_hidden_layers", most: SizeLimits.Layers),
            NumAttentionHeads = heads,
            NumKeyValueHeads = reader.Positive("num_key_value_heads", heads, SizeLimits.Heads),
            MaxPositionEmbeddings = maxPositions,
            RmsNormEps = (float)reader.Real("rms_norm_eps", 1e-6),
            Rope = RopeConfig.Read(reader, maxPositions),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            AttentionBias = attentionBias,
            InitializerRange = (float)reader.Real("initializer_range", 0.02),
            BosTokenId = reader.Ids("bos_token_id") is [int bos] ? bos : null,
            EosTokenIds = reader.Ids("eos_token_id"),
            WeightBlockSize = ReadWeightBlockSize(reader),
            HeadDim = headDim ?? hidden / heads,
            OutputBias = attentionBias && !isQwen,
            MlpBias = reader.Flag("mlp_bias", false),
        };
        config.Check(reader);
        return config with { OtherKeys = reader.Unasked };
    }

    private protected override void WriteSpecific(Utf8JsonWriter writer)
    {
        writer.WriteNumber("head_dim", HeadDim);
        if (ModelType == "llama") writer.WriteBoolean("mlp_bias", MlpBias);
        else writer.WriteBoolean("use_sliding_window", false);
    }

    private void Check(ConfigReader reader)
    {
        reader.Require(
            NumAttentionHeads % NumKeyValueHeads == 0, "num_key_value_heads", $"{NumKeyValueHeads}",
            $"a divisor of num_attention_heads, {NumAttentionHeads}");
        reader.Require(HeadDim % 2 == 0, "head_dim", $"{HeadDim}", "an even number");
        reader.Require(!MlpBias || ModelType == "llama", "mlp_bias", "true", $"false: {Architecture} has no such biases");
        SizeLimits.Check(reader, "vocab_size", "vocab_size * hidden_size", VocabSize, HiddenSize);
        SizeLimits.Check(reader, "intermediate_size", "intermediate_size * hidden_size", IntermediateSize, HiddenSize);
        SizeLimits.Check(
            reader, "num_attention_heads", "num_attention_heads * 2 * head_dim * hidden_size", (Int128)NumAttentionHeads * 2 * HeadDim, HiddenSize);
        reader.Require(!reader.Flag("use_sliding_window", false), "use_sliding_window", "true", "false: sliding-window attention is not built");
    }
}
