using System.Text.Json;
using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Gguf;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints.Gguf;

/// <summary>What is written as GGUF is read back, and comes back as the folder that it was.</summary>
public sealed class GgufRoundTripTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, GgmlType> Cases
    {
        get
        {
            TheoryData<string, GgmlType> cases = [];
            foreach (string family in new[] { "v3", "v3-wide", "v2", "qwen2", "llama" })
            {
                foreach (GgmlType type in new[] { GgmlType.F32, GgmlType.F16, GgmlType.BF16 }) cases.Add(family, type);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_parameter_comes_back_rounded_once(string family, GgmlType type)
    {
        using Transformer model = TinyCheckpoints.Create(TinyCheckpoints.Config(family));
        ModelConversion.ToGguf(model, _folder.At("m.gguf"), new GgufOptions { Type = type, KeepModules = true });
        using Transformer read = ModelReader.Read(_folder.At("m.gguf"), ElementType.F32);
        RequireSame(model, read, type);
    }

    [Theory]
    [InlineData("v3")]
    [InlineData("v2")]
    [InlineData("qwen2")]
    [InlineData("llama")]
    public void A_folder_comes_back_byte_for_byte(string family)
    {
        foreach (ElementType type in new[] { ElementType.F32, ElementType.BF16 })
        {
            (string folder, string gguf, string back) = (_folder.At($"{type}"), _folder.At($"{type}.gguf"), _folder.At($"{type}-back"));
            using Transformer model = TinyCheckpoints.Create(TinyCheckpoints.Config(family));
            if (type == ElementType.BF16) model.HoldMatricesAs(ElementType.BF16);
            // Norms, routers and biases are F32 in a GGUF file; a folder of one type is what it becomes again.
            ModelWriter.Write(model, folder, type);
            ModelConversion.ToGguf(folder, gguf, new GgufOptions { KeepModules = true });
            ConversionReport report = ModelConversion.ToFolder(gguf, back);
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "model.safetensors")), File.ReadAllBytes(Path.Combine(back, "model.safetensors")));
            Assert.Equal(File.ReadAllText(Path.Combine(folder, "config.json")), File.ReadAllText(Path.Combine(back, "config.json")));
            Assert.Equal(File.ReadAllText(Path.Combine(folder, "generation_config.json")), File.ReadAllText(Path.Combine(back, "generation_config.json")));
            Assert.Equal(type == ElementType.BF16 ? 2 : 4, Math.Floor(report.BitsPerWeight / 8));
        }
    }

    [Theory]
    [InlineData("v3")]
    [InlineData("v2")]
    [InlineData("qwen2")]
    [InlineData("llama")]
    public void Keys_alone_make_the_configuration_too(string family)
    {
        // Llama's own limits, the only ones that a reader of the factors can know, and heads wide enough to have long waves.
        string config = TinyCheckpoints.Config(family)
            .Replace("\"rms_norm_eps\":1e-5", "\"rms_norm_eps\":1e-5,\"head_dim\":16", StringComparison.Ordinal)
            .Replace("\"original_max_position_embeddings\":16", "\"original_max_position_embeddings\":8192", StringComparison.Ordinal);
        using Transformer model = TinyCheckpoints.Create(config);
        string path = _folder.At("m.gguf");
        ModelConversion.ToGguf(model, path, new GgufOptions { KeepModules = true, TokenizerKeys = [new("tokenizer.ggml.bos_token_id", 0u)] });
        EditedGguf edited = EditedGguf.Read(path);
        Assert.True(edited.Keys.Remove("hadal.config"));
        edited.Write(path);
        using Transformer read = ModelReader.Read(path);
        RequireSame(model, read, GgmlType.F32);
        Assert.Equal(Comparable(model.Config), Comparable(read.Config));
        Assert.Equal(0, read.Config.BosTokenId);
    }

    [Fact]
    public void A_note_counts_only_while_it_says_what_the_keys_say()
    {
        string path = _folder.At("m.gguf");
        using Transformer model = TinyCheckpoints.Create(TinyCheckpoints.Qwen2);
        ModelConversion.ToGguf(model, path);
        EditedGguf edited = EditedGguf.Read(path);
        edited.Keys["qwen2.rope.freq_base"] = 5000f;
        edited.Write(path);
        using Transformer read = ModelReader.Describe(path);
        Assert.Equal(5000, read.Config.Rope.Theta);
        edited.Keys["hadal.config"] = "{";
        edited.Write(path);
        Assert.Contains("hadal.config", Assert.Throws<ConfigurationException>(() => ModelReader.Describe(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Prediction_modules_are_left_out_and_the_report_says_so()
    {
        using Transformer model = TinyCheckpoints.Create(TinyCheckpoints.V3);
        ConversionReport report = ModelConversion.ToGguf(model, _folder.At("m.gguf"));
        Assert.Contains(report.Remarks, remark => remark.StartsWith("the prediction module was left out", StringComparison.Ordinal));
        using Transformer read = ModelReader.Read(_folder.At("m.gguf"));
        Assert.Empty(read.Modules);
        Assert.Equal(model.Parameters.Take(model.MainParameterCount).Select(p => p.Name), read.Parameters.Select(p => p.Name));
        Assert.Equal(2u, EditedGguf.Read(_folder.At("m.gguf")).Keys["deepseek2.block_count"]);
    }

    [Fact]
    public void The_older_unsplit_projection_is_read()
    {
        string path = _folder.At("m.gguf");
        using Transformer model = TinyCheckpoints.Create(TinyCheckpoints.V2);
        ModelConversion.ToGguf(model, path);
        EditedGguf edited = EditedGguf.Read(path);
        for (int l = 0; l < 2; l++)
        {
            edited.Tensors.Remove($"blk.{l}.attn_k_b.weight");
            edited.Tensors.Remove($"blk.{l}.attn_v_b.weight");
            Parameter up = model.Parameters.Single(p => p.Name == $"model.layers.{l}.self_attn.kv_b_proj.weight");
            edited.Tensors.Add($"blk.{l}.attn_kv_b.weight", (GgmlType.F32, [4, 16], up.Value.Buffer.AsSpan<byte>(0, 256).ToArray()));
        }

        // As files before April 2025 have it: a key for every head, in its whole length.
        edited.Keys.Remove("deepseek2.attention.key_length_mla");
        edited.Keys.Remove("deepseek2.attention.value_length_mla");
        edited.Keys["deepseek2.attention.head_count_kv"] = 2u;
        edited.Keys["deepseek2.attention.key_length"] = 6u;
        edited.Keys["deepseek2.attention.value_length"] = 4u;
        edited.Write(path);
        using Transformer read = ModelReader.Read(path);
        RequireSame(model, read, GgmlType.F32);
    }

    [Fact]
    public void A_tied_head_may_be_there_as_an_equal_copy()
    {
        string path = _folder.At("m.gguf");
        using Transformer model = TinyCheckpoints.Create(TinyCheckpoints.V3);
        ModelConversion.ToGguf(model, path, new GgufOptions { KeepModules = true });
        EditedGguf edited = EditedGguf.Read(path);
        (GgmlType type, long[] dimensions, byte[] bytes) = edited.Tensors["token_embd.weight"];
        edited.Tensors.Add("blk.2.nextn.embed_tokens.weight", (type, dimensions, [.. bytes]));
        edited.Write(path);
        using (Transformer read = ModelReader.Read(path)) RequireSame(model, read, GgmlType.F32);
        edited.Tensors["blk.2.nextn.embed_tokens.weight"].Bytes[0] ^= 1;
        edited.Write(path);
        Assert.Contains("differs from", Assert.Throws<CheckpointException>(() => ModelReader.Read(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"moe_layer_freq\":1", "\"moe_layer_freq\":2", "moe_layer_freq 2")]
    [InlineData("\"rms_norm_eps\":1e-6", "\"rms_norm_eps\":1e-6,\"rope_interleave\":false", "rope_interleave false")]
    [InlineData("\"rms_norm_eps\":1e-6", "\"rms_norm_eps\":1e-6,\"attention_bias\":true", "attention_bias")]
    public void What_GGUF_cannot_say_is_refused_and_leaves_no_file(string old, string changed, string expected)
    {
        using Transformer model = TinyCheckpoints.Create(TinyCheckpoints.V3
            .Replace(old, changed, StringComparison.Ordinal)
            .Replace("\"first_k_dense_replace\":1", "\"first_k_dense_replace\":0", StringComparison.Ordinal));
        CheckpointException e = Assert.Throws<CheckpointException>(() => ModelConversion.ToGguf(model, _folder.At("m.gguf")));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_conversion_that_is_stopped_leaves_nothing()
    {
        string folder = _folder.At("model");
        TinyCheckpoints.Write(TinyCheckpoints.V3, folder);
        using CancellationTokenSource stop = new();
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => ModelConversion.ToGguf(folder, _folder.At("m.gguf"), cancellation: stop.Token));
        Assert.Throws<OperationCanceledException>(() => ModelConversion.ToFolder(folder, _folder.At("copy"), cancellation: stop.Token));
        Assert.Equal([folder], Directory.GetFileSystemEntries(_folder.Path));
    }

    private static string Comparable(ModelConfig config) => (config with
    {
        OtherKeys = new Dictionary<string, JsonElement>(),
        EosTokenIds = [],
        BosTokenId = null,
        InitializerRange = 0.02f,
        Rope = config.Rope with { Mscale = Round(config.Rope.Mscale), MscaleAllDim = Round(config.Rope.MscaleAllDim) },
    }).ToJson(ElementType.F32);

    private static double? Round(double? value) => value is { } number ? Math.Round(number, 6) : null;

    private static void RequireSame(Transformer written, Transformer read, GgmlType type)
    {
        Assert.Equal(written.Parameters.Select(p => p.Name), read.Parameters.Select(p => p.Name));
        foreach ((Parameter expected, Parameter found) in written.Parameters.Zip(read.Parameters))
        {
            ElementType stored = !expected.IsNarrowable ? ElementType.F32 : Enum.Parse<ElementType>($"{type}");
            Assert.Equal(Rounded(Values(expected.Value), stored), Values(found.Value));
        }
    }

    private static float[] Rounded(float[] values, ElementType type)
    {
        byte[] bytes = new byte[values.Length * type.SizeInBytes()];
        float[] rounded = new float[values.Length];
        ElementConversion.FromSingle(type, values, bytes);
        ElementConversion.ToSingle(type, bytes, rounded);
        return rounded;
    }

    private static float[] Values(Tensor tensor)
    {
        float[] values = new float[tensor.Shape.Count];
        ElementConversion.ToSingle(tensor.ElementType, tensor.Buffer.AsSpan<byte>(0, values.Length * tensor.ElementType.SizeInBytes()), values);
        return values;
    }
}
