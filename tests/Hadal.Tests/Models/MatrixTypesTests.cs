using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Parity;
using Hadal.Checkpoints.Safetensors;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Checkpoints;
using Xunit.Abstractions;

namespace Hadal.Tests.Models;

/// <summary>Models whose matrices are held in blocks: which are, what they compute, and how they are read.</summary>
public sealed class MatrixTypesTests(ITestOutputHelper output) : IDisposable
{
    private static readonly ConfigText s_wide = ConfigText.V3
        .With("hidden_size", "256").With("intermediate_size", "512").With("q_lora_rank", "256").With("kv_lora_rank", "64")
        .With("qk_nope_head_dim", "24").With("num_attention_heads", "8").With("num_key_value_heads", "8").With("v_head_dim", "32")
        .With("moe_intermediate_size", "32").With("initializer_range", "0.06").With("num_nextn_predict_layers", "1");

    private static readonly ElementType[] s_blocked = [ElementType.Q4_0, ElementType.Q4_K, ElementType.Q6_K, ElementType.Q8_0, ElementType.F8Scaled];

    private readonly WorkerPool _workers = new(2);

    public void Dispose() => _workers.Dispose();

    public static TheoryData<ElementType> Blocked => [.. s_blocked];

    [Theory]
    [InlineData("model.embed_tokens.weight", "Q4_K", "Q8_0", "BF16")]
    [InlineData("lm_head.weight", "Q4_K", "Q8_0", "BF16")]
    [InlineData("model.layers.0.self_attn.q_a_proj.weight", "Q4_K", "Q8_0", "F8Scaled")]
    [InlineData("model.layers.0.self_attn.kv_b_proj.weight", "BF16", "BF16", "BF16")]
    [InlineData("model.layers.0.mlp.down_proj.weight", "Q4_K", "Q8_0", "F8Scaled")]
    [InlineData("model.layers.1.mlp.experts.gate_proj.weight", "Q4_K", "Q8_0", "F8Scaled")]
    [InlineData("model.layers.1.mlp.experts.down_proj.weight", "Q8_0", "Q8_0", "BF16")]
    [InlineData("model.layers.1.mlp.gate.weight", "F32", "F32", "F32")]
    [InlineData("model.layers.1.mlp.gate.e_score_correction_bias", "F32", "F32", "F32")]
    [InlineData("model.layers.3.eh_proj.weight", "Q4_K", "Q8_0", "BF16")]
    [InlineData("model.norm.weight", "F32", "F32", "F32")]
    public void Each_parameter_has_the_type_that_the_rules_say(string name, string asQ4K, string asQ8, string asF8)
    {
        using Transformer model = new(s_wide.Read());
        Parameter parameter = model.Parameters.Single(p => p.Name == name);
        Assert.Equal(asQ4K, MatrixTypes.For(parameter, ElementType.Q4_K).ToString());
        Assert.Equal(asQ8, MatrixTypes.For(parameter, ElementType.Q8_0).ToString());
        Assert.Equal(asF8, MatrixTypes.For(parameter, ElementType.F8Scaled).ToString());
        Assert.Throws<ArgumentException>(() => MatrixTypes.For(parameter, ElementType.I8));
    }

    [Fact]
    public void Rows_of_stacked_experts_that_make_no_panels_and_columns_that_make_no_blocks_stay_BF16()
    {
        using Transformer model = new(s_wide.With("moe_intermediate_size", "40").Read());
        Assert.Equal(ElementType.BF16, MatrixTypes.For(model.ExpertLayers[0].Gate, ElementType.Q4_K)); // 40 rows
        Assert.Equal(ElementType.BF16, MatrixTypes.For(model.ExpertLayers[0].Down, ElementType.Q8_0)); // 40 columns
    }

    [Theory]
    [MemberData(nameof(Blocked))]
    public void Initialising_converting_and_reading_give_the_same_blocks(ElementType type)
    {
        using TemporaryFolder folder = new();
        using Transformer drawn = new(s_wide.Read()), converted = new(s_wide.Read());
        drawn.Initialise(5, type);
        converted.Initialise(5);
        ModelWriter.Write(converted, folder.At("model"));
        converted.HoldMatricesAs(type);
        using Transformer read = ModelReader.Read(folder.At("model"), type, trainable: true);
        for (int i = 0; i < drawn.Parameters.Count; i++)
        {
            IReadOnlyList<Parameter> arrays = drawn.Parameters[i].Held;
            foreach (IReadOnlyList<Parameter> others in new[] { converted.Parameters[i].Held, read.Parameters[i].Held })
            {
                Assert.Equal(arrays.Select(array => (array.Name, array.Value.ElementType)), others.Select(array => (array.Name, array.Value.ElementType)));
                foreach ((Tensor expected, Tensor found) in arrays.Zip(others, (array, other) => (array.Value, other.Value)))
                {
                    Assert.True(Bytes(expected).SequenceEqual(Bytes(found)), drawn.Parameters[i].Name);
                    Assert.False(found.ElementType.IsBlocked() && found.RequiresGradient);
                }
            }
        }

        Assert.Contains(drawn.Parameters.SelectMany(p => p.Held), array => array.Value.ElementType == type);
    }

