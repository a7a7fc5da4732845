using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Training;

namespace Hadal.Cli.Bench;

/// <summary>What a training step costs.</summary>
/// <param name="Shape">Name of the shape.</param>
/// <param name="Precision">What products are rounded to.</param>
/// <param name="Parameters">Parameters in all.</param>
/// <param name="ActiveParameters">Parameters that take part in computing one token.</param>
/// <param name="TokensPerStep">Tokens of a step.</param>
/// <param name="Best">Tokens a second of the fastest step.</param>
/// <param name="Median">Tokens a second of the median step.</param>
/// <param name="Utilisation">The model's arithmetic in the fastest step by the measured peak of the unit that computes products, 0 to 1.</param>
/// <param name="PeakBytes">The most memory that the process held.</param>
/// <param name="Loss">Loss of the last step, on random tokens: about the logarithm of the vocabulary.</param>
internal sealed record TrainBenchRow(
    string Shape, string Precision, long Parameters, long ActiveParameters, int TokensPerStep, double Best, double Median, double Utilisation, long PeakBytes, double Loss);

/// <summary>
/// Whole training steps (forward, backward, clipping, AdamW) of DeepSeek-V3-style models on random tokens, at three sizes that are easy to
/// rebuild elsewhere: 1M, 10M and 50M active parameters.
/// </summary>
internal static class TrainBench
{
    private static readonly Dictionary<string, TrainBenchShape> s_shapes = new()
    {
        ["1m"] = new(Vocabulary: 512, Hidden: 128, Layers: 4, Heads: 4, QRank: 64, KvRank: 32, Nope: 16, Rope: 8, Value: 16, Dense: 256, Experts: 16, Width: 64, Batch: 16, Length: 256, WarmUp: 25),
        ["10m"] = new(Vocabulary: 4096, Hidden: 320, Layers: 8, Heads: 8, QRank: 160, KvRank: 96, Nope: 32, Rope: 16, Value: 32, Dense: 1024, Experts: 32, Width: 192, Batch: 16, Length: 256, WarmUp: 3),
        ["50m"] = new(Vocabulary: 8192, Hidden: 640, Layers: 12, Heads: 10, QRank: 320, KvRank: 192, Nope: 64, Rope: 32, Value: 64, Dense: 2048, Experts: 32, Width: 384, Batch: 8, Length: 512, WarmUp: 1),
    };

    /// <summary>Names of the shapes.</summary>
    public static string[] Shapes => [.. s_shapes.Keys];

    /// <summary>
    /// Takes steps to warm up, some seconds of them, in which the runtime compiles what is called often once more, and <paramref name="steps"/>
    /// that count. Reports the number of each: zero is the last that warms up, those before it are negative.
    /// </summary>
    public static TrainBenchRow Run(WorkerPool workers, string name, ProductPrecision precision, bool recompute, int steps, Action<int> progress)
    {
        TrainBenchShape shape = s_shapes[name];
        using JsonDocument config = JsonDocument.Parse(shape.Config());
        using Transformer model = new(ModelConfig.Read(config.RootElement, name));
        model.Initialise(seed: 1, precision.WeightType());
        using Optimizer optimizer = new(new OptimizerOptions(), model.Parameters, workers);
        using Graph g = new(workers, recording: true) { Precision = precision, Recomputes = recompute };
        Random random = new(1);
        List<double> rates = [];
        double loss = 0;
        for (int step = 1 - shape.WarmUp; step <= steps; step++)
        {
            TrainingBatch batch = TrainingBatch.Within(TokenBatch.Of([.. Enumerable.Range(0, shape.Batch).Select(_ => Ids(random, shape))]));
            long start = Stopwatch.GetTimestamp();
            TrainingLoss result = TrainingObjective.Build(g, model, batch, TargetTotals.Of(batch, 0), new ObjectiveOptions { Balance = BalanceWeights.None });
            g.Backward(result.Loss);
            g.Reset();
            double norm = GradientNorm.Of(workers, optimizer.Parameters);
            optimizer.Step(workers, 3e-4, GradientNorm.ClipScale(norm, 1), clearGradients: true);
            if (step > 0) rates.Add(shape.Batch * shape.Length / Stopwatch.GetElapsedTime(start).TotalSeconds);
            loss = result.Main.Mean;
            progress(step);
        }

        rates.Sort();
        double peak = MachineCeilings.ProductGigaflops(workers, precision, TimeSpan.FromMilliseconds(300));
        double flops = ModelFlops.OfSequences(model, shape.Length).Training;
        ModelSize size = ModelSize.Of(model);
        using Process process = Process.GetCurrentProcess();
        return new TrainBenchRow(
            name, precision.ToString(), size.Main, size.ActivePerToken, shape.Batch * shape.Length, rates[^1], rates[rates.Count / 2], rates[^1] * flops / peak / 1e9,
            process.PeakWorkingSet64, loss);
    }

    private static int[] Ids(Random random, TrainBenchShape shape) => [.. Enumerable.Range(0, shape.Length).Select(_ => random.Next(shape.Vocabulary))];
}

/// <summary>
/// Sizes of a model and its batch, and the steps that warm up; every model has one dense layer, one shared expert and four routed experts a token.
/// </summary>
internal sealed record TrainBenchShape(
    int Vocabulary, int Hidden, int Layers, int Heads, int QRank, int KvRank, int Nope, int Rope, int Value, int Dense, int Experts, int Width, int Batch, int Length,
    int WarmUp)
{
    /// <summary>The model's config.json.</summary>
    public string Config() => string.Create(CultureInfo.InvariantCulture, $$"""
        {
          "model_type": "deepseek_v3", "vocab_size": {{Vocabulary}}, "hidden_size": {{Hidden}}, "num_hidden_layers": {{Layers}}, "num_attention_heads": {{Heads}},
          "q_lora_rank": {{QRank}}, "kv_lora_rank": {{KvRank}}, "qk_nope_head_dim": {{Nope}}, "qk_rope_head_dim": {{Rope}}, "v_head_dim": {{Value}},
          "intermediate_size": {{Dense}}, "first_k_dense_replace": 1, "n_routed_experts": {{Experts}}, "n_shared_experts": 1, "num_experts_per_tok": 4,
          "moe_intermediate_size": {{Width}}, "n_group": 1, "topk_group": 1, "norm_topk_prob": true, "routed_scaling_factor": 2.5,
          "max_position_embeddings": {{Length}}
        }
        """);
}
