using System.Diagnostics;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Cli.Bench;

/// <summary>One way to draw the rollouts of a step.</summary>
/// <param name="SharesPrompts">Whether the samples of a prompt share its pages, one prefill for all; else each is a request of its own.</param>
/// <param name="Speculates">Whether the model's prediction module drafts.</param>
/// <param name="Tokens">Tokens drawn, ends included.</param>
/// <param name="Best">Tokens a second, best of the rounds.</param>
/// <param name="Median">Tokens a second, median of the rounds.</param>
/// <param name="PromptTokens">Tokens of prompts that were taken in.</param>
/// <param name="Passes">Passes through the model.</param>
/// <param name="AcceptanceRate">Share of drafted tokens that were right; 0 without drafts.</param>
internal sealed record RolloutBenchRow(bool SharesPrompts, bool Speculates, long Tokens, double Best, double Median, long PromptTokens, long Passes, double AcceptanceRate);

/// <summary>What sharing and speculating change, and whether they change anything else.</summary>
/// <param name="Rows">With and without.</param>
/// <param name="SameSamples">Whether all ways drew the same tokens.</param>
internal sealed record RolloutBenchResult(IReadOnlyList<RolloutBenchRow> Rows, bool SameSamples);

/// <summary>Measures the rollouts of a step of reinforcement with and without shared prompts and speculation, rounds taking turns.</summary>
/// <param name="model">The policy.</param>
/// <param name="workers">Threads to use.</param>
/// <param name="precision">What products do to their factors.</param>
/// <param name="atOnce">Sequences side by side.</param>
internal sealed class RolloutBench(Transformer model, WorkerPool workers, ProductPrecision precision, int atOnce)
{
    /// <summary>Draws a group of samples for each prompt, in every way.</summary>
    /// <param name="prompts">The prompts in tokens.</param>
    /// <param name="samples">Samples of each.</param>
    /// <param name="maxTokens">Most tokens of a sample.</param>
    /// <param name="temperature">0 takes the best token.</param>
    /// <param name="rounds">Rounds after one that warms up.</param>
    public RolloutBenchResult Run(IReadOnlyList<int[]> prompts, int samples, int maxTokens, float temperature, int rounds)
    {
        (bool Shares, bool Speculates)[] ways = model.Modules.Count > 0 ? [(true, false), (false, false), (true, true), (false, true)] : [(true, false), (false, false)];
        List<double>[] rates = [.. ways.Select(_ => new List<double>())];
        Drawn[] drawn = new Drawn[ways.Length];
        for (int round = 0; round <= rounds; round++)
        {
            for (int way = 0; way < ways.Length; way++)
            {
                drawn[way] = Draw(prompts, samples, maxTokens, temperature, ways[way].Shares, ways[way].Speculates);
                if (round > 0) rates[way].Add(drawn[way].Tokens.Sum(sample => (long)sample.Count) / drawn[way].Seconds);
            }
        }

        RolloutBenchRow[] rows =
        [
            .. ways.Select((way, i) =>
            {
                double[] sorted = [.. rates[i].Order()];
                EngineStatistics did = drawn[i].Statistics;
                return new RolloutBenchRow(
                    way.Shares, way.Speculates, drawn[i].Tokens.Sum(sample => (long)sample.Count), sorted[^1], sorted[sorted.Length / 2], did.PromptTokens, did.Steps, did.AcceptanceRate);
            }),
        ];
        return new RolloutBenchResult(rows, drawn.All(one => one.Tokens.Zip(drawn[0].Tokens).All(pair => pair.First.SequenceEqual(pair.Second))));
    }

    // The seeds are those that the samples of one request have, so that all ways have to draw the same.
    private Drawn Draw(IReadOnlyList<int[]> prompts, int samples, int maxTokens, float temperature, bool shares, bool speculates)
    {
        GenerationRequest[] requests =
        [
            .. prompts.SelectMany((prompt, p) => Enumerable.Range(0, shares ? 1 : samples).Select(s => new GenerationRequest(
                prompt, maxTokens, new SamplingOptions { Temperature = temperature, Seed = (long)p * Scheduler.MaxSamples + s }) { Samples = shares ? samples : 1 })),
        ];
        List<int>[] tokens = [.. Enumerable.Range(0, prompts.Count * samples).Select(_ => new List<int>())];
        TextGenerator generator = new(model, workers) { Precision = precision, Speculation = speculates ? SpeculationOptions.Modules : null };
        Stopwatch watch = Stopwatch.StartNew();
        generator.RunSamples(requests, (request, e) =>
        {
            if ((e.Token?.Token ?? e.EndToken) is { } token) tokens[shares ? request * samples + e.Sample : request].Add(token);
        }, atOnce);
        return new Drawn(tokens, watch.Elapsed.TotalSeconds, generator.Statistics);
    }

    private sealed record Drawn(List<int>[] Tokens, double Seconds, EngineStatistics Statistics);
}
