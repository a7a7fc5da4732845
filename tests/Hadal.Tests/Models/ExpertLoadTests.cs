using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Models;

/// <summary>The load of experts and its steering by correction biases.</summary>
public sealed class ExpertLoadTests : IDisposable
{
    private readonly WorkerPool _workers = new(2);

    public void Dispose() => _workers.Dispose();

    [Fact]
    public void The_violation_is_how_much_the_fullest_expert_has_beyond_the_mean()
    {
        Assert.Equal(0, ExpertLoad.MaxViolation([5, 5, 5]));
        Assert.Equal(2, ExpertLoad.MaxViolation([9, 0, 0]));      // 9 / 3 - 1
        Assert.Equal(0.5, ExpertLoad.MaxViolation([2, 3, 1]));    // 3 / 2 - 1
        Assert.Equal(0, ExpertLoad.MaxViolation([0, 0]));
    }

    [Fact]
    public void Biases_move_by_the_sign_of_the_missing_load()
    {
        float[] bias = [0, 1, -1, 0.5f];
        AuxiliaryLossFreeBalancing.UpdateBias(bias, [2, 3, 1, 2], 0.25f); // the mean is 2
        Assert.Equal([0, 0.75f, -0.75f, 0.5f], bias);
        Assert.Throws<ArgumentException>(() => AuxiliaryLossFreeBalancing.UpdateBias(bias, [1, 2], 1));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 2)]
    public void On_a_skewed_stream_the_biases_even_the_load_out_and_no_token_is_dropped(int groups, int topGroups)
    {
        // Logits are normal around means from -1 to 1: without biases the last experts take most.
        const int experts = 16, topK = 4, tokens = 1024;
        RoutingRule rule = new(ScoreFunction.Sigmoid, ExpertSelection.NoAuxiliaryLoss, topK, groups, topGroups, true, 1);
        Random random = new(5);
        float[] bias = new float[experts];
        using Graph g = new(_workers, recording: false);
        double first = ExpertLoad.MaxViolation(Route(8));
        for (int step = 0; step < 150; step++) AuxiliaryLossFreeBalancing.UpdateBias(bias, Route(1), step < 100 ? 0.01f : 0.001f);

        // 64k tokens are 16k for an expert, give or take 110: the noise of the measure is 0.02.
        double last = ExpertLoad.MaxViolation(Route(64));
        Assert.True(first > 1, $"the stream was to be skewed, found a violation of {first}");
        Assert.True(last < 0.1, $"a violation of {first} became {last}");

        long[] Route(int batches)
        {
            long[] loads = new long[experts];
            for (int b = 0; b < batches; b++)
            {
                Tensor logits = g.Allocate(new Shape(tokens, experts));
                for (int i = 0; i < tokens * experts; i++)
                {
                    double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
                    logits.Span[i] = (float)(normal + (i % experts - 7.5) / 7.5);
                }

                foreach (int expert in g.RouteToExperts(logits, bias, rule).Experts.Integers()) loads[expert]++;
                g.Reset();
            }

            Assert.Equal((long)batches * tokens * topK, loads.Sum());
            return loads;
        }
    }

    [Fact]
    public void A_step_counts_every_token_of_every_layer_and_moves_the_biases_of_modules_too()
    {
        using Transformer model = TinyModels.Create(ConfigText.V3.With("num_nextn_predict_layers", "1"));
        ExpertLoad load = new(model);
        Assert.Equal(["layers.1", "layers.2", "layers.3"], load.Layers.Select(layer => layer.Router.Name[6..14]));
        TrainingBatch[] batches = [Batch([11, 1]), Batch([5])];
        TargetTotals totals = batches.Select(batch => TargetTotals.Of(batch, 1)).Aggregate((a, b) => a.Add(b));
        Dictionary<string, int> seen = [];
        foreach (TrainingBatch batch in batches)
        {
            using Graph g = new(_workers, recording: true);
            TrainingObjective.Build(g, model, batch, totals, new ObjectiveOptions(), load);
            model.Forward(g, batch.Tokens, probe: (name, value) =>
            {
                if (!name.EndsWith("topk_indices", StringComparison.Ordinal)) return;
                foreach (int expert in value.Integers()) seen[$"{name} {expert}"] = seen.GetValueOrDefault($"{name} {expert}") + 1;
            });
        }

        // 17 tokens of three experts each; in the module the last token of each sequence is left out.
        Assert.Equal([51, 51, (17 - 3) * 3], load.Layers.Select(layer => load.Of(layer).ToArray().Sum()));
        for (int e = 0; e < 8; e++) Assert.Equal(seen.GetValueOrDefault($"layers.1.topk_indices {e}"), load.Of(load.Layers[0])[e]);

        float[][] before = [.. load.Layers.Select(layer => layer.RoutingBias!.Value.Span.ToArray())];
        AuxiliaryLossFreeBalancing.UpdateBiases(load, 0.5f);
        for (int l = 0; l < 3; l++)
        {
            long[] counts = load.Of(load.Layers[l]).ToArray();
            float[] expected = [.. before[l].Select((b, e) => b + 0.5f * Math.Sign(counts.Average() - counts[e]))];
            Assert.Equal(expected, load.Layers[l].RoutingBias!.Value.Span.ToArray());
        }

        load.Add(load.Layers[0], load.Of(load.Layers[0]).ToArray());
        Assert.Equal(102, load.Of(load.Layers[0]).ToArray().Sum());
        load.Clear();
        Assert.All(load.Layers, layer => Assert.Equal(0, load.Of(layer).ToArray().Sum()));
    }

    private static TrainingBatch Batch(int[] lengths) =>
        TrainingBatch.Within(TokenBatch.Of([.. lengths.Select((length, i) => TinyModels.Ids(length, i))]));
}