    [Theory]
    [MemberData(nameof(Blocked))]
    public void Whole_in_pieces_and_token_by_token_have_the_same_bits(ElementType type)
    {
        using Transformer model = new(s_wide.Read());
        model.Initialise(6, type);
        int[] ids = TinyModels.Ids(23, 1);
        foreach (MlaForm form in new[] { MlaForm.Expanded, MlaForm.Absorbed })
        {
            float[] whole = TinyModels.Whole(model, _workers, ids, form);
            using KvCache pieces = new(model.Config), single = new(model.Config);
            TinyModels.AssertSameBits(whole, TinyModels.InPieces(model, _workers, form, pieces, ids, 5, 11, 7), $"{type} {form}, pieces");
            TinyModels.AssertSameBits(whole, TinyModels.InPieces(model, _workers, form, single, ids, 1), $"{type} {form}, one by one");
        }
    }

    // Random weights, whose logits say nothing and change the most: a trained model's differ less.
    [Fact]
    public void More_bits_leave_the_logits_nearer_to_those_of_F32()
    {
        int[] ids = TinyModels.Ids(64, 2);
        float[] exact = Logits(null);
        double[] errors = [.. s_blocked.Where(type => type != ElementType.F8Scaled).Select(type => Error(type))];
        Assert.Equal(errors.OrderDescending(), errors);
        Assert.InRange(errors[0], 0.01, 0.5);
        Assert.InRange(errors[^1], 0.0005, 0.1);
        Assert.InRange(Error(ElementType.F8Scaled), 0.001, 0.2);

        double Error(ElementType type)
        {
            double error = Differences.RelativeL2($"{type}", Logits(type), exact, 0).Found;
            output.WriteLine($"{type}: relative error of logits {error:F4}");
            return error;
        }

        float[] Logits(ElementType? type)
        {
            using Transformer model = new(s_wide.With("n_group", "1").With("topk_group", "1").With("num_experts_per_tok", "8").Read());
            model.Initialise(7);
            if (type is { } blocks) model.HoldMatricesAs(blocks);
            return TinyModels.Whole(model, _workers, ids, MlaForm.Expanded);
        }
    }

    [SkippableTheory]
    [InlineData("v3-base")]
    [InlineData("v2-lite")]
    [InlineData("qwen2-tiny")]
    [InlineData("llama-tiny")]
    public void Perplexity_of_a_reference_model_changes_within_bounds(string name)
    {
        string folder = Goldens.Require(name);
        using SavedResults saved = new(Path.Combine(folder, "expected.safetensors"));
        using Transformer exact = ModelReader.Read(folder);
        int[][] batch = saved.ReadBatch(exact.Config);
        double nats = Nats(exact, batch);
        foreach (ElementType type in s_blocked)
        {
            using Transformer model = ModelReader.Read(folder, type);
            double change = Math.Abs(Nats(model, batch) - nats);
            output.WriteLine($"{name} as {type}: {nats:F4} nats per token, changed by {change:F5}");

            // The references have random weights, rows too short for Q4_K and Q6_K (which become Q8_0), and few tokens to average over; where
            // an expert changes, so does a token's whole distribution.
            Assert.InRange(change, 0, type == ElementType.Q4_0 ? 0.5 : 0.1);
        }
    }

