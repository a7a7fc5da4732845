using Hadal.Checkpoints;
using Hadal.Checkpoints.Gguf;
using Hadal.Models;

namespace Hadal.Tests.Checkpoints.Gguf;

/// <summary>Tensors lie in the file as llama.cpp's converter puts them, written out element by element.</summary>
public sealed class GgufLayoutTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Keys_of_latent_attention_are_turned_head_by_head_and_values_are_not()
    {
        using Transformer model = Written(TinyCheckpoints.V3.Replace("\"v_head_dim\":4", "\"v_head_dim\":3", StringComparison.Ordinal));
        const int Heads = 2, Nope = 4, Value = 3, Rank = 4;
        ReadOnlySpan<float> up = Parameter(model, "model.layers.0.self_attn.kv_b_proj.weight"); // [heads, nope + value, rank]
        float[] keys = EditedGguf.Values(_folder.At("m.gguf"), "blk.0.attn_k_b.weight"), values = EditedGguf.Values(_folder.At("m.gguf"), "blk.0.attn_v_b.weight");
        for (int h = 0; h < Heads; h++)
        {
            for (int r = 0; r < Rank; r++)
            {
                for (int n = 0; n < Nope; n++) Assert.Equal(up[(h * (Nope + Value) + n) * Rank + r], keys[(h * Rank + r) * Nope + n]);
                for (int v = 0; v < Value; v++) Assert.Equal(up[(h * (Nope + Value) + Nope + v) * Rank + r], values[(h * Value + v) * Rank + r]);
            }
        }

        using GgufFile file = GgufFile.Open(_folder.At("m.gguf"));
        Assert.Equal([Nope, Rank, Heads], file.Tensors["blk.0.attn_k_b.weight"].Dimensions);
        Assert.Equal([Rank, Value, Heads], file.Tensors["blk.0.attn_v_b.weight"].Dimensions);
        Assert.Equal([8, 4, 4], file.Tensors["blk.1.ffn_gate_exps.weight"].Dimensions); // hidden, width, experts
        Assert.Equal([4, 8, 4], file.Tensors["blk.1.ffn_down_exps.weight"].Dimensions);
        Assert.Equal([4], file.Tensors["blk.1.exp_probs_b.bias"].Dimensions);
    }

    [Fact]
    public void Queries_and_keys_of_Llama_alternate_between_the_halves_of_a_head()
    {
        string config = TinyCheckpoints.Llama.Replace("\"rms_norm_eps\":1e-5", "\"rms_norm_eps\":1e-5,\"head_dim\":6,\"attention_bias\":true", StringComparison.Ordinal);
        using Transformer model = Written(config);
        foreach ((string name, string tensor, int heads) in new[] { ("q_proj", "attn_q", 4), ("k_proj", "attn_k", 2) })
        {
            ReadOnlySpan<float> weight = Parameter(model, $"model.layers.1.self_attn.{name}.weight"), bias = Parameter(model, $"model.layers.1.self_attn.{name}.bias");
            float[] written = EditedGguf.Values(_folder.At("m.gguf"), $"blk.1.{tensor}.weight"), writtenBias = EditedGguf.Values(_folder.At("m.gguf"), $"blk.1.{tensor}.bias");
            for (int head = 0; head < heads; head++)
            {
                // w.reshape(heads, 2, dim / 2, hidden).swapaxes(1, 2): pair i of a head is its lanes i and i + dim / 2.
                for (int i = 0; i < 3; i++)
                {
                    for (int half = 0; half < 2; half++)
                    {
                        int from = head * 6 + half * 3 + i, to = head * 6 + 2 * i + half;
                        Assert.Equal(bias[from], writtenBias[to]);
                        Assert.True(weight.Slice(from * 8, 8).SequenceEqual(written.AsSpan(to * 8, 8)));
                    }
                }
            }
        }

        Assert.True(Parameter(model, "model.layers.1.self_attn.v_proj.weight").SequenceEqual(EditedGguf.Values(_folder.At("m.gguf"), "blk.1.attn_v.weight")));
    }

    [Fact]
    public void Queries_and_keys_of_Qwen2_stay_as_they_are()
    {
        using Transformer model = Written(TinyCheckpoints.Qwen2);
        Assert.True(Parameter(model, "model.layers.1.self_attn.q_proj.weight").SequenceEqual(EditedGguf.Values(_folder.At("m.gguf"), "blk.1.attn_q.weight")));
        Assert.True(Parameter(model, "model.layers.1.self_attn.k_proj.bias").SequenceEqual(EditedGguf.Values(_folder.At("m.gguf"), "blk.1.attn_k.bias")));
    }

    [Fact]
    public void Keys_are_those_that_the_loader_of_llama_cpp_asks_for()
    {
        using Transformer model = Written(TinyCheckpoints.V3);
        Dictionary<string, object> keys = EditedGguf.Read(_folder.At("m.gguf")).Keys;
        Dictionary<string, object> expected = new()
        {
            ["general.architecture"] = "deepseek2",
            ["general.file_type"] = 0u,
            ["deepseek2.block_count"] = 2u,
            ["deepseek2.context_length"] = 32u,
            ["deepseek2.embedding_length"] = 8u,
            ["deepseek2.feed_forward_length"] = 6u,
            ["deepseek2.attention.head_count"] = 2u,
            ["deepseek2.attention.head_count_kv"] = 1u,
            ["deepseek2.attention.layer_norm_rms_epsilon"] = 1e-6f,
            ["deepseek2.vocab_size"] = 12u,
            ["deepseek2.rope.dimension_count"] = 2u,
            ["deepseek2.rope.freq_base"] = 10000f,
            ["deepseek2.attention.q_lora_rank"] = 4u,
            ["deepseek2.attention.kv_lora_rank"] = 4u,
            ["deepseek2.attention.key_length"] = 6u,
            ["deepseek2.attention.value_length"] = 4u,
            ["deepseek2.attention.key_length_mla"] = 6u,
            ["deepseek2.attention.value_length_mla"] = 4u,
            ["deepseek2.leading_dense_block_count"] = 1u,
            ["deepseek2.expert_feed_forward_length"] = 4u,
            ["deepseek2.expert_shared_count"] = 1u,
            ["deepseek2.expert_count"] = 4u,
            ["deepseek2.expert_used_count"] = 2u,
            ["deepseek2.expert_weights_scale"] = 2.5f,
            ["deepseek2.expert_weights_norm"] = true,
            ["deepseek2.expert_gating_func"] = 2u,
            ["deepseek2.expert_group_count"] = 2u,
            ["deepseek2.expert_group_used_count"] = 1u,
            ["tokenizer.ggml.model"] = "no_vocab",
        };
        foreach ((string key, object value) in expected) Assert.Equal((key, value), (key, keys[key]));
        Assert.Empty(keys.Keys.Except(expected.Keys).Except(["general.type", "general.name", "general.quantization_version", "hadal.config"]));
    }

    [Theory]
    [InlineData("\"mscale\":0.7,\"mscale_all_dim\":0.7", 0.07f, null)]         // the converter writes a tenth of mscale_all_dim
    [InlineData("\"mscale\":1.0,\"mscale_all_dim\":1.0", 0.1f, null)]
    public void The_multiplier_of_YaRN_is_a_tenth_of_mscale_all_dim(string mscale, float multiplier, object? factor)
    {
        using Transformer model = Written(TinyCheckpoints.V2.Replace("\"mscale\":0.7,\"mscale_all_dim\":0.7", mscale, StringComparison.Ordinal));
        Dictionary<string, object> keys = EditedGguf.Read(_folder.At("m.gguf")).Keys;
        Assert.Equal("yarn", keys["deepseek2.rope.scaling.type"]);
        Assert.Equal(4f, keys["deepseek2.rope.scaling.factor"]);
        Assert.Equal(8u, keys["deepseek2.rope.scaling.original_context_length"]);
        Assert.Equal(multiplier, (float)keys["deepseek2.rope.scaling.yarn_log_multiplier"], 1e-6f);
        Assert.Equal(factor, keys.GetValueOrDefault("deepseek2.rope.scaling.attn_factor"));
    }

    private Transformer Written(string config)
    {
        Transformer model = TinyCheckpoints.Create(config);
        ModelConversion.ToGguf(model, _folder.At("m.gguf"));
        return model;
    }

    private static ReadOnlySpan<float> Parameter(Transformer model, string name) => model.Parameters.Single(p => p.Name == name).Value.Span;
}
