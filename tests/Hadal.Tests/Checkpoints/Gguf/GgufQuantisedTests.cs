using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Gguf;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints.Gguf;

/// <summary>A file in blocks is, bit for bit, the model that reading its folder in blocks makes; and blocks are never encoded twice.</summary>
public sealed class GgufQuantisedTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, GgmlType> Cases
    {
        get
        {
            TheoryData<string, GgmlType> cases = [];
            foreach (string family in new[] { "v3", "llama", "qwen2" })
            {
                foreach (GgmlType type in new[] { GgmlType.Q8_0, GgmlType.Q4_0, GgmlType.Q4_K, GgmlType.Q6_K }) cases.Add(family, type);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_file_holds_what_reading_the_folder_in_that_type_makes(string family, GgmlType type)
    {
        string folder = Wide(family), path = _folder.At("m.gguf");
        ConversionReport report = ModelConversion.ToGguf(folder, path, new GgufOptions { Type = type, KeepModules = true });
        Assert.Contains(report.Stored, stored => stored.Type == $"{type}");
        Assert.InRange(report.BitsPerWeight, 4.5, 11); // norms and narrow rows take more than the type itself
        using Transformer expected = ModelReader.Read(folder, Enum.Parse<ElementType>($"{type}")), found = ModelReader.Read(path);
        RequireSameBytes(expected, found);
        Assert.Contains(found.Parameters, p => p.Value.ElementType == Enum.Parse<ElementType>($"{type}"));

        // From the file and from memory: blocks are taken over as they are.
        ModelConversion.ToGguf(path, _folder.At("copy.gguf"), new GgufOptions { Name = "m", KeepModules = true });
        ModelConversion.ToGguf(found, _folder.At("memory.gguf"), new GgufOptions { Type = type, Name = "m", KeepModules = true });
        foreach (string copy in new[] { "copy.gguf", "memory.gguf" })
        {
            EditedGguf original = EditedGguf.Read(path), again = EditedGguf.Read(_folder.At(copy));
            Assert.Equal(original.Tensors.Keys, again.Tensors.Keys);
            foreach ((string name, (GgmlType tensorType, _, byte[] bytes)) in original.Tensors)
            {
                Assert.Equal((name, tensorType), (name, again.Tensors[name].Type));
                Assert.True(bytes.AsSpan().SequenceEqual(again.Tensors[name].Bytes), name);
            }
        }
    }

    [Fact]
    public void Released_F8_is_written_from_a_folder_as_from_memory()
    {
        string folder = Wide("v3");
        using Transformer model = ModelReader.Read(folder);
        ModelWriter.Write(model, _folder.At("memory"), ElementType.F8E4M3);
        ConversionReport report = ModelConversion.ToFolder(folder, _folder.At("streamed"), new FolderOptions { Type = ElementType.F8E4M3 });
        Assert.Equal(File.ReadAllBytes(_folder.At("memory", "model.safetensors")), File.ReadAllBytes(_folder.At("streamed", "model.safetensors")));
        Assert.Equal(File.ReadAllText(_folder.At("memory", "config.json")), File.ReadAllText(_folder.At("streamed", "config.json")));
        Assert.Contains("weight_block_size", File.ReadAllText(_folder.At("streamed", "config.json")), StringComparison.Ordinal);
        Assert.InRange(report.BitsPerWeight, 8, 14);
    }

    [Theory]
    [InlineData(GgmlType.Q4_1)]
    [InlineData(GgmlType.Q5_0)]
    [InlineData(GgmlType.Q5_1)]
    [InlineData(GgmlType.Q2_K)]
    [InlineData(GgmlType.Q3_K)]
    [InlineData(GgmlType.Q5_K)]
    public void Types_without_kernels_are_decoded(GgmlType type)
    {
        string path = _folder.At("m.gguf");
        ModelConversion.ToGguf(Wide("qwen2"), path, new GgufOptions { Type = GgmlType.F32 });
        EditedGguf edited = EditedGguf.Read(path);
        byte[] blocks = new byte[12 * type.RowBytes(256)];
        Random random = new(5);
        for (int i = 0; i < blocks.Length; i++) blocks[i] = (byte)random.Next(0x3c); // no byte makes a half that is not finite
        edited.Tensors["token_embd.weight"] = (type, [256, 12], blocks);
        edited.Write(path);
        float[] expected = new float[12 * 256];
        ForeignBlocks.Dequantise(Enum.Parse<ForeignBlockType>($"{type}"), blocks, expected);
        using Transformer model = ModelReader.Read(path);
        Assert.Equal(ElementType.F32, model.Embedding.Value.ElementType);
        Assert.True(model.Embedding.Value.Span.SequenceEqual(expected));
        Assert.True(type.IsOnlyRead());
    }

    [Fact]
    public void Blocks_are_read_as_F32_where_the_model_is_to_train()
    {
        string path = _folder.At("m.gguf");
        ModelConversion.ToGguf(Wide("llama"), path, new GgufOptions { Type = GgmlType.Q8_0 });
        using Transformer blocks = ModelReader.Read(path), trainable = ModelReader.Read(path, trainable: true);
        Assert.All(trainable.Parameters, p => Assert.Equal((ElementType.F32, true), (p.Value.ElementType, p.Value.RequiresGradient)));
        Parameter held = blocks.Parameters.Single(p => p.Name == "model.layers.0.mlp.up_proj.weight"), trained = trainable.Parameters.Single(p => p.Name == held.Name);
        float[] values = new float[held.Count];
        WeightPanels.Dequantise(held.Value.AsMatrix(), 0, values);
        Assert.True(trained.Value.Span.SequenceEqual(values));
    }

    [Fact]
    public void A_number_that_blocks_cannot_hold_names_its_tensor_and_leaves_no_file()
    {
        using Transformer model = TinyCheckpoints.Create(Config("qwen2"));
        model.Parameters.Single(p => p.Name == "model.layers.1.mlp.down_proj.weight").Value.Span[3] = float.NaN;
        CheckpointException e = Assert.Throws<CheckpointException>(() => ModelConversion.ToGguf(model, _folder.At("m.gguf"), new GgufOptions { Type = GgmlType.Q4_0 }));
        Assert.Contains("tensor 'blk.1.ffn_down.weight' can't be written as Q4_0", e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    private string Wide(string family)
    {
        string folder = _folder.At("model");
        TinyCheckpoints.Write(Config(family), folder);
        return folder;
    }

    // Rows that make whole blocks of 256 in most matrices, of 32 in some, and none in others.
    private static string Config(string family) => TinyCheckpoints.Config(family)
        .Replace("\"hidden_size\":8", "\"hidden_size\":256", StringComparison.Ordinal)
        .Replace("\"intermediate_size\":6", "\"intermediate_size\":512", StringComparison.Ordinal)
        .Replace("\"moe_intermediate_size\":4", "\"moe_intermediate_size\":32", StringComparison.Ordinal);

    private static void RequireSameBytes(Transformer expected, Transformer found)
    {
        foreach ((Parameter left, Parameter right) in expected.Parameters.Zip(found.Parameters))
        {
            Assert.Equal((left.Name, left.Value.ElementType), (right.Name, right.Value.ElementType));
            int length = (int)Tensor.ByteLength(left.Shape, left.Value.ElementType);
            Assert.True(left.Value.Buffer.AsSpan<byte>(0, length).SequenceEqual(right.Value.Buffer.AsSpan<byte>(0, length)), left.Name);
        }
    }
}
