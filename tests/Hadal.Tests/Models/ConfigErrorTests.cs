using Hadal.Models;

namespace Hadal.Tests.Models;

/// <summary>A config.json that can't be used says so in one sentence: file, key, what was found, what was expected.</summary>
public sealed class ConfigErrorTests
{
    private static readonly Dictionary<string, ConfigText> s_bases = new()
    {
        ["v3"] = ConfigText.V3,
        ["v2"] = ConfigText.V2,
        ["qwen2"] = ConfigText.Qwen2,
        ["llama"] = ConfigText.Llama,
        ["released v3"] = ConfigText.Fixture("deepseek-v3"),
    };

    [Theory]
    [InlineData("v3", "model_type", "\"deepseek_v9\"", "'deepseek_v9'", "'deepseek_v3', 'deepseek_v2', 'qwen2' or 'llama'")]
    [InlineData("v3", "model_type", "\"qwen2\"", "'DeepseekV3ForCausalLM'", "'Qwen2ForCausalLM'", "architectures")]
    [InlineData("v3", "architectures", "[\"A\", \"B\"]", "2 names", "'DeepseekV3ForCausalLM'")]
    [InlineData("v3", "architectures", "[3]", "[3]", "an array of strings")]
    [InlineData("v3", "scoring_func", "\"relu\"", "'relu'", "'sigmoid' or 'softmax'")]
    [InlineData("v3", "topk_method", "\"random\"", "'random'", "'greedy'")]
    [InlineData("llama", "hidden_act", "\"gelu\"", "'gelu'", "'silu' or 'swish'")]
    [InlineData("llama", "rope_scaling", "{\"type\": \"dynamic\", \"factor\": 2}", "'dynamic'", "'yarn'", "rope_scaling.type")]
    [InlineData("llama", "rope_scaling", "{\"factor\": 2}", "nothing", "'default'", "rope_scaling.rope_type")]
    [InlineData("llama", "rope_scaling", "{\"rope_type\": \"linear\"}", "nothing", "a number", "rope_scaling.factor")]
    [InlineData("llama", "rope_scaling", "[]", "[]", "an object")]
    [InlineData("llama", "rope_scaling", "{\"type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 8}", "4", "more than low_freq_factor, 4", "rope_scaling.high_freq_factor")]
    [InlineData("v3", "rope_scaling", "{\"type\": \"yarn\", \"factor\": 8, \"beta_fast\": 1, \"beta_slow\": 32}", "1", "more than beta_slow, 32", "rope_scaling.beta_fast")]
    [InlineData("v3", "rope_scaling", "{\"type\": \"yarn\", \"factor\": 8, \"mscale_all_dim\": 1}", "nothing", "mscale_all_dim with it", "rope_scaling.mscale")]
    [InlineData("v3", "rope_scaling", "{\"type\": \"yarn\", \"factor\": 8, \"mscale\": -5, \"mscale_all_dim\": 1}", "-5", "a positive finite number", "rope_scaling.mscale")]
    [InlineData("llama", "rope_theta", "1", "1", "more than 1")]
    [InlineData("llama", "rope_theta", "1e999", "1e999", "a positive finite number")]
    [InlineData("llama", "rope_theta", "1e300", "1e300", "of single precision")]
    [InlineData("llama", "rms_norm_eps", "1e-300", "1e-300", "of single precision")]
    [InlineData("llama", "rms_norm_eps", "-1e-5", "-1e-5", "a positive finite number")]
    [InlineData("llama", "attention_dropout", "0.1", "0.1", "0")]
    [InlineData("llama", "hidden_size", "\"32\"", "\"32\"", "a positive integer")]
    [InlineData("llama", "hidden_size", "-32", "-32", "a positive integer")]
    [InlineData("llama", "hidden_size", "0", "0", "a positive integer")]
    [InlineData("llama", "hidden_size", "32.5", "32.5", "a positive integer")]
    [InlineData("llama", "hidden_size", "1e400", "1e400", "a positive integer")]
    [InlineData("llama", "hidden_size", "null", "nothing", "a positive integer")]
    [InlineData("llama", "hidden_size", "30", "30", "a multiple of num_attention_heads, 4")]
    [InlineData("llama", "head_dim", "7", "7", "an even number")]
    [InlineData("llama", "num_key_value_heads", "3", "3", "a divisor of num_attention_heads, 4")]
    [InlineData("llama", "tie_word_embeddings", "1", "1", "true or false")]
    [InlineData("llama", "eos_token_id", "\"</s>\"", "\"</s>\"", "a token id or an array of them")]
    [InlineData("qwen2", "use_sliding_window", "true", "true", "false")]
    [InlineData("qwen2", "mlp_bias", "true", "true", "false")]
    [InlineData("v3", "mlp_bias", "true", "true", "false")]
    [InlineData("v3", "num_key_value_heads", "2", "2", "num_attention_heads, 4")]
    [InlineData("v3", "qk_rope_head_dim", "7", "7", "an even number")]
    [InlineData("v3", "head_dim", "9", "9", "qk_rope_head_dim, 8")]
    [InlineData("v3", "num_experts_per_tok", "9", "9", "at most n_routed_experts, 8")]
    [InlineData("v3", "n_group", "3", "3", "a divisor of n_routed_experts, 8")]
    [InlineData("v3", "topk_group", "5", "5", "at most n_group, 4")]
    [InlineData("v3", "topk_group", "1", "1", "enough groups of 2 experts for num_experts_per_tok, 3")]
    [InlineData("v3", "n_routed_experts", "null", "1", "0 without n_routed_experts", "n_shared_experts")]
    [InlineData("v2", "moe_intermediate_size", "null", "nothing", "a positive integer")]
    [InlineData("released v3", "quantization_config", "{\"quant_method\": \"awq\"}", "'awq'", "'fp8'", "quantization_config.quant_method")]
    [InlineData("released v3", "quantization_config", "{\"quant_method\": \"fp8\", \"weight_block_size\": [128]}", "[128]", "2 positive integers", "quantization_config.weight_block_size")]
    public void A_value_that_cannot_be_is_named(string start, string key, string raw, string found, string expected, string? named = null)
    {
        string message = MessageOf(s_bases[start].With(key, raw).ToString());
        Assert.Contains($"config.json: '{named ?? key}' is {found}, expected ", message);
        Assert.Contains(expected, message);
    }