    [Fact]
    public void F8_checkpoints_keep_their_bytes_and_factors()
    {
        using TemporaryFolder folder = new();
        using Transformer made = new(s_wide.With("num_nextn_predict_layers", "0").Read());
        made.Initialise(8);
        ModelWriter.Write(made, folder.At("model"), ElementType.F8E4M3);
        using Transformer kept = ModelReader.Read(folder.At("model"), ElementType.F8Scaled), expanded = ModelReader.Read(folder.At("model"));
        using SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.Open(folder.At("model"));
        int compared = 0;
        foreach (StoredTensor stored in CheckpointMap.Required(kept))
        {
            Tensor value = stored.Parameter.Value;
            Assert.Equal(MatrixTypes.For(stored.Parameter, ElementType.F8Scaled), value.ElementType);
            if (value.ElementType != ElementType.F8Scaled) continue;
            (int rows, int columns, int firstRow) = (stored.Shape[0], stored.Shape[1], (int)(stored.Offset / stored.Shape[1]));
            byte[] row = new byte[columns / 128 * 132];
            float[] scales = new float[BlockScaling.BlockCount(rows, 128) * columns / 128];
            checkpoint.ReadSingle(stored.Name + "_scale_inv", 0, scales);
            CheckpointTensor tensor = checkpoint.Tensor(stored.Name);
            for (int r = 0; r < rows; r++)
            {
                WeightPanels.Unpack(value.AsMatrix(), firstRow + r, row);
                for (int block = 0; block < columns / 128; block++)
                {
                    Assert.Equal(scales[r / 128 * (columns / 128) + block], BitConverter.ToSingle(row, block * 132));
                    Assert.True(tensor.File.ReadBytes(tensor.Entry, (long)r * columns + block * 128, 128).SequenceEqual(row.AsSpan(block * 132 + 4, 128)));
                }
            }

            float[] read = new float[(long)rows * columns];
            WeightPanels.Dequantise(value.AsMatrix(), firstRow, read);
            Tensor wide = expanded.Parameters.Single(p => p.Name == stored.Parameter.Name).Value;
            Assert.Equal(wide.Buffer.AsSpan<float>(stored.Offset, read.Length).ToArray(), read);
            compared++;
        }

        Assert.InRange(compared, 10, 100);
    }

    [Fact]
    public void What_is_held_in_blocks_can_be_written_and_read_again()
    {
        using TemporaryFolder folder = new();
        using Transformer model = new(s_wide.Read());
        model.Initialise(9, ElementType.Q6_K);
        ModelWriter.Write(model, folder.At("model"), ElementType.F32);
        Assert.Throws<ArgumentException>(() => ModelWriter.Write(model, folder.At("other")));
        using Transformer read = ModelReader.Read(folder.At("model"));
        model.HoldMatricesAs(ElementType.F32);
        for (int i = 0; i < model.Parameters.Count; i++)
        {
            float[] expected = model.Parameters[i].Value.Span.ToArray();
            Assert.Equal(expected, read.Parameters[i].Value.Span.ToArray());
        }
    }

    [Fact]
    public void What_can_not_be_held_in_blocks_is_refused()
    {
        using Transformer model = new(s_wide.Read());
        model.Initialise(10);
        Parameter projection = ((SwiGluFeedForward)model.Layers[0].FeedForward).Gate.Weight;
        using Tensor trained = Tensor.Create(projection.Shape, ElementType.Q8_0, requiresGradient: true);
        Assert.Contains("train", Assert.Throws<ArgumentException>(() => projection.Assign(trained)).Message, StringComparison.Ordinal);
        Parameter router = model.ExpertLayers[0].Router;
        using Tensor blocks = Tensor.Create(router.Shape, ElementType.Q8_0);
        Assert.Throws<ArgumentException>(() => router.Assign(blocks));
        Assert.Throws<ArgumentException>(() => model.HoldMatricesAs(ElementType.F16));
        Assert.Throws<ArgumentException>(() => Tensor.Create(new Shape(2, 8, 256), ElementType.Q8_0));
        Assert.Throws<ArgumentException>(() => Tensor.Create(new Shape(16, 100), ElementType.Q8_0));
        Assert.Throws<ArgumentException>(() => new SafetensorsTensorSpec("w", ElementType.Q4_K, 16, 256));

        projection.Value.Span[300] = float.NaN;
        string message = Assert.Throws<ArgumentException>(() => model.HoldMatricesAs(ElementType.Q8_0)).Message;
        Assert.Contains(projection.Name, message, StringComparison.Ordinal);
    }

    private double Nats(Transformer model, int[][] batch)
    {
        using Graph g = new(_workers, recording: false);
        TokenBatch tokens = TokenBatch.Of(batch);
        Tensor logits = model.Logits(g, model.Forward(g, tokens));
        double sum = 0;
        int count = 0;
        for (int s = 0; s < batch.Length; s++)
        {
            for (int i = 0; i + 1 < batch[s].Length; i++, count++)
            {
                float[] row = logits.AsMatrix().Row(tokens.Sequences[s].Start + i).ToArray();
                double most = row.Max(), total = row.Sum(x => Math.Exp(x - most));
                sum -= row[batch[s][i + 1]] - most - Math.Log(total);
            }
        }

        return sum / count;
    }

    private static Span<byte> Bytes(Tensor tensor) => tensor.Buffer.AsSpan<byte>(0, (int)tensor.Buffer.ByteLength);
}
