using System.Diagnostics;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Cli.Bench;

/// <summary>How fast a prompt is taken in.</summary>
/// <param name="Tokens">Tokens of the prompt.</param>
/// <param name="Context">Tokens before it.</param>
/// <param name="Best">Tokens a second of the best round, from the request to its first token.</param>
/// <param name="Median">The same of the median round.</param>
/// <param name="Gigaflops">Billions of floating-point operations a second of the best round, attention counted in its expanded form.</param>
/// <param name="PeakGigaflops">What the unit that computes products reached in registers in the same run.</param>
internal sealed record PrefillBenchRow(int Tokens, int Context, double Best, double Median, double Gigaflops, double PeakGigaflops)
{
    /// <summary>Operations as a share of the peak.</summary>
    public double Share => Gigaflops / PeakGigaflops;
}

/// <summary>The time from a request to its first token, in steps of the <see cref="Scheduler"/>.</summary>
internal sealed class PrefillBench(Transformer model, WorkerPool workers, ModelBenchOptions options)
{
    private static readonly TimeSpan s_ceiling = TimeSpan.FromMilliseconds(200);

    // Until then the code is not compiled in its final form, and a prompt takes a third longer.
    private static readonly TimeSpan s_compiling = TimeSpan.FromSeconds(3);
    private readonly Stopwatch _computing = new();

    /// <summary>Measures prompts of <paramref name="tokens"/> tokens behind <paramref name="context"/> others.</summary>
    /// <param name="tokens">Tokens of a prompt.</param>
    /// <param name="context">Tokens before it.</param>
    /// <param name="progress">Told how many prompts of how many are done.</param>
    public PrefillBenchRow Run(int tokens, int context, Action<int, int> progress)
    {
        Warm(tokens);
        using Scheduler scheduler = BenchRequests.CreateScheduler(model, workers, options, 1, context + (options.Rounds + 2) * (tokens + PagePool.PageTokens), tokens);
        BenchRequests requests = new(scheduler, workers);
        double peak = MachineCeilings.ProductGigaflops(workers, options.Precision, s_ceiling);
        List<double> rates = [];
        progress(0, options.Rounds + 1);
        for (int round = 0; round <= options.Rounds; round++)
        {
            requests.SubmitPrompt(context, tokens, seed: round);
            long start = Stopwatch.GetTimestamp();
            Finish(scheduler, requests);
            if (round > 0) rates.Add(tokens / Stopwatch.GetElapsedTime(start).TotalSeconds); // the first one fills the caches
            progress(round + 1, options.Rounds + 1);
        }

        peak = Math.Max(peak, MachineCeilings.ProductGigaflops(workers, options.Precision, s_ceiling));
        rates.Sort();

        // The head scores the last token alone.
        double head = 2.0 * model.Config.VocabSize * model.Config.HiddenSize;
        double perToken = ModelFlops.Of(model, context + (tokens + 1) / 2.0).Inference - head + head / tokens;
        return new PrefillBenchRow(tokens, context, rates[^1], rates[rates.Count / 2], rates[^1] * perToken / 1e9, peak);
    }

    // Prompts that are thrown away.
    private void Warm(int tokens)
    {
        using Scheduler scheduler = BenchRequests.CreateScheduler(model, workers, options, 1, 2 * (tokens + PagePool.PageTokens), tokens);
        BenchRequests requests = new(scheduler, workers);
        _computing.Start();
        for (int seed = 1; _computing.Elapsed < s_compiling; seed++)
        {
            requests.SubmitPrompt(0, tokens, seed);
            Finish(scheduler, requests);
        }

        _computing.Stop();
    }

    private static void Finish(Scheduler scheduler, BenchRequests requests)
    {
        while (scheduler.Step())
        {
        }

        requests.RequireRunning(0);
    }
}
