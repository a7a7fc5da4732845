using System.Text.Json;
using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Models;

/// <summary>What is written reads as what was read, and the spellings of other writers are understood.</summary>
public sealed class ConfigRoundTripTests
{
    public static TheoryData<string> Fixtures =>
        ["deepseek-v2", "deepseek-v2-lite", "deepseek-v3", "deepseek-r1-distill-qwen-1.5b", "deepseek-r1-distill-llama-8b"];

    public static TheoryData<string> Kinds => TinyModels.Kinds;

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void A_released_models_settings_survive_writing(string name)
    {
        ModelConfig config = ModelConfig.Read(ConfigText.FixturePath(name));
        ModelConfig again = RoundTrip(config);
        Assert.True(again.OtherKeys.ContainsKey("transformers_version") && again.OtherKeys.ContainsKey("use_cache"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_kinds_settings_survive_writing(string kind) => RoundTrip(TinyModels.Config(kind).Read());

    [SkippableFact]
    public void The_settings_of_all_reference_models_survive_writing()
    {
        string[] files = Directory.GetFiles(Goldens.Require("."), "config.json", SearchOption.AllDirectories);
        Assert.True(files.Length >= 12);
        foreach (string file in files) RoundTrip(ModelConfig.Read(file));
    }

    [Theory]
    [InlineData("attention_bias", "true", "qwen2")]
    [InlineData("mlp_bias", "false", "qwen2")]
    [InlineData("rope_parameters", "{\"rope_type\": \"default\", \"rope_theta\": 5000}", "llama")]
    [InlineData("rope_parameters", "{\"rope_type\": \"linear\", \"factor\": 2, \"rope_theta\": 5000}", "llama")]
    [InlineData("use_sliding_window", "false", "llama")]
    [InlineData("custom", "{\"deep\": [1, null, \"é\"]}", "llama")]
    public void A_key_of_a_relative_is_not_written_twice(string key, string raw, string kind) =>
        RoundTrip((kind == "llama" ? ConfigText.Llama : ConfigText.Qwen2).With(key, raw).Read());

    [Fact]
    public void F8_adds_DeepSeeks_quantization_config_and_the_keys_that_loaders_ask_for()
    {
        ModelConfig config = ModelConfig.Read(ConfigText.FixturePath("deepseek-v3"));
        using JsonDocument f8 = JsonDocument.Parse(config.ToJson(ElementType.F8E4M3)), bf16 = JsonDocument.Parse(config.ToJson(ElementType.BF16));
        Assert.False(bf16.RootElement.TryGetProperty("quantization_config", out _));
        Assert.Equal("bfloat16", bf16.RootElement.GetProperty("torch_dtype").GetString());
        JsonElement quantization = f8.RootElement.GetProperty("quantization_config");
        Assert.Equal("fp8", quantization.GetProperty("quant_method").GetString());
        Assert.Equal("e4m3", quantization.GetProperty("fmt").GetString());
        Assert.Equal([128, 128], quantization.GetProperty("weight_block_size").EnumerateArray().Select(n => n.GetInt32()));

        // Every key of the released file is there, with the same value.
        using JsonDocument released = JsonDocument.Parse(File.ReadAllBytes(ConfigText.FixturePath("deepseek-v3")));
        foreach (JsonProperty property in released.RootElement.EnumerateObject())
        {
            JsonElement written = f8.RootElement.GetProperty(property.Name);
            if (property.Name is "rope_scaling") Assert.Equal("yarn", written.GetProperty("type").GetString());
            else if (property.Value.ValueKind == JsonValueKind.Number) Assert.Equal(property.Value.GetDouble(), written.GetDouble(), 1e-9);
            else Assert.True(JsonElement.DeepEquals(property.Value, written), property.Name);
        }
    }

    [Fact]
    public void Numbers_are_written_as_short_as_they_were_read()
    {
        string json = ModelConfig.Read(ConfigText.FixturePath("deepseek-v3")).ToJson(ElementType.BF16);
        Assert.Contains("\"rms_norm_eps\": 1E-06", json, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("\"initializer_range\": 0.02", json);
        Assert.Contains("\"routed_scaling_factor\": 2.5", json);
    }

    [Fact]
    public void Rope_parameters_of_transformers_5_mean_the_same_as_the_older_keys()
    {
        ModelConfig old = ConfigText.V3.With("rope_theta", "5000")
            .With("rope_scaling", """{"type": "yarn", "factor": 4, "original_max_position_embeddings": 128, "mscale": 1, "mscale_all_dim": 1}""").Read();
        ModelConfig five = ConfigText.V3.Without("rope_theta").Without("rope_scaling").With(
            "rope_parameters",
            """{"rope_theta": 5000.0, "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, "mscale": 1.0, "mscale_all_dim": 1.0}""").Read();
        Assert.Equal(RopeKind.Yarn, old.Rope.Kind);
        Assert.Equal(old.Rope, five.Rope);
    }

    [Fact]
    public void Rope_type_and_the_older_type_mean_the_same() => Assert.Equal(
        ConfigText.Llama.With("rope_scaling", """{"type": "linear", "factor": 2}""").Read().Rope,
        ConfigText.Llama.With("rope_scaling", """{"rope_type": "linear", "factor": 2.0}""").Read().Rope);

    [Fact]
    public void Spellings_of_other_writers_are_understood()
    {
        Assert.Equal([1, 5, 9], ConfigText.Llama.With("eos_token_id", "[1, 5, 9]").Read().EosTokenIds);
        Assert.Equal(64, ConfigText.Llama.With("hidden_size", "64.0").Read().HiddenSize);
        Assert.Null(((DeepSeekConfig)ConfigText.V3.Without("q_lora_rank").Read()).QLoraRank);
        Assert.Null(((DeepSeekConfig)ConfigText.V3.With("q_lora_rank", "null").Read()).QLoraRank);
        DeepSeekConfig gready = (DeepSeekConfig)ConfigText.V2.With("topk_method", "\"gready\"").Read();
        Assert.Equal(ExpertSelection.Greedy, gready.Routing.Selection);
        DeepSeekConfig dense = (DeepSeekConfig)ConfigText.V2.With("n_routed_experts", "null").With("n_shared_experts", "null").Read();
        Assert.DoesNotContain(Enumerable.Range(0, dense.NumHiddenLayers), dense.HasExperts);
    }

    [Fact]
    public void Experts_are_in_the_layers_that_first_k_dense_and_freq_leave_to_them()
    {
        DeepSeekConfig config = (DeepSeekConfig)ConfigText.V3
            .With("num_hidden_layers", "8").With("first_k_dense_replace", "3").With("moe_layer_freq", "2").Read();
        Assert.Equal([4, 6], Enumerable.Range(0, 8).Where(config.HasExperts));
    }

    private static ModelConfig RoundTrip(ModelConfig config)
    {
        ElementType type = config.WeightBlockSize is null ? ElementType.F32 : ElementType.F8E4M3;
        ModelConfig again = ConfigText.ReadText(config.ToJson(type));
        Assert.Equal(config.EosTokenIds, again.EosTokenIds);
        Assert.Equal(config.OtherKeys.Keys.Order(), again.OtherKeys.Keys.Order());
        foreach ((string key, JsonElement value) in config.OtherKeys) Assert.True(JsonElement.DeepEquals(value, again.OtherKeys[key]), key);

        // Records compare lists by reference: the lists were compared above.
        Assert.Equal(config, again with { EosTokenIds = config.EosTokenIds, OtherKeys = config.OtherKeys });
        return again;
    }
}
