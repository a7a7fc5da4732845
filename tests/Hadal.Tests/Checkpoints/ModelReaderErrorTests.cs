using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints;

/// <summary>
/// What can be wrong with a folder ends in one sentence that names the file and the place. Nothing in the folder is touched, and no
/// memory stays behind.
/// </summary>
[Collection(MemoryBaseline.Name)]
public sealed class ModelReaderErrorTests : IDisposable
{
    private const string Weights = "model.safetensors", Index = "model.safetensors.index.json", Config = "config.json";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("v3", "model.layers.1.self_attn.o_proj.weight", "expected one of shape [8, 8]")]
    [InlineData("v3", "model.layers.1.mlp.experts.3.up_proj.weight", "expected one of shape [4, 8]")]
    [InlineData("v3", "model.layers.1.mlp.gate.e_score_correction_bias", "expected one of shape [4]")]
    [InlineData("v3", "model.layers.2.eh_proj.weight", "or num_nextn_predict_layers 0 in config.json")]
    [InlineData("qwen2", "model.layers.0.self_attn.q_proj.bias", "expected one of shape [8]")]
    [InlineData("llama", "lm_head.weight", "expected one of shape [12, 8]")]
    public void A_missing_tensor(string family, string tensor, string expected)
    {
        string model = Write(family);
        Edit(model, edited => Assert.True(edited.Tensors.Remove(tensor)));
        Refused(model, model, $"there is no tensor '{tensor}'", expected);
    }

    [Fact]
    public void Prediction_modules_that_are_not_there_come_with_a_hint()
    {
        string model = Write("v3");
        Edit(model, edited =>
        {
            IEnumerable<string> names = edited.Tensors.Keys.Where(name => name.StartsWith("model.layers.2.", StringComparison.Ordinal));
            foreach (string name in names) edited.Tensors.Remove(name);
        });
        Refused(model, model, "'model.layers.2.enorm.weight'", "or num_nextn_predict_layers 0 in config.json");
        Replace(model, "\"num_nextn_predict_layers\": 1", "\"num_nextn_predict_layers\": 0");
        using Transformer read = ModelReader.Read(model);
        Assert.Empty(read.Modules);
    }

    [Theory]
    [InlineData("v3", "model.layers.0.mlp.gate.weight")]
    [InlineData("v3", "model.layers.1.mlp.experts.4.up_proj.weight")]
    [InlineData("v3", "model.layers.0.self_attn.o_proj.weight_scale_inv")]
    [InlineData("v2", "model.layers.1.mlp.gate.e_score_correction_bias")]
    [InlineData("qwen2", "model.layers.0.self_attn.o_proj.bias")]
    [InlineData("llama", "\u001b[31mred")]
    public void An_unexpected_tensor(string family, string tensor)
    {
        string model = Write(family);
        Edit(model, edited => edited.Replace(tensor, ElementType.F32, 4));
        Refused(model, Path.Combine(model, Weights), "is unexpected", "of this config.json has none of that name");
    }

    [Theory]
    [InlineData("v3", "model.norm.weight", new long[] { 9 }, "has shape [9], expected [8]")]
    [InlineData("v3", "model.norm.weight", new long[] { 8, 1 }, "has shape [8, 1], expected [8]")]
    [InlineData("v3", "model.layers.1.mlp.experts.2.down_proj.weight", new long[] { 4, 8 }, "has shape [4, 8], expected [8, 4]")]
    [InlineData("v3", "model.embed_tokens.weight", new long[] { 0 }, "has shape [0], expected [12, 8]")]
    [InlineData("llama", "lm_head.weight", new long[] { 96 }, "has shape [96], expected [12, 8]")]
    public void A_tensor_of_another_shape(string family, string tensor, long[] shape, string problem)
    {
        string model = Write(family);
        Edit(model, edited => edited.Replace(tensor, ElementType.F32, shape));
        Refused(model, Path.Combine(model, Weights), $"tensor '{tensor}'", problem);
    }

    [Theory]
    [InlineData("model.layers.0.self_attn.o_proj.weight", ElementType.I64, "is I64, expected F32, BF16, F16 or F8_E4M3")]
    [InlineData("model.layers.0.self_attn.o_proj.weight", ElementType.F64, "is F64, expected F32, BF16, F16 or F8_E4M3")]
    [InlineData("model.layers.0.self_attn.o_proj.weight", ElementType.F8E5M2, "is F8_E5M2, expected F32, BF16, F16 or F8_E4M3")]
    [InlineData("model.norm.weight", ElementType.F8E4M3, "is F8_E4M3, expected F32, BF16, F16.")]
    [InlineData("model.norm.weight", ElementType.U8, "is U8, expected F32, BF16, F16.")]
    [InlineData("model.layers.0.self_attn.o_proj.weight", ElementType.F8E4M3, "expected a quantization_config with weight_block_size in config.json")]
    public void A_tensor_of_another_type(string tensor, ElementType type, string problem)
    {
        string model = Write("v3");
        Edit(model, edited => edited.Replace(tensor, type, edited.Tensors[tensor].Shape));
        Refused(model, Path.Combine(model, Weights), $"tensor '{tensor}'", problem);
    }

    [Fact]
    public void Scales_that_are_missing_or_of_another_kind()
    {
        const string Weight = "model.layers.0.self_attn.o_proj.weight", Scales = Weight + "_scale_inv";
        using Transformer created = TinyCheckpoints.Create(TinyCheckpoints.V3);
        string model = _folder.At("model"), file = Path.Combine(model, Weights);
        ModelWriter.Write(created, model, ElementType.F8E4M3);

        Edit(model, edited => Assert.True(edited.Tensors.Remove(Scales)));
        Refused(model, file, $"tensor '{Weight}' is F8_E4M3, expected its scales as '{Scales}'");
        Edit(model, edited => edited.Replace(Scales, ElementType.F32, 1, 2));
        Refused(model, file, $"tensor '{Scales}' has shape [1, 2], expected [1, 1]");
        Edit(model, edited => edited.Replace(Scales, ElementType.BF16, 1, 1));
        Refused(model, file, $"tensor '{Scales}' is BF16, expected F32");
        Edit(model, edited => edited.Replace(Scales, ElementType.F32, 1, 1));
        ModelReader.Read(model).Dispose();
    }

    [Theory]
    [InlineData("qwen2", "lm_head.weight", "model.embed_tokens.weight", true)]
    [InlineData("v3", "model.layers.2.embed_tokens.weight", "model.embed_tokens.weight", false)]
    [InlineData("v3", "model.layers.2.shared_head.head.weight", "lm_head.weight", false)]
    public void A_copy_is_read_if_it_is_equal_and_refused_if_not(string family, string copy, string original, bool added)
    {
        string model = Write(family);
        Edit(model, edited =>
        {
            Assert.Equal(!added, edited.Tensors.ContainsKey(copy));
            edited.Tensors[copy] = edited.Tensors[original] with { Bytes = [.. edited.Tensors[original].Bytes] };
        });
        ModelReader.Read(model).Dispose();
        EditedTensors.SetFloat(Path.Combine(model, Weights), copy, 95, value => value + 1e-6f);
        Refused(model, Path.Combine(model, Weights), $"tensor '{copy}' differs from '{original}', expected an equal copy");
    }

    [Fact]
    public void Copies_in_f8_are_compared_with_their_scales()
    {
        const string Copy = "model.layers.2.embed_tokens.weight", Original = "model.embed_tokens.weight", Scale = "_scale_inv";
        using Transformer created = TinyCheckpoints.Create(TinyCheckpoints.V3);
        string model = _folder.At("model"), file = Path.Combine(model, Weights);
        ModelWriter.Write(created, model, ElementType.F8E4M3);
        Edit(model, edited =>
        {
            foreach (string name in new[] { Copy, Original })
            {
                edited.Replace(name, ElementType.F8E4M3, 12, 8);
                edited.Tensors[name].Bytes.AsSpan().Fill(0x38);
                edited.Replace(name + Scale, ElementType.F32, 1, 1);
            }
        });
        EditedTensors.SetFloat(file, Original + Scale, 0, _ => 2);
        Refused(model, file, $"tensor '{Copy}' differs from '{Original}'");
        EditedTensors.SetFloat(file, Copy + Scale, 0, _ => 2);
        using Transformer read = ModelReader.Read(model);
        Assert.All(read.Embedding.Value.Span.ToArray(), value => Assert.Equal(2, value));
    }

    [Fact]
    public void Rotary_frequencies_of_old_llama_checkpoints_are_passed_over()
    {
        string model = Write("llama");
        Edit(model, edited => edited.Replace("model.layers.0.self_attn.rotary_emb.inv_freq", ElementType.F32, 1));
        ModelReader.Read(model).Dispose();
    }

    [Fact]
    public void Folders_that_are_none()
    {
        string model = Write("llama"), nowhere = _folder.At("nowhere"), empty = Directory.CreateDirectory(_folder.At("empty")).FullName;
        Refused(nowhere, Path.Combine(nowhere, Config), "is not there, expected a model folder");
        Refused(empty, Path.Combine(empty, Config), "is not there, expected a model folder");
        string file = Path.Combine(model, Weights);
        Refused(file, Path.Combine(file, Config), "is not there, expected a model folder");
        File.Copy(Path.Combine(model, Config), Path.Combine(empty, Config));
        Refused(empty, empty, "the folder has neither", Weights, Index);
        Directory.CreateDirectory(Path.Combine(empty, Weights));
        Refused(empty, empty, "the folder has neither");
        Assert.Throws<ArgumentException>(() => ModelReader.Read(""));
    }

    [Fact]
    public void Files_that_are_damaged()
    {
        string model = Write("llama"), file = Path.Combine(model, Weights);
        byte[] good = File.ReadAllBytes(file);
        File.WriteAllBytes(file, good[..^1]);
        Refused(model, file, "data_offsets");
        File.WriteAllBytes(file, good[..100]);
        Refused(model, file, "the header's length is");
        File.WriteAllBytes(file, []);
        Refused(model, file, "the file has 0 bytes");
        File.WriteAllText(file, "version https://git-lfs.github.com/spec/v1\n");
        Refused(model, file, "the header's length is");
        File.Delete(file);
        File.WriteAllText(Path.Combine(model, Index), """{"weight_map":{"model.norm.weight":"model-00001-of-00002.safetensors"}}""");
        Refused(model, Path.Combine(model, Index), "the shard 'model-00001-of-00002.safetensors', which is not in the folder");
    }

    [Theory]
    [InlineData("\"model_type\": \"llama\"", "\"model_type\": \"\\ud800\"")]
    [InlineData("\"model_type\": \"llama\"", "\"model_\\udc00type\": 1")]
    [InlineData("\"hidden_size\": 8", "\"hidden_size\": \"\u00ff\"")]
    public void Text_that_is_not_unicode(string from, string to)
    {
        string model = Write("llama");
        Replace(model, from, to, System.Text.Encoding.Latin1);
        Refused(model, Path.Combine(model, Config), "not valid Unicode");
    }

    [Fact]
    public void Matrices_are_held_as_f32_or_bf16_only()
    {
        string model = Write("llama");
        long before = MemoryBaseline.Take();
        Assert.Throws<ArgumentException>(() => ModelReader.Read(model, ElementType.F16));
        MemoryBaseline.RequireSame(before);
    }

    private string Write(string family)
    {
        string model = _folder.At("model");
        TinyCheckpoints.Write(TinyCheckpoints.Config(family), model);
        return model;
    }

    private static void Edit(string model, Action<EditedTensors> change) => EditedTensors.Change(Path.Combine(model, Weights), change);

    private static void Replace(string model, string from, string to, System.Text.Encoding? encoding = null)
    {
        string path = Path.Combine(model, Config), text = File.ReadAllText(path);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal), encoding ?? new System.Text.UTF8Encoding(false));
    }

    private void Refused(string model, string path, params string[] problem)
    {
        Dictionary<string, string> files = TemporaryFolder.Snapshot(_folder.Path);
        long before = MemoryBaseline.Take();
        Exception? e = Record.Exception(() => ModelReader.Read(model).Dispose());
        Assert.True(e is CheckpointException or ConfigurationException, $"{e}");
        MemoryBaseline.RequireSame(before);
        Assert.StartsWith(path + ": ", e.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(e.Message, char.IsControl);
        Assert.All(problem, part => Assert.Contains(part, e.Message, StringComparison.Ordinal));
        Assert.Equal(files, TemporaryFolder.Snapshot(_folder.Path));
    }
}
