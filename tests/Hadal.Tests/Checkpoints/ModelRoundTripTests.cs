using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints;

/// <summary>What is written is read back: every parameter of every family, rounded once to the type that was asked for.</summary>
public sealed class ModelRoundTripTests : IDisposable
{
    private static readonly ElementType[] s_types = [ElementType.F32, ElementType.BF16, ElementType.F16, ElementType.F8E4M3];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, ElementType> Cases
    {
        get
        {
            TheoryData<string, ElementType> cases = [];
            foreach (string family in new[] { "v3", "v3-wide", "v2", "qwen2", "llama" })
            {
                foreach (ElementType type in s_types) cases.Add(family, type);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_parameter_comes_back_rounded_once(string family, ElementType type)
    {
        using Transformer model = TinyCheckpoints.Create(TinyCheckpoints.Config(family));
        ModelWriter.Write(model, _folder.At("model"), type);
        using Transformer read = ModelReader.Read(_folder.At("model"), ElementType.F32);
        RequireSame(model, read, type);
        Assert.Equal(type == ElementType.F8E4M3 ? (128, 128) : ((int, int)?)null, read.Config.WeightBlockSize);
        Assert.All(read.Parameters, parameter => Assert.False(parameter.Value.RequiresGradient));
    }

    [Theory]
    [InlineData("v3", ElementType.F8E4M3)]
    [InlineData("v2", ElementType.F32)]
    [InlineData("qwen2", ElementType.BF16)]
    public void Shards_hold_the_same_as_one_file(string family, ElementType type)
    {
        using Transformer model = TinyCheckpoints.Create(TinyCheckpoints.Config(family));
        ModelWriter.Write(model, _folder.At("sharded"), type, maxShardBytes: 600);
        string[] files = [.. Directory.GetFiles(_folder.At("sharded")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        int shards = files.Length - 3;
        Assert.InRange(shards, 3, 100);
        IEnumerable<string> names = Enumerable.Range(1, shards).Select(i => $"model-{i:d5}-of-{shards:d5}.safetensors");
        Assert.Equal(["config.json", "generation_config.json", .. names, "model.safetensors.index.json"], files);
        using Transformer read = ModelReader.Read(_folder.At("sharded"), ElementType.F32);
        RequireSame(model, read, type);
    }

    [Theory]
    [InlineData("v3")]
    [InlineData("v2")]
    [InlineData("qwen2")]
    [InlineData("llama")]
    public void The_configuration_comes_back_as_it_was(string family)
    {
        using Transformer model = TinyCheckpoints.Create(TinyCheckpoints.Config(family));
        ModelWriter.Write(model, _folder.At("model"));
        ModelConfig read = ModelConfig.Read(_folder.At("model", "config.json"));
        Dictionary<string, System.Text.Json.JsonElement> none = [];
        Assert.Equal(model.Config.EosTokenIds, read.EosTokenIds);
        Assert.Equal(model.Config with { OtherKeys = none, EosTokenIds = [] }, read with { OtherKeys = none, EosTokenIds = [] });
        foreach ((string key, System.Text.Json.JsonElement value) in model.Config.OtherKeys)
        {
            Assert.Equal(value.GetRawText(), read.OtherKeys[key].GetRawText());
        }
    }

    [Fact]
    public void By_default_weights_are_stored_as_they_are_held()
    {
        using Transformer created = TinyCheckpoints.Create(TinyCheckpoints.Llama);
        ModelWriter.Write(created, _folder.At("bf16"), ElementType.BF16);
        using Transformer held = ModelReader.Read(_folder.At("bf16"));
        Assert.Equal(ElementType.BF16, held.Embedding.Value.ElementType);
        Assert.Equal(ElementType.F32, held.FinalNorm.Value.ElementType);
        ModelWriter.Write(held, _folder.At("again"));
        Assert.Equal(File.ReadAllBytes(_folder.At("bf16", "model.safetensors")), File.ReadAllBytes(_folder.At("again", "model.safetensors")));
        Assert.Equal(File.ReadAllBytes(_folder.At("bf16", "config.json")), File.ReadAllBytes(_folder.At("again", "config.json")));
    }

    [Fact]
    public void Matrices_can_be_read_as_bf16_and_as_trainable()
    {
        using Transformer created = TinyCheckpoints.Create(TinyCheckpoints.V3);
        ModelWriter.Write(created, _folder.At("model"));
        using Transformer read = ModelReader.Read(_folder.At("model"), ElementType.BF16, trainable: true);
        foreach ((Parameter parameter, Parameter original) in read.Parameters.Zip(created.Parameters))
        {
            Assert.Equal(parameter.IsNarrowable ? ElementType.BF16 : ElementType.F32, parameter.Value.ElementType);
            Assert.Equal(parameter.Kind != ParameterKind.RoutingBias, parameter.Value.RequiresGradient);
            Assert.Equal(Rounded(Values(original.Value), parameter.Value.ElementType), Values(parameter.Value));
        }
    }

    private static void RequireSame(Transformer written, Transformer read, ElementType type)
    {
        Assert.Equal(written.Parameters.Select(p => p.Name), read.Parameters.Select(p => p.Name));
        foreach ((Parameter expected, Parameter found) in written.Parameters.Zip(read.Parameters))
        {
            Assert.Equal(Stored(expected, type), Values(found.Value));
        }
    }

    // What a released checkpoint of this type keeps of a parameter.
    private static float[] Stored(Parameter parameter, ElementType type)
    {
        float[] values = Values(parameter.Value);
        if (parameter.Kind == ParameterKind.RoutingBias) return values;
        if (type != ElementType.F8E4M3) return Rounded(values, type);
        bool isMerge = parameter.Name.EndsWith(".eh_proj.weight", StringComparison.Ordinal);
        if (isMerge || parameter.Kind is not (ParameterKind.Projection or ParameterKind.Experts)) return Rounded(values, ElementType.BF16);
        (int columns, int rows) = (parameter.Shape.Last, parameter.Shape[parameter.Shape.Rank - 2]);
        return [.. values.Chunk(rows * columns).SelectMany(matrix => InBlocks(matrix, rows, columns))];
    }

    private static float[] InBlocks(float[] matrix, int rows, int columns)
    {
        byte[] e4m3 = new byte[matrix.Length];
        float[] scales = new float[(rows + 127) / 128 * ((columns + 127) / 128)], values = new float[matrix.Length];
        BlockScaling.Quantise(matrix, rows, columns, 128, 128, e4m3, scales);
        BlockScaling.Dequantise(e4m3, scales, rows, columns, 128, 128, values);
        return values;
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
