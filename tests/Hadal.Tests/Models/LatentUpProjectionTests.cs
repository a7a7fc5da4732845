using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Gguf;
using Hadal.Checkpoints.Parity;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Checkpoints;

namespace Hadal.Tests.Models;

/// <summary>kv_b_proj held in blocks as two arrays: which types they get, what is in them, what they compute, and how they are stored.</summary>
public sealed class LatentUpProjectionTests : IDisposable
{
    private const int Heads = 4, Nope = 32, ValueDim = 48, Rank = 64;

    private static readonly ConfigText s_config = ConfigText.V3
        .With("hidden_size", "64").With("intermediate_size", "96").With("moe_intermediate_size", "32").With("q_lora_rank", "64")
        .With("kv_lora_rank", $"{Rank}").With("qk_nope_head_dim", $"{Nope}").With("v_head_dim", $"{ValueDim}").With("num_attention_heads", $"{Heads}")
        .With("num_key_value_heads", $"{Heads}").With("initializer_range", "0.06").With("num_nextn_predict_layers", "1");

    private readonly WorkerPool _workers = new(2);
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _folder.Dispose();
        _workers.Dispose();
    }

    [Theory]
    [InlineData(32, 64, 48, "Q4_0", "Q4_0", "Q4_0")]
    [InlineData(32, 64, 48, "Q6_K", "Q8_0", "Q8_0")]
    [InlineData(256, 256, 16, "Q4_K", "Q4_K", "Q4_K")]
    [InlineData(128, 512, 16, "Q4_K", "Q8_0", "Q4_K")]  // DeepSeek's: keys are shorter than a block of 256
    [InlineData(24, 64, 32, "Q8_0", "BF16", "Q8_0")]    // keys make no blocks
    [InlineData(32, 64, 40, "Q8_0", "Q8_0", "BF16")]    // a head's values make no panels
    [InlineData(24, 64, 40, "Q8_0", "BF16", null)]      // neither: the whole
    [InlineData(128, 512, 128, "F8Scaled", "BF16", null)]
    [InlineData(32, 64, 48, "BF16", "BF16", null)]
    [InlineData(32, 64, 48, "F32", "F32", null)]
    public void Halves_are_held_apart_where_one_of_them_can_be_in_blocks(int nope, int rank, int valueDim, string wanted, string first, string? second)
    {
        using Transformer model = new(s_config.With("qk_nope_head_dim", $"{nope}").With("kv_lora_rank", $"{rank}").With("v_head_dim", $"{valueDim}").Read());
        Parameter whole = UpOf(model).Whole;
        IReadOnlyList<(Parameter Array, ElementType Type)> arrays = MatrixTypes.Arrays(whole, Enum.Parse<ElementType>(wanted));
        Assert.Equal(second is null ? [first] : [first, second], arrays.Select(array => $"{array.Type}"));
        Assert.Equal(second is null ? [whole] : [UpOf(model).Keys, UpOf(model).Values], arrays.Select(array => array.Array));
    }

    [Theory]
    [InlineData(Nope, ElementType.Q4_0)]
    [InlineData(Nope, ElementType.Q8_0)]
    [InlineData(24, ElementType.Q8_0)]
    public void Blocks_of_keys_run_along_the_other_side(int nope, ElementType type)
    {
        using Transformer exact = new(s_config.With("qk_nope_head_dim", $"{nope}").Read()), held = new(s_config.With("qk_nope_head_dim", $"{nope}").Read());
        exact.Initialise(3);
        held.Initialise(3, type);
        ReadOnlySpan<float> whole = UpOf(exact).Whole.Value.Span; // [heads, nope + value, rank]
        using LoadedWeights weights = new(held);
        for (int h = 0; h < Heads; h++)
        {
            for (int r = 0; r < Rank; r++)
            {
                float[] column = new float[nope], found = new float[nope];
                for (int i = 0; i < nope; i++) column[i] = whole[(h * (nope + ValueDim) + i) * Rank + r];
                weights.ReadRows(UpOf(held).Keys, h * Rank + r, 1, found);
                Assert.Equal(Rounded(column, MatrixTypes.For(UpOf(held).Keys, type)), found);
            }

            for (int i = 0; i < ValueDim; i++)
            {
                float[] found = new float[Rank];
                weights.ReadRows(UpOf(held).Values, h * ValueDim + i, 1, found);
                Assert.Equal(Rounded(whole.Slice((h * (nope + ValueDim) + nope + i) * Rank, Rank).ToArray(), type), found);
            }
        }
    }

    // Turned and turned back, and through blocks that lose nothing the second time.
    [Fact]
    public void What_is_held_apart_is_the_same_whole_again_and_stays_what_it_is()
    {
        using Transformer model = new(s_config.Read()), again = new(s_config.Read());
        model.Initialise(4, ElementType.Q8_0);
        Assert.True(UpOf(model).IsApart);
        Assert.False(UpOf(model).Whole.IsLoaded);
        Assert.Contains("k_b_proj", Assert.Throws<InvalidOperationException>(() => UpOf(model).Whole.Value).Message, StringComparison.Ordinal);
        byte[] keys = [.. UpOf(model).Keys.Value.Buffer.AsSpan<byte>(0, (int)UpOf(model).Keys.Value.Buffer.ByteLength)];
        model.HoldMatricesAs(ElementType.Q8_0);
        Assert.Equal(keys, UpOf(model).Keys.Value.Buffer.AsSpan<byte>(0, keys.Length).ToArray());

        float[] expected = new float[Heads * (Nope + ValueDim) * Rank];
        using (LoadedWeights weights = new(model)) weights.ReadRows(UpOf(model).Whole, 0, Heads * (Nope + ValueDim), expected);
        model.HoldMatricesAs(ElementType.F32);
        Assert.False(UpOf(model).IsApart);
        Assert.Equal(expected, UpOf(model).Whole.Value.Span.ToArray());
    }

    // Absorbed products round queries and mixed latents to bytes, to 2^-8 of their largest, expanded ones nothing. Every token goes to all experts,
    // since one that changes its experts changes as a whole.
    [Theory]
    [InlineData(ElementType.Q8_0)]
    [InlineData(ElementType.Q4_0)]
    public void Absorbed_and_expanded_attention_differ_by_rounding_to_bytes(ElementType type)
    {
        using Transformer model = new(s_config.With("n_group", "1").With("topk_group", "1").With("num_experts_per_tok", "8").Read());
        model.Initialise(5, type);
        int[] ids = TinyModels.Ids(48, 1);
        float[] expanded = TinyModels.Whole(model, _workers, ids, MlaForm.Expanded), absorbed = TinyModels.Whole(model, _workers, ids, MlaForm.Absorbed);
        Assert.InRange(Differences.RelativeL2("absorbed", absorbed, expanded, 0).Found, 1e-6, 0.02);

        // Expanded, it computes what the numbers of its blocks compute as a whole.
        foreach (MultiHeadLatentAttention layer in model.Layers.Select(layer => (MultiHeadLatentAttention)layer.Attention))
        {
            float[] values = new float[Heads * (Nope + ValueDim) * Rank];
            using (LoadedWeights weights = new(model)) weights.ReadRows(layer.LatentUp.Whole, 0, Heads * (Nope + ValueDim), values);
            layer.LatentUp.Whole.Assign(Tensor.Create(layer.LatentUp.Whole.Shape, values));
            Assert.False(layer.LatentUp.IsApart);
        }

        TinyModels.AssertSameBits(expanded, TinyModels.Whole(model, _workers, ids, MlaForm.Expanded), "expanded");
    }

    [Theory]
    [InlineData(GgmlType.Q4_0, Rank, ElementType.Q4_0, ElementType.Q4_0)]
    [InlineData(GgmlType.Q8_0, Rank, ElementType.Q8_0, ElementType.Q8_0)]
    [InlineData(GgmlType.Q4_K, 256, ElementType.Q8_0, ElementType.Q4_K)]
    public void A_GGUF_file_has_the_halves_block_by_block(GgmlType type, int rank, ElementType keys, ElementType values)
    {
        using Transformer model = new(s_config.With("num_nextn_predict_layers", "0").With("kv_lora_rank", $"{rank}").Read());
        model.Initialise(6);
        ModelConversion.ToGguf(model, _folder.At("m.gguf"), new GgufOptions { Type = type });
        using Transformer read = ModelReader.Read(_folder.At("m.gguf"));
        Assert.Equal([keys, values], UpOf(read).Whole.Held.Select(half => half.Value.ElementType));
        ModelConversion.ToGguf(read, _folder.At("again.gguf"), new GgufOptions { Name = "m", Type = type });
        Assert.Equal(File.ReadAllBytes(_folder.At("m.gguf")), File.ReadAllBytes(_folder.At("again.gguf")));

        // The same as by way of memory; what trains is read as the numbers that the blocks are.
        model.HoldMatricesAs(Enum.Parse<ElementType>($"{type}"));
        int[] ids = TinyModels.Ids(20, 2);
        TinyModels.AssertSameBits(TinyModels.Whole(model, _workers, ids, MlaForm.Absorbed), TinyModels.Whole(read, _workers, ids, MlaForm.Absorbed), $"{type}");
        using Transformer trainable = ModelReader.Read(_folder.At("m.gguf"), trainable: true);
        Assert.Equal(ElementType.F32, UpOf(trainable).Whole.Value.ElementType);
        Assert.True(UpOf(trainable).Whole.Value.RequiresGradient);
    }

    private static LatentUpProjection UpOf(Transformer model) => ((MultiHeadLatentAttention)model.Layers[1].Attention).LatentUp;

    private static float[] Rounded(float[] values, ElementType type)
    {
        float[] rounded = new float[values.Length];
        byte[] bytes = new byte[type.IsBlocked() ? BlockQuantisation.ByteLength(type, values.Length) : values.Length * type.SizeInBytes()];
        if (type.IsBlocked())
        {
            BlockQuantisation.Quantise(type, values, bytes);
            BlockQuantisation.Dequantise(type, bytes, rounded);
        }
        else
        {
            ElementConversion.FromSingle(type, values, bytes);
            ElementConversion.ToSingle(type, bytes, rounded);
        }

        return rounded;
    }
}
