using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Cli.Bench;

/// <summary>Requests of random tokens that a bench keeps running.</summary>
internal sealed class BenchRequests(Scheduler scheduler, WorkerPool workers)
{
    private int _running;
    private Exception? _failure;

    /// <summary>Tokens that were drawn.</summary>
    public long Told { get; private set; }

    /// <summary>A scheduler with pages for <paramref name="batch"/> sequences of <paramref name="tokens"/> tokens.</summary>
    public static Scheduler CreateScheduler(Transformer model, WorkerPool workers, ModelBenchOptions options, int batch, int tokens, int prefillTokens)
    {
        long pages = (long)batch * (CacheRows.PagesFor(tokens) + 2);
        return new Scheduler(model, tokenizer: null, workers, new EngineOptions
        {
            MaxRunning = batch,
            PrefillTokens = prefillTokens,
            CacheType = options.CacheType,
            CacheBytes = pages * PagePool.PageBytes(model.Config, options.CacheType),
            Precision = options.Precision,
        });
    }

    /// <summary>Asks for the best continuation of <paramref name="context"/> random tokens, most of whose pages exist already.</summary>
    public void SubmitBehindPast(int context, int maxTokens, int seed)
    {
        int[] tokens = RandomTokens(context, seed);
        scheduler.KeepSynthetic(workers, tokens, seed);
        Submit(tokens, maxTokens);
    }

    /// <summary>Asks for the first token behind <paramref name="tokens"/> random tokens, with <paramref name="context"/> before them whose pages exist.</summary>
    public void SubmitPrompt(int context, int tokens, int seed)
    {
        int[] past = RandomTokens(context, -1);
        if (seed == 0) scheduler.KeepSynthetic(workers, past, seed);
        Submit([.. past, .. RandomTokens(tokens, seed)], maxTokens: 1);
    }

    /// <summary>Passes on what went wrong; nobody else must have ended either.</summary>
    public void RequireRunning(int count)
    {
        if (_failure is not null) throw new InvalidOperationException($"a measured request failed: {_failure.Message}", _failure);
        if (_running != count) throw new InvalidOperationException($"{_running} measured requests are running, expected {count}");
    }

    private void Submit(int[] tokens, int maxTokens)
    {
        // A text that ended would leave the batch.
        Dictionary<int, float> noEnd = scheduler.Model.Config.EosTokenIds.Distinct().ToDictionary(id => id, _ => float.MinValue);
        SamplingOptions sampling = new() { Temperature = 0, LogitBias = noEnd.Count > 0 ? noEnd : null };
        _running++;
        scheduler.Submit(new GenerationRequest(tokens, maxTokens, sampling), e => Told += e.Token is null ? 0 : 1, failure =>
        {
            _running--;
            _failure ??= failure;
        });
    }

    private int[] RandomTokens(int count, int seed)
    {
        Random random = new(seed);
        int[] tokens = new int[count];
        for (int i = 0; i < count; i++) tokens[i] = random.Next(scheduler.Model.Config.VocabSize);
        return tokens;
    }
}
