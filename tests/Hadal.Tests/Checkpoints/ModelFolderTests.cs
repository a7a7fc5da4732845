using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Safetensors;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints;

/// <summary>What other programs of the ecosystem look for in a folder that was written here, and that it appears whole or not at all.</summary>
public sealed class ModelFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("v3", ElementType.F32, "float32", "DeepseekV3ForCausalLM")]
    [InlineData("v3", ElementType.F8E4M3, "bfloat16", "DeepseekV3ForCausalLM")]
    [InlineData("v2", ElementType.BF16, "bfloat16", "DeepseekV2ForCausalLM")]
    [InlineData("qwen2", ElementType.F16, "float16", "Qwen2ForCausalLM")]
    [InlineData("llama", ElementType.BF16, "bfloat16", "LlamaForCausalLM")]
    public void The_json_files_say_what_loaders_ask_for(string family, ElementType type, string dtype, string architecture)
    {
        string model = Write(family, type);
        using JsonDocument config = Json(model, "config.json"), generation = Json(model, "generation_config.json");
        using JsonDocument original = JsonDocument.Parse(TinyCheckpoints.Config(family));
        JsonElement root = config.RootElement;
        Assert.Equal(dtype, root.GetProperty("torch_dtype").GetString());
        Assert.Equal(architecture, Assert.Single(root.GetProperty("architectures").EnumerateArray()).GetString());
        string[] derived = ["architectures", "rope_scaling"];
        foreach (JsonProperty property in original.RootElement.EnumerateObject().Where(p => !derived.Contains(p.Name)))
        {
            JsonElement written = root.GetProperty(property.Name);
            if (property.Value.ValueKind == JsonValueKind.Number) Assert.Equal((float)property.Value.GetDouble(), (float)written.GetDouble());
            else Assert.Equal(property.Value.GetRawText(), string.Concat(written.GetRawText().Where(c => !char.IsWhiteSpace(c))));
        }

        Assert.Equal(root.EnumerateObject().Count(), root.EnumerateObject().Select(property => property.Name).Distinct().Count());
        JsonElement ids = root.GetProperty("eos_token_id"), same = generation.RootElement.GetProperty("eos_token_id");
        Assert.True(JsonElement.DeepEquals(ids, same));
        Assert.Equal(0, generation.RootElement.GetProperty("bos_token_id").GetInt32());
    }

    [Fact]
    public void F8_comes_with_the_released_quantization_config_and_nothing_else_does()
    {
        using JsonDocument f8 = Json(Write("v3", ElementType.F8E4M3), "config.json");
        JsonElement quantization = f8.RootElement.GetProperty("quantization_config");
        Assert.Equal("fp8", quantization.GetProperty("quant_method").GetString());
        Assert.Equal("e4m3", quantization.GetProperty("fmt").GetString());
        Assert.Equal("dynamic", quantization.GetProperty("activation_scheme").GetString());
        Assert.Equal([128, 128], quantization.GetProperty("weight_block_size").EnumerateArray().Select(n => n.GetInt32()));

        using Transformer read = ModelReader.Read(_folder.At("v3F8E4M3"));
        ModelWriter.Write(read, _folder.At("plain"));
        using JsonDocument plain = Json(_folder.At("plain"), "config.json");
        Assert.False(plain.RootElement.TryGetProperty("quantization_config", out _));
    }

    [Fact]
    public void F8_tensors_are_those_that_are_released_in_f8()
    {
        string model = Write("v3", ElementType.F8E4M3);
        using SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.Open(model);
        Dictionary<string, ElementType> types = checkpoint.Tensors.ToDictionary(pair => pair.Key, pair => pair.Value.Entry.ElementType);
        foreach (string part in new[] { "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj" })
        {
            Assert.Equal(ElementType.F8E4M3, types[$"model.layers.0.self_attn.{part}.weight"]);
            Assert.Equal(ElementType.F8E4M3, types[$"model.layers.2.self_attn.{part}.weight"]);
        }

        Assert.Equal(ElementType.F8E4M3, types["model.layers.1.mlp.experts.3.down_proj.weight"]);
        Assert.Equal(ElementType.F8E4M3, types["model.layers.1.mlp.shared_experts.up_proj.weight"]);
        Assert.Equal(ElementType.F32, types["model.layers.1.mlp.gate.e_score_correction_bias"]);
        string[] kept =
        [
            "model.embed_tokens.weight", "lm_head.weight", "model.norm.weight", "model.layers.1.mlp.gate.weight", "model.layers.2.eh_proj.weight",
            "model.layers.2.embed_tokens.weight", "model.layers.2.shared_head.head.weight", "model.layers.2.enorm.weight",
        ];
        Assert.All(kept, name => Assert.Equal(ElementType.BF16, types[name]));
        foreach ((string name, ElementType type) in types.Where(pair => !pair.Key.EndsWith("_scale_inv", StringComparison.Ordinal)))
        {
            Assert.Equal(type == ElementType.F8E4M3, types.TryGetValue(name + "_scale_inv", out ElementType scales));
            if (type == ElementType.F8E4M3) Assert.Equal(ElementType.F32, scales);
        }
    }

    [Fact]
    public void A_folder_has_the_names_of_the_reference_and_the_metadata_of_pytorch()
    {
        string fixture = ParityCases.Fixture("v3-mtp");
        using (Transformer model = ModelReader.Read(fixture)) ModelWriter.Write(model, _folder.At("again"));
        using SafetensorsFile reference = SafetensorsFile.Open(Path.Combine(fixture, "model.safetensors"));
        using SafetensorsFile written = SafetensorsFile.Open(_folder.At("again", "model.safetensors"));
        Assert.Equal("pt", written.Metadata["format"]);
        Assert.Equal(reference.Tensors.Keys.Order(StringComparer.Ordinal), written.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach ((string name, SafetensorsEntry entry) in reference.Tensors)
        {
            Assert.Equal(entry.ElementType, written.Entry(name).ElementType);
            Assert.Equal(entry.Shape, written.Entry(name).Shape);
            Assert.True(reference.ReadBytes(entry, 0, (int)entry.ByteLength).SequenceEqual(written.ReadBytes(name, 0, (int)entry.ByteLength)), name);
        }
    }

    [Fact]
    public void Tied_models_have_no_head_and_modules_have_their_copies()
    {
        using SafetensorsCheckpoint tied = SafetensorsCheckpoint.Open(Write("qwen2", ElementType.F32));
        using SafetensorsCheckpoint v3 = SafetensorsCheckpoint.Open(Write("v3", ElementType.F32));
        Assert.DoesNotContain("lm_head.weight", tied.Tensors.Keys);
        Assert.Equal(Bytes(v3, "model.embed_tokens.weight"), Bytes(v3, "model.layers.2.embed_tokens.weight"));
        Assert.Equal(Bytes(v3, "lm_head.weight"), Bytes(v3, "model.layers.2.shared_head.head.weight"));

        static byte[] Bytes(SafetensorsCheckpoint checkpoint, string name)
        {
            CheckpointTensor tensor = checkpoint.Tensor(name);
            return tensor.File.ReadBytes(tensor.Entry, 0, (int)tensor.Entry.ByteLength).ToArray();
        }
    }

    [Fact]
    public void A_folder_that_is_there_stays_as_it_is()
    {
        string model = Write("llama", ElementType.F32);
        RequireUntouched(() => Assert.Contains("it is there already", WriteFails(model).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Overwriting_replaces_a_models_folder_whole()
    {
        string model = Write("v3", ElementType.F32);
        File.WriteAllText(Path.Combine(model, "model-00001-of-00002.safetensors"), "of an older model");
        using Transformer llama = TinyCheckpoints.Create(TinyCheckpoints.Llama);
        ModelWriter.Write(llama, model + Path.DirectorySeparatorChar, overwrite: true);
        string[] files = [.. Directory.GetFiles(model).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors"], files);
        Assert.Equal([model], Directory.GetFileSystemEntries(_folder.Path));
        using Transformer read = ModelReader.Read(model);
        Assert.Equal("llama", read.Config.ModelType);
    }

    [Fact]
    public void Overwriting_never_replaces_a_folder_that_is_no_models()
    {
        string home = Directory.CreateDirectory(_folder.At("home")).FullName;
        File.WriteAllText(Path.Combine(home, "thesis.txt"), "three years of work");
        RequireUntouched(() => Assert.Contains("has no config.json", WriteFails(home, overwrite: true).Message, StringComparison.Ordinal));
        string file = Path.Combine(home, "thesis.txt");
        RequireUntouched(() => Assert.Contains("it is a file", WriteFails(file, overwrite: true).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void An_empty_folder_is_a_place_to_write_to()
    {
        string model = Directory.CreateDirectory(_folder.At("empty")).FullName;
        using Transformer llama = TinyCheckpoints.Create(TinyCheckpoints.Llama);
        ModelWriter.Write(llama, model);
        ModelReader.Read(model).Dispose();
        Assert.Equal([model], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_place_below_a_file_is_named()
    {
        File.WriteAllText(_folder.At("file"), "");
        RequireUntouched(() => Assert.Contains("could not be written", WriteFails(_folder.At("file", "model")).Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(ElementType.BF16)]
    public void A_model_without_memory_leaves_the_old_folder_and_nothing_else(ElementType? type)
    {
        string model = Write("v3", ElementType.F32);
        RequireUntouched(() =>
        {
            using Transformer described = ModelReader.Describe(model);
            Assert.Throws<InvalidOperationException>(() => ModelWriter.Write(described, model, type, overwrite: true));
        });
    }

    [Fact]
    public void Arguments_that_cannot_be_are_refused_before_the_disk_is_touched()
    {
        using Transformer llama = TinyCheckpoints.Create(TinyCheckpoints.Llama);
        Assert.Throws<ArgumentException>(() => ModelWriter.Write(llama, _folder.At("model"), ElementType.I64));
        Assert.Throws<ArgumentOutOfRangeException>(() => ModelWriter.Write(llama, _folder.At("model"), maxShardBytes: 0));
        Assert.Throws<ArgumentException>(() => ModelWriter.Write(llama, ""));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void The_old_folder_is_back_if_the_new_one_does_not_get_its_name()
    {
        string model = Write("llama", ElementType.F32);
        RequireUntouched(() => Assert.ThrowsAny<IOException>(() => ModelWriter.Replace(model, _folder.At("not there"))));
    }

    private string Write(string family, ElementType type)
    {
        string model = _folder.At($"{family}{type}");
        using Transformer created = TinyCheckpoints.Create(TinyCheckpoints.Config(family));
        ModelWriter.Write(created, model, type);
        return model;
    }

    private static JsonDocument Json(string model, string file) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(model, file)));

    private static CheckpointException WriteFails(string folder, bool overwrite = false)
    {
        using Transformer llama = TinyCheckpoints.Create(TinyCheckpoints.Llama);
        CheckpointException e = Assert.Throws<CheckpointException>(() => ModelWriter.Write(llama, folder, overwrite: overwrite));
        Assert.Equal(folder, e.Path);
        return e;
    }

    private void RequireUntouched(Action write)
    {
        Dictionary<string, string> before = TemporaryFolder.Snapshot(_folder.Path);
        write();
        Assert.Equal(before, TemporaryFolder.Snapshot(_folder.Path));
    }
}
