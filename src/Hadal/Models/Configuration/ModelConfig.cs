using System.Text.Json;
using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>What config.json says of a model: a record with the paper's terms, validated once when it is read.</summary>
public abstract record ModelConfig
{
    private const string LanguageModelEnding = "ForCausalLM", ScorerEnding = "ForSequenceClassification";

    /// <summary>Hugging Face's name of the class, as <c>DeepseekV3ForCausalLM</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>
    /// Whether the head gives one score for a text instead of one for each token id: a reward model, in Hugging Face's terms
    /// <c>ForSequenceClassification</c> with one label.
    /// </summary>
    public bool IsScorer => Architecture.EndsWith(ScorerEnding, StringComparison.Ordinal);

    /// <summary>Hugging Face's short name, as <c>deepseek_v3</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>Number of token ids.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of dense feed-forward layers.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Transformer layers, without multi-token-prediction modules.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>Query heads.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Key and value heads.</summary>
    public required int NumKeyValueHeads { get; init; }

    /// <summary>Longest context that the model claims.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    /// <summary>ε of the normalisations.</summary>
    public float RmsNormEps { get; init; } = 1e-6f;

    /// <summary>The rotary embedding.</summary>
    public required RopeConfig Rope { get; init; }

    /// <summary>Whether the head uses the embedding's weights.</summary>
    public bool TieWordEmbeddings { get; init; }

    /// <summary>Whether the attention projections that the architecture allows a bias have one.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>Standard deviation of freshly initialised weights.</summary>
    public float InitializerRange { get; init; } = 0.02f;

    /// <summary>Id of the beginning of text, if there is one.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Ids that end a text.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Rows and columns of the blocks that share an FP8 scale; null if the checkpoint is not quantised so.</summary>
    public (int Rows, int Columns)? WeightBlockSize { get; init; }

    /// <summary>Keys of config.json that this version doesn't use, kept for writing.</summary>
    public IReadOnlyDictionary<string, JsonElement> OtherKeys { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>Numbers that one token leaves in the cache of one layer.</summary>
    public abstract int CacheElementsPerLayer { get; }

    /// <summary>Numbers that plain multi-head attention of the same heads would leave: 2 · heads · head dimension.</summary>
    public abstract int PlainCacheElementsPerLayer { get; }

    /// <summary>Reads and validates a config.json.</summary>
    /// <exception cref="ConfigurationException">The file is missing, is not JSON, or has a value that can't be.</exception>
    public static ModelConfig Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new ConfigurationException($"{path}: the file is not there, expected a model folder with a config.json.");
        }

