using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;
using Xunit.Abstractions;

namespace Hadal.Tests.Models;

/// <summary>Two ways to compute the same: absorbed and expanded attention, BF16 as held and upcast, predictions alone and batched.</summary>
public sealed class EqualFormsTests(ITestOutputHelper output) : IDisposable
{
    private readonly WorkerPool _workers = new(1);

    public static TheoryData<string> LatentKinds => TinyModels.LatentKinds;

    public static TheoryData<string> Kinds => TinyModels.Kinds;

    public void Dispose() => _workers.Dispose();

    // The forms add up the same products in another order: a relative error of some units of 2^-24 per sum, over three layers.
    [Theory]
    [MemberData(nameof(LatentKinds))]
    public void Absorbed_attention_equals_expanded_attention(string kind)
    {
        using Transformer model = TinyModels.Create(kind);
        int[] ids = TinyModels.Ids(48, 1);
        float[] expanded = TinyModels.Whole(model, _workers, ids, MlaForm.Expanded);
        AssertClose(expanded, TinyModels.Whole(model, _workers, ids, MlaForm.Absorbed), kind);

        // Through one cache the forms can even take turns: it holds the same latents.
        using KvCache cache = new(model.Config);
        float[] first = TinyModels.Next(model, _workers, MlaForm.Expanded, [cache], ids[..30]);
        float[] second = TinyModels.Next(model, _workers, MlaForm.Absorbed, [cache], ids[30..40]);
        float[] third = TinyModels.Next(model, _workers, MlaForm.Expanded, [cache], ids[40..]);
        AssertClose(expanded, [.. first, .. second, .. third], kind + ", in turns");
        Assert.NotEqual(expanded, TinyModels.Whole(model, _workers, TinyModels.Ids(48, 2), MlaForm.Absorbed));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Matrices_held_as_BF16_compute_what_their_upcast_values_compute(string kind)
    {
        string folder = Path.Combine(Directory.CreateTempSubdirectory("hadal-bf16-").FullName, "model");
        try
        {
            using (Transformer model = TinyModels.Create(kind)) ModelWriter.Write(model, folder, ElementType.BF16);
            using Transformer held = ModelReader.Read(folder), upcast = ModelReader.Read(folder, ElementType.F32);
            Assert.Equal(ElementType.BF16, held.Embedding.Value.ElementType);
            Assert.Equal(ElementType.F32, upcast.Embedding.Value.ElementType);
            int[] ids = TinyModels.Ids(70, 3);
            foreach (MlaForm form in TinyModels.Forms(kind))
            {
                float[] expected = TinyModels.Whole(upcast, _workers, ids, form);
                TinyModels.AssertSameBits(expected, TinyModels.Whole(held, _workers, ids, form), $"{kind}, {form}");
                using KvCache cache = new(held.Config);
                TinyModels.AssertSameBits(expected, TinyModels.InPieces(held, _workers, form, cache, ids, 60, 1), $"{kind}, {form}, cached");
            }
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(folder)!, recursive: true);
        }
    }

    [Fact]
    public void Two_prediction_modules_compute_the_same_alone_and_batched()
    {
        using Transformer model = TinyModels.Create(ConfigText.V3.With("num_nextn_predict_layers", "2"));
        int[][] sequences = [TinyModels.Ids(9, 1), TinyModels.Ids(3, 2), TinyModels.Ids(40, 3)];
        float[][] together = Predict(model, sequences);
        Assert.Equal([(9 + 3 + 40 - 3) * 97, (9 + 3 + 40 - 6) * 97], together.Select(depth => depth.Length));
        float[][][] alone = [.. sequences.Select(ids => Predict(model, [ids]))];
        for (int k = 0; k < 2; k++) TinyModels.AssertSameBits([.. alone.SelectMany(depths => depths[k])], together[k], $"depth {k + 1}");
    }

    [Fact]
    public void Prediction_at_depth_k_sees_no_token_beyond_the_k_next()
    {
        using Transformer model = TinyModels.Create(ConfigText.V3.With("num_nextn_predict_layers", "2"));
        int[] ids = TinyModels.Ids(20, 4), changed = [.. ids];
        changed[12] = (ids[12] + 1) % 97;
        float[][] before = Predict(model, [ids]), after = Predict(model, [changed]);
        for (int k = 1; k <= 2; k++)
        {
            // Row i has seen the tokens up to i + k: the first that can notice a change at 12 is 12 - k.
            int rows = 12 - k;
            TinyModels.AssertSameBits(before[k - 1].AsSpan(0, rows * 97), after[k - 1].AsSpan(0, rows * 97), $"depth {k}");
            Assert.False(before[k - 1].AsSpan(rows * 97, 97).SequenceEqual(after[k - 1].AsSpan(rows * 97, 97)));
        }
    }

    [Fact]
    public void Prediction_leaves_out_sequences_that_are_too_short()
    {
        using Transformer model = TinyModels.Create(ConfigText.V3.With("num_nextn_predict_layers", "2"));
        int[] five = TinyModels.Ids(5, 1);
        float[][] alone = Predict(model, [five]);
        using Graph g = new(_workers, recording: false);
        TokenBatch batch = TokenBatch.Of([7], five, [3, 4]);
        IReadOnlyList<ModulePrediction> depths = model.PredictFurther(g, model.Forward(g, batch), batch);
        Assert.Equal([[1, 2, 3, 4, 6], [1, 2, 3]], depths.Select(depth => depth.Rows));
        Assert.Equal([[4, 1], [3]], depths.Select(depth => depth.Tokens.Sequences.Select(rows => rows.Count)));
        for (int k = 0; k < 2; k++)
        {
            TinyModels.AssertSameBits(alone[k], model.Logits(g, depths[k].Hidden).Span[..alone[k].Length], $"depth {k + 1}");
        }

        batch = TokenBatch.Of([1], [2]);
        Assert.Empty(model.PredictFurther(g, model.Forward(g, batch), batch));
    }

    private float[][] Predict(Transformer model, int[][] sequences)
    {
        using Graph g = new(_workers, recording: false);
        TokenBatch batch = TokenBatch.Of(sequences);
        return [.. model.PredictFurther(g, model.Forward(g, batch), batch).Select((depth, k) =>
        {
            Assert.Equal(sequences.Select(ids => ids.Length - k - 1), depth.Tokens.Sequences.Select(rows => rows.Count));
            return model.Logits(g, depth.Hidden).Span.ToArray();
        })];
    }

    private void AssertClose(float[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        double largest = expected.Max(Math.Abs), difference = expected.Zip(actual, (a, b) => Math.Abs(a - (double)b)).Max();
        output.WriteLine($"{what}: {difference / largest:E2} of the largest value");
        Assert.True(difference <= 1e-5 * largest, $"{what}: off by {difference:E2} where the largest value is {largest:E2}");
    }
}
