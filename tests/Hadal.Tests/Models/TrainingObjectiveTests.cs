using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Models;

/// <summary>The training loss against its parts one by one, and the division of a step into micro-batches.</summary>
public sealed class TrainingObjectiveTests : IDisposable
{
    private static readonly ConfigText s_config = ConfigText.V3.With("num_nextn_predict_layers", "2");

    private readonly WorkerPool _workers = new(2);
    private readonly Transformer _model = TinyModels.Create(s_config);

    public void Dispose()
    {
        _model.Dispose();
        _workers.Dispose();
    }

    [Fact]
    public void The_loss_is_that_of_the_equations()
    {
        // Sequences of 9, 1 and 2 tokens; all know the token beyond their end, one target is not to be learnt.
        int[][] sequences = [TinyModels.Ids(9, 1), [5], [8, 6]];
        TokenBatch tokens = TokenBatch.Of(sequences);
        int[] targets = [.. sequences.SelectMany(ids => ids.Skip(1).Append(96 - ids.Length))];
        targets[4] = -1;
        float[] weights = [.. Enumerable.Range(0, 12).Select(i => 1 + i % 3)];
        TrainingBatch batch = new(tokens, targets, weights);
        TargetTotals totals = TargetTotals.Of(batch, 2);
        ObjectiveOptions options = new() { MtpWeight = 0.5f, ZLossWeight = 0.01f, Balance = BalanceWeights.None };

        using Graph g = new(_workers, recording: true);
        TrainingLoss built = TrainingObjective.Build(g, _model, batch, totals, options);

        Tensor hidden = _model.Forward(g, tokens);
        (double main, double square, double mainWeight) = Sum(g, hidden, [.. Enumerable.Range(0, 12)], 0);
        double expected = (main + 0.01 * square) / mainWeight, modules = 0, moduleWeight = 0;
        int[][] rows = [[0, 1, 2, 3, 4, 5, 6, 7, 10], [0, 1, 2, 3, 4, 5, 6]];
        foreach (ModulePrediction depth in _model.PredictFurther(g, hidden, tokens))
        {
            (double sum, double squares, double weight) = Sum(g, depth.Hidden, rows[depth.Depth - 1], depth.Depth);
            expected += 0.5 / 2 * (sum + 0.01 * squares) / weight;
            (modules, moduleWeight) = (modules + sum, moduleWeight + weight);
            Assert.Equal(weight, totals.Modules[depth.Depth - 1]);
        }

        Assert.Equal((12, mainWeight), (totals.Tokens, totals.Main));
        Assert.Equal(expected, built.Loss.Item, 1e-5);
        Assert.Equal(main, built.Main.Sum, 1e-4);
        Assert.Equal(square / mainWeight, built.ZLoss.Mean, 1e-4);
        Assert.Equal(modules, built.Modules.Sum, 1e-4);
        Assert.Equal((mainWeight, moduleWeight), (built.Main.Weight, built.Modules.Weight));

        // Row i predicts the target of row i + depth of its sequence, which are neighbours in the batch.
        (double, double, double) Sum(Graph g, Tensor states, int[] rows, int depth)
        {
            float[] logits = _model.Logits(g, states).Span.ToArray();
            (double sum, double squares, double weights) = (0, 0, 0);
            for (int i = 0; i < rows.Length; i++)
            {
                int target = targets[rows[i] + depth];
                if (target < 0) continue;
                double weight = 1 + (rows[i] + depth) % 3, lse = Math.Log(logits.Skip(i * 97).Take(97).Sum(x => Math.Exp(x)));
                sum += weight * (lse - logits[i * 97 + target]);
                squares += weight * lse * lse;
                weights += weight;
            }

            return (sum, squares, weights);
        }
    }