        return Read(ConfigReader.Open(path), path);
    }

    /// <summary>Validates the keys of a config.json that lie elsewhere, for instance in a recipe.</summary>
    /// <param name="keys">A JSON object.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ConfigurationException">It is no object, or has a value that can't be.</exception>
    public static ModelConfig Read(JsonElement keys, string name) => Read(new ConfigReader(keys, name), name);

    /// <summary>Validates the text of a config.json that lies elsewhere, for instance in a GGUF file.</summary>
    /// <param name="json">The text.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ConfigurationException">It is no JSON object, or has a value that can't be.</exception>
    internal static ModelConfig Parse(string json, string name) => Read(ConfigReader.Parse(System.Text.Encoding.UTF8.GetBytes(json), name), name);

    private static ModelConfig Read(ConfigReader reader, string path)
    {
        NeutralKeys.Check(reader);
        string? modelType = reader.Text("model_type");
        return modelType switch
        {
            "deepseek_v3" or "deepseek_v2" => DeepSeekConfig.Read(reader, modelType),
            "qwen2" or "llama" => DenseConfig.Read(reader, modelType),
            _ => throw new ConfigurationException(
                $"{path}: 'model_type' is {(modelType is null ? "nothing" : ConfigReader.Quote(modelType))}, expected 'deepseek_v3', 'deepseek_v2', 'qwen2' or 'llama'."),
        };
    }

    /// <summary>The configuration of a reward model with the same layers, and without prediction modules.</summary>
    internal ModelConfig ToScorer()
    {
        if (IsScorer) return this;
        Dictionary<string, JsonElement> keys = new(OtherKeys)
        {
            // So the ecosystem writes that there is one label.
            ["id2label"] = JsonElement.Parse("""{"0":"LABEL_0"}"""),
            ["label2id"] = JsonElement.Parse("""{"LABEL_0":0}"""),
        };
        ModelConfig scorer = this with { Architecture = ScorerOf(Architecture), OtherKeys = keys };
        return scorer is DeepSeekConfig deepSeek ? deepSeek with { NumNextnPredictLayers = 0 } : scorer;
    }

    /// <summary>The text of a config.json that other programs of the ecosystem read.</summary>
    /// <param name="storedAs">How the matrices beside it are stored; F8E4M3 adds DeepSeek's quantization_config.</param>
    public string ToJson(ElementType storedAs)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            WriteCommon(writer);
            WriteSpecific(writer);
            RopeConfigWriter.Write(writer, Rope);
            WriteType(writer, storedAs);
            foreach ((string key, JsonElement value) in OtherKeys)
            {
                writer.WritePropertyName(key);
                value.WriteTo(writer);
            }

            writer.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    /// <summary>Writes the ids of the beginning and the end of a text.</summary>
    internal void WriteTokenIds(Utf8JsonWriter writer)
    {
        if (BosTokenId is { } bos) writer.WriteNumber("bos_token_id", bos);
        if (EosTokenIds.Count == 1) writer.WriteNumber("eos_token_id", EosTokenIds[0]);
        if (EosTokenIds.Count > 1)
        {
            writer.WriteStartArray("eos_token_id");
            foreach (int id in EosTokenIds) writer.WriteNumberValue(id);
            writer.WriteEndArray();
        }
    }

    private protected abstract void WriteSpecific(Utf8JsonWriter writer);

    /// <summary>Checks what all architectures share.</summary>
    private protected static void CheckCommon(ConfigReader reader)
    {
        reader.Choice("hidden_act", true, ("silu", true), ("swish", true));
        double dropout = reader.Real("attention_dropout", 0, orZero: true);
        reader.Require(dropout == 0, "attention_dropout", $"{dropout}", "0");
        _ = reader.Text("torch_dtype");
        _ = reader.Text("dtype");
    }

    private protected static string ReadArchitecture(ConfigReader reader, string expected)
    {
        string[] names = reader.Strings("architectures");
        string scorer = ScorerOf(expected);
        reader.Require(
            names.Length == 0 || (names.Length == 1 && (names[0] == expected || names[0] == scorer)), "architectures",
            names.Length == 1 ? ConfigReader.Quote(names[0]) : $"{names.Length} names", $"'{expected}' or '{scorer}'");
        return names.Length == 1 ? names[0] : expected;
    }

    private static string ScorerOf(string architecture) => architecture.Replace(LanguageModelEnding, ScorerEnding, StringComparison.Ordinal);

    private protected static (int, int)? ReadWeightBlockSize(ConfigReader reader)
    {
        if (reader.Object("quantization_config") is not { } quantization) return null;
        string? method = quantization.Text("quant_method"), format = quantization.Text("fmt");
        quantization.Require(method == "fp8", "quant_method", method is null ? "nothing" : ConfigReader.Quote(method), "'fp8'");
        quantization.Require(format is null or "e4m3", "fmt", ConfigReader.Quote(format ?? ""), "'e4m3'");
        int[] block = quantization.Integers("weight_block_size", 2);
        return (block[0], block[1]);
    }

    private static void WriteType(Utf8JsonWriter writer, ElementType storedAs)
    {
        writer.WriteString("torch_dtype", storedAs switch { ElementType.F32 => "float32", ElementType.F16 => "float16", _ => "bfloat16" });
        if (storedAs != ElementType.F8E4M3) return;
        writer.WriteStartObject("quantization_config");
        writer.WriteString("quant_method", "fp8");
        writer.WriteString("fmt", "e4m3");
        writer.WriteString("activation_scheme", "dynamic");
        writer.WriteStartArray("weight_block_size");
        writer.WriteNumberValue(BlockScaling.ReleasedBlock);
        writer.WriteNumberValue(BlockScaling.ReleasedBlock);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private void WriteCommon(Utf8JsonWriter writer)
    {
        writer.WriteStartArray("architectures");
        writer.WriteStringValue(Architecture);
        writer.WriteEndArray();
        writer.WriteString("model_type", ModelType);
        writer.WriteNumber("vocab_size", VocabSize);
        writer.WriteNumber("hidden_size", HiddenSize);
        writer.WriteNumber("intermediate_size", IntermediateSize);
        writer.WriteNumber("num_hidden_layers", NumHiddenLayers);
        writer.WriteNumber("num_attention_heads", NumAttentionHeads);
        writer.WriteNumber("num_key_value_heads", NumKeyValueHeads);
        writer.WriteNumber("max_position_embeddings", MaxPositionEmbeddings);
        writer.WriteString("hidden_act", "silu");
        writer.WriteNumber("rms_norm_eps", RmsNormEps);
        writer.WriteBoolean("tie_word_embeddings", TieWordEmbeddings);
        writer.WriteBoolean("attention_bias", AttentionBias);
        writer.WriteNumber("attention_dropout", 0.0);
        writer.WriteNumber("initializer_range", InitializerRange);
        WriteTokenIds(writer);
    }
}
