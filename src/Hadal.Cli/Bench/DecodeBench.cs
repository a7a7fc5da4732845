using System.Diagnostics;
using System.Runtime.InteropServices;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Cli.Bench;

/// <summary>What a bench of a model is asked for.</summary>
/// <param name="Rounds">Rounds; the best counts.</param>
/// <param name="CacheType">Element type of the cache.</param>
/// <param name="Precision">What products do to their factors.</param>
internal sealed record ModelBenchOptions(int Rounds, ElementType CacheType, ProductPrecision Precision);

/// <summary>How fast a batch decodes.</summary>
/// <param name="Batch">Sequences side by side.</param>
/// <param name="Context">Tokens that each has behind it when the measurement begins.</param>
/// <param name="Best">Tokens a second, all sequences together, of the best round.</param>
/// <param name="Median">The same of the median round.</param>
/// <param name="BytesPerToken">Bytes that must be read for a token: weights, of routed experts those that were chosen, and caches.</param>
/// <param name="ExpertsPerLayer">Different experts that a step chose in a layer, on average; 0 without experts.</param>
/// <param name="ReadGigabytes">Billions of bytes a second that this machine read in the same run.</param>
internal sealed record DecodeBenchRow(int Batch, int Context, double Best, double Median, double BytesPerToken, double ExpertsPerLayer, double ReadGigabytes)
{
    /// <summary>Bytes moved in the best round as a share of what the machine reads: 1 is the roofline of decoding.</summary>
    public double Share => Best * BytesPerToken / 1e9 / ReadGigabytes;
}

/// <summary>
/// Decoding as users get it: steps of the <see cref="Scheduler"/>, sampling included, between sequences whose past is made of random numbers.
/// </summary>
internal sealed class DecodeBench(Transformer model, WorkerPool workers, ModelBenchOptions options)
{
    // Steps before the measurement, and those with a look at the routes behind it.
    private const int WarmSteps = 4, ProbedSteps = 4;

    // A round is as many steps as fit, up to MostSteps.
    private static readonly TimeSpan s_round = TimeSpan.FromMilliseconds(300);
    private const int MostSteps = 64;

    // Until then the code is not compiled in its final form, and a step takes half as long again.
    private static readonly TimeSpan s_compiling = TimeSpan.FromSeconds(2);
    private readonly Stopwatch _decoding = new();

    /// <summary>Measures one batch at one context.</summary>
    public DecodeBenchRow Run(int batch, int context)
    {
        while (_decoding.Elapsed < s_compiling) Warm(batch, context);
        // One more than is drawn, so that nobody comes to an end.
        int others = WarmSteps + ProbedSteps + 2, most = Math.Clamp((model.Config.MaxPositionEmbeddings - context - others) / options.Rounds, 1, MostSteps);
        int tokens = context + options.Rounds * most + others;
        using Scheduler scheduler = BenchRequests.CreateScheduler(model, workers, options, batch, tokens, prefillTokens: 512);
        BenchRequests requests = new(scheduler, workers);
        for (int i = 0; i < batch; i++) requests.SubmitBehindPast(context, maxTokens: tokens - context, seed: i);
        while (requests.Told < (1 + WarmSteps) * batch) Step(scheduler, requests, batch);

        double reading = MachineCeilings.ReadGigabytesPerSecond(workers, s_round);
        List<double> rates = [];
        for (int round = 0; round < options.Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            int steps = 0;
            do Step(scheduler, requests, batch);
            while (++steps < most && Stopwatch.GetElapsedTime(start) < s_round);
            rates.Add(steps * batch / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        reading = Math.Max(reading, MachineCeilings.ReadGigabytesPerSecond(workers, s_round));
        double chosen = ChosenExperts(scheduler, requests, batch);
        rates.Sort();
        DecodeTraffic traffic = DecodeTraffic.Of(model, PagePool.PageBytes(model.Config, options.CacheType) / PagePool.PageTokens);
        int layers = model.Layers.Count(layer => layer.FeedForward is DeepSeekMoE);
        return new DecodeBenchRow(
            batch, context, rates[^1], rates[rates.Count / 2], traffic.Step(batch, context, chosen) / batch, layers == 0 ? 0 : chosen / layers, reading);
    }

    // The same sequences, thrown away, so that the measured ones stay as short as they are called.
    private void Warm(int batch, int context)
    {
        int tokens = Math.Min(context + MostSteps + 2, model.Config.MaxPositionEmbeddings);
        using Scheduler scheduler = BenchRequests.CreateScheduler(model, workers, options, batch, tokens, prefillTokens: 512);
        BenchRequests requests = new(scheduler, workers);
        for (int i = 0; i < batch; i++) requests.SubmitBehindPast(context, maxTokens: tokens - context, seed: i);
        _decoding.Start();
        while (requests.Told < (tokens - context - 1) * batch && _decoding.Elapsed < s_compiling) Step(scheduler, requests, batch);
        _decoding.Stop();
    }

    private static void Step(Scheduler scheduler, BenchRequests requests, int batch)
    {
        scheduler.Step();
        requests.RequireRunning(batch);
    }

    // Different experts of a step, all layers added up, on average over some steps.
    private static double ChosenExperts(Scheduler scheduler, BenchRequests requests, int batch)
    {
        long chosen = 0;
        scheduler.Probe = (name, value) =>
        {
            if (!name.EndsWith(".topk_indices", StringComparison.Ordinal)) return;
            HashSet<int> experts = [.. MemoryMarshal.Cast<byte, int>(value.Buffer.AsSpan<byte>(0, (int)value.Shape.Count * sizeof(int)))];
            chosen += experts.Count;
        };
        for (int step = 0; step < ProbedSteps; step++) Step(scheduler, requests, batch);
        scheduler.Probe = null;
        return (double)chosen / ProbedSteps;
    }
}