    [Fact]
    public void Micro_batches_add_up_to_the_gradient_of_the_whole_batch()
    {
        TrainingBatch[] parts = [Batch(9, 1), Batch(1, 2), Batch(2, 3), Batch(30, 4)];
        TrainingBatch whole = new(
            TokenBatch.Of([.. parts.Select(part => part.Tokens.Ids.ToArray())]), [.. parts.SelectMany(part => part.Targets)],
            [.. parts.SelectMany(part => part.Weights!)]);
        TargetTotals totals = parts.Select(part => TargetTotals.Of(part, 2)).Aggregate((a, b) => a.Add(b)), same = TargetTotals.Of(whole, 2);
        Assert.Equal((same.Tokens, same.Main), (totals.Tokens, totals.Main));
        Assert.Equal(same.Modules, totals.Modules);

        ObjectiveOptions options = new() { ZLossWeight = 0.01f, Balance = new BalanceWeights(Sequence: 0.1f) };
        double once = Accumulate([whole], totals, options);
        float[][] expected = Gradients();
        double sum = Accumulate(parts, totals, options);
        float[][] found = Gradients();
        Assert.Equal(once, sum, 1e-5);
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Norm(expected[i].Zip(found[i], (a, b) => a - b)), norm = Norm(expected[i]);
            Assert.True(difference <= 1e-5 * norm, $"{_model.Parameters[i].Name}: {difference:E2} of {norm:E2}");
        }
    }

    [Fact]
    public void A_batch_without_a_target_adds_nothing()
    {
        TrainingBatch batch = Batch(6, 1), empty = new(batch.Tokens, [-1, -1, -1, -1, -1, -1]);
        TargetTotals totals = TargetTotals.Of(batch, 2).Add(TargetTotals.Of(empty, 2));
        Assert.Equal(0, Accumulate([empty], totals, new ObjectiveOptions { Balance = BalanceWeights.None }));
        Assert.All(_model.Parameters.Where(p => p.Value.Gradient is not null), p => Assert.All(p.Value.Gradient!.Span.ToArray(), v => Assert.Equal(0, v)));
        using Graph g = new(_workers, recording: true);
        Assert.Throws<ArgumentException>(() => TrainingObjective.Build(g, _model, empty, TargetTotals.Of(empty, 2), new ObjectiveOptions()));
        Assert.Throws<ArgumentException>(() => TrainingObjective.Build(g, _model, batch, TargetTotals.Of(batch, 1), new ObjectiveOptions()));
    }

    [Fact]
    public void Balance_losses_are_those_of_all_layers_with_experts()
    {
        TrainingBatch batch = Batch(20, 3);
        TargetTotals totals = TargetTotals.Of(batch, 2);
        using Graph g = new(_workers, recording: true);
        ObjectiveOptions options = new() { Balance = new BalanceWeights(Sequence: 0.5f) };
        TrainingLoss without = TrainingObjective.Build(g, _model, batch, totals, options with { Balance = BalanceWeights.None });
        TrainingLoss with = TrainingObjective.Build(g, _model, batch, totals, options);
        Assert.Equal(0, without.Balance);
        Assert.Equal(with.Loss.Item, without.Loss.Item + with.Balance, 1e-5);

        // Two layers and two modules, of 20, 20, 19 and 18 of the 20 tokens; a loss is 1 where use is even, and between 0 and N / K.
        Assert.InRange(with.Balance, 0.5 * 0.5 * 77 / 20, 0.5 * 8 / 3.0 * 77 / 20);
    }

    [Fact]
    public void A_batch_needs_a_target_and_a_weight_for_each_token()
    {
        TokenBatch tokens = TokenBatch.Of([1, 2, 3], [4]);
        Assert.Equal([2, 3, -1, -1], TrainingBatch.Within(tokens).Targets);
        Assert.Throws<ArgumentException>(() => new TrainingBatch(tokens, [1, 2, 3]));
        Assert.Throws<ArgumentException>(() => new TrainingBatch(tokens, [1, 2, 3, 4], [1, 2, 3]));
        using KvCache cache = new(_model.Config);
        Assert.Throws<ArgumentException>(() => new TrainingBatch(TokenBatch.Continue([[1]], [cache]), [1]));
    }

    private static TrainingBatch Batch(int tokens, int seed)
    {
        int[] ids = TinyModels.Ids(tokens + 1, seed);
        return new TrainingBatch(TokenBatch.Of([ids[..^1]]), ids[1..], [.. Enumerable.Range(0, tokens).Select(i => 1 + (i + seed) % 3 / 2f)]);
    }

    private double Accumulate(TrainingBatch[] batches, TargetTotals totals, ObjectiveOptions options)
    {
        foreach (Parameter parameter in _model.Parameters) parameter.Value.ZeroGradient();
        using Graph g = new(_workers, recording: true);
        double sum = 0;
        foreach (TrainingBatch batch in batches)
        {
            Tensor loss = TrainingObjective.Build(g, _model, batch, totals, options).Loss;
            sum += loss.Item;
            g.Backward(loss);
            g.Reset();
        }

        return sum;
    }

    private float[][] Gradients() => [.. _model.Parameters.Select(p => p.Value.Gradient is { } gradient ? gradient.Span.ToArray() : [])];

    private static double Norm(IEnumerable<float> values) => Math.Sqrt(values.Sum(value => (double)value * value));
}