    [Theory]
    [InlineData("partial_rotary_factor", "0.5", "1")]
    [InlineData("logit_scale", "0.0625", "1")]
    [InlineData("attention_multiplier", "0.01", "nothing")]
    [InlineData("final_logit_softcapping", "30.0", "nothing")]
    [InlineData("use_mla", "false", "true")]
    [InlineData("use_mrope", "true", "false")]
    [InlineData("layer_types", "[\"full_attention\", \"sliding_attention\"]", "'full_attention' for all layers")]
    [InlineData("rope_parameters", "{\"rope_theta\": 1e4, \"partial_rotary_factor\": 0.5}", "1", "rope_parameters.partial_rotary_factor", "0.5")]
    public void A_key_that_changes_the_mathematics_is_refused_and_not_ignored(
        string key, string raw, string expected, string? named = null, string? found = null)
    {
        string message = MessageOf(ConfigText.Llama.With(key, raw).ToString());
        Assert.StartsWith($"'{named ?? key}' is {found ?? raw}, expected {expected}", message[(message.IndexOf("json: ", StringComparison.Ordinal) + 6)..]);
    }

    [Theory]
    [InlineData("pretraining_tp", "4")]
    [InlineData("partial_rotary_factor", "1.0")]
    [InlineData("logit_scale", "null")]
    [InlineData("layer_types", "[\"full_attention\", \"full_attention\"]")]
    [InlineData("use_mla", "true")]
    public void A_key_at_a_value_that_changes_nothing_is_kept(string key, string raw) =>
        Assert.Equal(raw, ConfigText.Llama.With(key, raw).Read().OtherKeys[key].GetRawText());

    [Fact]
    public void Groups_of_one_expert_cannot_be_ranked_by_their_two_best() => Assert.Contains(
        "'n_group' is 8, expected groups of two or more",
        MessageOf(ConfigText.V3.With("n_group", "8").With("topk_group", "4").ToString()));

    // Implementations of V2 disagree here: DeepSeek's drops the scale, transformers drops the normalisation, vLLM applies both.
    [Fact]
    public void V2_with_normalised_and_scaled_weights_is_refused()
    {
        ConfigText normalised = ConfigText.V2.With("norm_topk_prob", "true");
        Assert.True(((DeepSeekConfig)normalised.Read()).Routing.Normalise);
        Assert.Contains("'norm_topk_prob' is true, expected false", MessageOf(normalised.With("routed_scaling_factor", "16").ToString()));
    }

    [Theory]
    [InlineData("{\"rms_norm_eps\": NaN}")]
    [InlineData("{\"rms_norm_eps\": Infinity}")]
    [InlineData("{\"rms_norm_eps\": -Infinity}")]
    [InlineData("{\"a\": 1,}")]
    [InlineData("model_type: llama")]
    [InlineData("")]
    [InlineData("{")]
    public void Text_that_is_not_JSON_is_refused_with_its_place(string text) => Assert.Contains("line 1, position", MessageOf(text));

    [Theory]
    [InlineData("[1, 2]", "the top level is [1, 2], expected an object")]
    [InlineData("null", "the top level is null, expected an object")]
    [InlineData("{\"a\": 1, \"a\": 1}", "'a' is the key twice, expected it once")]
    [InlineData("{}", "'model_type' is nothing, expected ")]
    [InlineData("{\"model_type\": 7}", "'model_type' is 7, expected a string")]
    [InlineData("{\"model_type\": \"a\\nb\"}", "'model_type' is 'a b', expected ")]
    [InlineData("{\"model_type\": \"\\ud800\"}", "not valid Unicode")]
    [InlineData("{\"\\ud800\": 1}", "not valid Unicode")]
    public void An_object_that_is_none_of_settings_is_refused(string text, string expected) => Assert.Contains(expected, MessageOf(text));

    [Fact]
    public void A_missing_file_and_a_file_beyond_all_reason_are_refused()
    {
        string path = Path.Combine(Path.GetTempPath(), $"hadal-{Guid.NewGuid():n}", "config.json");
        Assert.StartsWith(path, Assert.Throws<ConfigurationException>(() => ModelConfig.Read(path)).Message);
        Assert.Contains("at most 16777216", MessageOf(new string(' ', (1 << 24) + 1)));
    }

    /// <summary>The message, which must be one sentence on one line that starts with the file.</summary>
    internal static string MessageOf(string text)
    {
        string message = Assert.Throws<ConfigurationException>(() => ConfigText.ReadText(text)).Message;
        Assert.Matches(@"^\S*config\.json: [^\r\n]+\.$", message);
        Assert.True(message.Length < 600, message);
        return message;
    }
}
