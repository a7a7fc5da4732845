using System.Text.Json.Nodes;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints;

/// <summary>However huge the model that a config.json claims: reading it beside a small file fails before much memory is taken.</summary>
[Collection(MemoryBaseline.Name)]
public sealed class ModelReaderMemoryTests : IDisposable
{
    private const long Megabyte = 1 << 20;
    private const int Huge = int.MaxValue - 1;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("v3", "vocab_size", Huge)]
    [InlineData("v3", "hidden_size", Huge)]
    [InlineData("v3", "hidden_size", 1 << 30)]
    [InlineData("v3", "intermediate_size", Huge)]
    [InlineData("v3", "num_hidden_layers", Huge)]
    [InlineData("v3", "num_hidden_layers", 4000)]
    [InlineData("v3", "num_nextn_predict_layers", Huge)]
    [InlineData("v3", "num_nextn_predict_layers", 4000)]
    [InlineData("v3", "n_routed_experts", Huge)]
    [InlineData("v3", "n_shared_experts", Huge)]
    [InlineData("v3", "moe_intermediate_size", Huge)]
    [InlineData("v3", "kv_lora_rank", int.MaxValue)]
    [InlineData("v3", "q_lora_rank", Huge)]
    [InlineData("v3", "qk_nope_head_dim", Huge)]
    [InlineData("v3", "qk_rope_head_dim", Huge)]
    [InlineData("v3", "v_head_dim", Huge)]
    [InlineData("llama", "vocab_size", Huge)]
    [InlineData("llama", "num_hidden_layers", Huge)]
    [InlineData("llama", "num_hidden_layers", 4000)]
    [InlineData("llama", "head_dim", Huge)]
    [InlineData("llama", "head_dim", 1 << 16)]
    [InlineData("llama", "intermediate_size", Huge)]
    public void One_huge_number(string family, string key, int value) => RefusedCheaply(family, config => config[key] = value);

    [Fact]
    public void Heads_that_multiply_beyond_32_bits() => RefusedCheaply("v3", config =>
    {
        // 2^30 heads of 6 lanes wrap around to a width that looks small.
        config["num_attention_heads"] = 1 << 30;
        config["num_key_value_heads"] = 1 << 30;
    });

    [Fact]
    public void Sizes_that_multiply_beyond_64_bits() => RefusedCheaply("v3", config =>
    {
        config["n_routed_experts"] = 1 << 30;
        config["hidden_size"] = 1 << 29;
        config["moe_intermediate_size"] = 1 << 29;
    });

    [Theory]
    [InlineData("num_hidden_layers", Huge, "'num_hidden_layers' is 2147483646, expected a")]
    [InlineData("num_nextn_predict_layers", 5000, "'num_nextn_predict_layers' is 5000, expected a")]
    [InlineData("qk_rope_head_dim", Huge, "'qk_rope_head_dim' is 2147483646, expected a")]
    [InlineData("n_shared_experts", Huge, "'n_shared_experts' is 2147483646, expected a")]
    public void A_description_without_weights_is_bounded_too(string key, int value, string problem)
    {
        string model = Write("v3", config => config[key] = value);
        long before = GC.GetAllocatedBytesForCurrentThread();
        ConfigurationException e = Assert.Throws<ConfigurationException>(() => ModelReader.Describe(model));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Megabyte);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_released_model_of_671_billion_parameters_can_be_described()
    {
        string model = Write("v3", config =>
        {
            (string, int)[] released =
            [
                ("vocab_size", 129280), ("hidden_size", 7168), ("intermediate_size", 18432), ("num_hidden_layers", 61),
                ("num_attention_heads", 128), ("num_key_value_heads", 128), ("q_lora_rank", 1536), ("kv_lora_rank", 512),
                ("qk_nope_head_dim", 128), ("qk_rope_head_dim", 64), ("v_head_dim", 128), ("n_routed_experts", 256),
                ("moe_intermediate_size", 2048), ("num_experts_per_tok", 8), ("n_group", 8), ("topk_group", 4), ("first_k_dense_replace", 3),
            ];
            foreach ((string key, int value) in released) config[key] = value;
        });
        long before = MemoryBaseline.Take();
        using Transformer described = ModelReader.Describe(model);
        Assert.Equal(671_026_419_200, ModelSize.Of(described).Main);
        MemoryBaseline.RequireSame(before);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(128, 128)]
    [InlineData(int.MaxValue, int.MaxValue)]
    [InlineData(3, 500)]
    public void Blocks_of_any_size_are_read_or_refused_in_little_memory(int rows, int columns)
    {
        string model = _folder.At("model"), config = Path.Combine(model, "config.json");
        using (Transformer created = TinyCheckpoints.Create(TinyCheckpoints.V3)) ModelWriter.Write(created, model, ElementType.F8E4M3);
        JsonNode json = JsonNode.Parse(File.ReadAllText(config))!;
        json["quantization_config"]!["weight_block_size"] = new JsonArray(rows, columns);
        File.WriteAllText(config, json.ToJsonString());
        long before = GC.GetAllocatedBytesForCurrentThread();
        Exception? e = Record.Exception(() => ModelReader.Read(model).Dispose());
        Assert.True(rows < 8 ? e is CheckpointException : e is null, $"{e}");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Megabyte);
    }

    private void RefusedCheaply(string family, Action<JsonNode> change)
    {
        string model = Write(family, change);
        long native = MemoryBaseline.Take(), before = GC.GetAllocatedBytesForCurrentThread();
        Exception? e = Record.Exception(() => ModelReader.Read(model).Dispose());
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Megabyte);
        Assert.True(e is CheckpointException or ConfigurationException, $"{e}");
        MemoryBaseline.RequireSame(native);
    }

    private string Write(string family, Action<JsonNode> change)
    {
        string model = _folder.At("model"), config = Path.Combine(model, "config.json");
        TinyCheckpoints.Write(TinyCheckpoints.Config(family), model);
        JsonNode json = JsonNode.Parse(File.ReadAllText(config))!;
        change(json);
        File.WriteAllText(config, json.ToJsonString());
        return model;
    }
}
