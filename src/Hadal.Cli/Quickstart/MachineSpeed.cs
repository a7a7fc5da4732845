using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hadal.Autograd;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Training;

namespace Hadal.Cli.Quickstart;

/// <summary>Measures what the machine does with quickstart's base model: some seconds, which the plan rests on.</summary>
internal static class MachineSpeed
{
    private const int Vocabulary = 512, Sequences = 16, Running = 64, DrawnTokens = 48;

    // The first seconds also compile, and code is in its final form only after some of them.
    private static readonly TimeSpan s_measure = TimeSpan.FromSeconds(8);

    /// <summary>Trains on random tokens, then draws from what came of it.</summary>
    public static MachineRates Measure(CancellationToken cancellation)
    {
        using WorkerPool workers = new();
        JsonObject keys = QuickstartModels.Base;
        keys["vocab_size"] = Vocabulary;
        using JsonDocument config = JsonDocument.Parse(keys.ToJsonString());
        using Transformer model = new(ModelConfig.Read(config.RootElement, "quickstart's base model"));
        model.Initialise(seed: 1, ElementType.BF16);
        return new MachineRates(Median(TrainingRates(model, workers, cancellation)), Median(SamplingRates(model, workers, cancellation)));
    }

    private static IEnumerable<double> TrainingRates(Transformer model, WorkerPool workers, CancellationToken cancellation)
    {
        using Optimizer optimizer = new(new OptimizerOptions { Kind = OptimizerKind.Muon }, model.Parameters, workers);
        using Graph g = new(workers, recording: true) { Precision = ProductPrecision.BF16 };
        Random random = new(1);
        for (Stopwatch watch = Stopwatch.StartNew(); watch.Elapsed < s_measure;)
        {
            cancellation.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            TrainingBatch batch = TrainingBatch.Within(TokenBatch.Of([.. Enumerable.Range(0, Sequences).Select(_ => Ids(random, QuickstartPlan.SequenceLength))]));
            g.Backward(TrainingObjective.Build(g, model, batch, TargetTotals.Of(batch, model.Modules.Count), new ObjectiveOptions()).Loss);
            g.Reset();
            double norm = GradientNorm.Of(workers, optimizer.Parameters);
            optimizer.Step(workers, 1e-3, GradientNorm.ClipScale(norm, 1), clearGradients: true);
            yield return Sequences * QuickstartPlan.SequenceLength / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private static IEnumerable<double> SamplingRates(Transformer model, WorkerPool workers, CancellationToken cancellation)
    {
        TextGenerator generator = new(model, workers) { Precision = ProductPrecision.BF16 };
        Random random = new(2);
        for (Stopwatch watch = Stopwatch.StartNew(); watch.Elapsed < s_measure;)
        {
            long start = Stopwatch.GetTimestamp(), drawn = 0;
            GenerationRequest[] requests = [.. Enumerable.Range(0, Running).Select(i => new GenerationRequest(Ids(random, 10), DrawnTokens, new SamplingOptions { Temperature = 1, Seed = i }))];
            generator.Run(requests, (_, _) => drawn++, Running, cancellation);
            yield return drawn / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private static int[] Ids(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(1, Vocabulary))];

    // Of the last third, when code is compiled in its final form.
    private static double Median(IEnumerable<double> rates)
    {
        double[] all = [.. rates];
        double[] later = [.. all[(all.Length * 2 / 3)..].Order()];
        return later[later.Length / 2];
    }
}
