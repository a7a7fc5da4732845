using Hadal.Checkpoints;
using Hadal.Checkpoints.Gguf;
using Hadal.Models;

namespace Hadal.Tests.Checkpoints.Gguf;

/// <summary>A file that can't be used gets one sentence that names the place.</summary>
public sealed class GgufErrorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public GgufErrorTests()
    {
        using Transformer model = TinyCheckpoints.Create(TinyCheckpoints.V2);
        ModelConversion.ToGguf(model, _folder.At("m.gguf"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_tensor_that_is_missing_is_named() => Fails(
        file => file.Tensors.Remove("blk.1.ffn_up_exps.weight"), "there is no tensor 'blk.1.ffn_up_exps.weight', expected one of dimensions [8, 4, 4].");

    [Fact]
    public void A_tensor_too_many_is_named() => Fails(
        file => file.Tensors.Add("blk.1.attn_sinks.weight", (GgmlType.F32, [1], new byte[4])), "tensor 'blk.1.attn_sinks.weight' is unexpected: DeepseekV2ForCausalLM");

    [Fact]
    public void A_tensor_of_another_shape_is_named() => Fails(
        file => file.Tensors["output_norm.weight"] = (GgmlType.F32, [4], new byte[16]), "tensor 'output_norm.weight' has dimensions [4], expected [8].");

    [Fact]
    public void An_architecture_that_is_not_built_is_named() => Fails(
        file => file.Keys["general.architecture"] = "mamba", "general.architecture is 'mamba', expected 'deepseek2', 'llama' or 'qwen2'.");

    [Fact]
    public void A_key_that_changes_the_mathematics_is_named() => Fails(
        file => file.Keys["deepseek2.attention.temperature_scale"] = 0.1f, "deepseek2.attention.temperature_scale is there, expected a model without it");

    [Fact]
    public void A_key_that_is_missing_is_named() => Fails(
        file => file.Keys.Remove("deepseek2.attention.kv_lora_rank"), "deepseek2.attention.kv_lora_rank is missing, expected a whole number.");

    [Fact]
    public void A_key_of_another_kind_is_named() => Fails(
        file => file.Keys["deepseek2.embedding_length"] = "eight", "deepseek2.embedding_length is a String, expected a whole number.");

    [Fact]
    public void A_part_of_a_model_is_told_from_a_whole_one() => Fails(
        file => file.Keys["split.count"] = (ushort)3, "the file is one of 3 parts of a model, expected the whole model in one file.");

    [Fact]
    public void A_gating_function_that_is_not_built_is_named() => Fails(
        file => file.Keys["deepseek2.expert_gating_func"] = 4u, "deepseek2.expert_gating_func is 4, expected 1 for softmax or 2 for sigmoid.");

    [Fact]
    public void A_file_without_a_vocabulary_says_so_when_a_tokenizer_is_asked_for()
    {
        Hadal.Tokenization.TokenizerException e = Assert.Throws<Hadal.Tokenization.TokenizerException>(() => Hadal.Tokenization.Tokenizer.Load(_folder.At("m.gguf")));
        Assert.Equal($"{_folder.At("m.gguf")}: the file has no vocabulary, expected one in tokenizer.ggml.tokens.", e.Message);
    }

    [Fact]
    public void A_file_that_is_cut_names_the_tensor_that_lost_bytes()
    {
        string path = _folder.At("m.gguf");
        byte[] bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..^64]);
        Assert.Matches("tensor '.*' takes [0-9]+ bytes, but behind its offset the file has [0-9]+", Assert.Throws<CheckpointException>(() => ModelReader.Read(path)).Message);
    }

    private void Fails(Action<EditedGguf> edit, string expected)
    {
        string path = _folder.At("m.gguf");
        EditedGguf file = EditedGguf.Read(path);
        file.Keys.Remove("hadal.config");
        edit(file);
        file.Write(path);
        Exception e = Assert.ThrowsAny<Exception>(() => ModelReader.Read(path));
        Assert.True(e is CheckpointException or ConfigurationException, $"{e}");
        Assert.StartsWith($"{path}: {expected}", e.Message, StringComparison.Ordinal);
    }
}
