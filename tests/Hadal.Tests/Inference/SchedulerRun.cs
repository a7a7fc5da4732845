using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Tests.Inference;

/// <summary>A scheduler, and what its requests were told.</summary>
internal sealed class SchedulerRun : IDisposable
{
    public SchedulerRun(Transformer model, WorkerPool workers, EngineOptions? options = null) =>
        Scheduler = new Scheduler(model, null, workers, options ?? new EngineOptions());

    public Scheduler Scheduler { get; }

    public static EngineOptions Pages(Transformer model, int pages, int running = 8, int prefill = 64) => new()
    {
        MaxRunning = running,
        CacheBytes = pages * PagePool.PageBytes(model.Config, ElementType.F32),
        PrefillTokens = prefill,
    };

    public static GenerationRequest Greedy(int[] prompt, int count) => new(prompt, count, new SamplingOptions { Temperature = 0 });

    public Told Submit(GenerationRequest request)
    {
        Told told = new(request.Samples);
        told.Handle = Scheduler.Submit(request, told.Take, told.End);
        return told;
    }

    /// <summary>Steps until nothing is left to do; fails if that takes longer than any schedule should.</summary>
    public void RunToEnd(int most = 20_000)
    {
        int steps = 0;
        while (!Scheduler.IsIdle)
        {
            Scheduler.Step();
            Assert.True(++steps < most, "the scheduler does not come to an end");
        }

        Assert.Equal(0, Scheduler.Statistics.PagesUsed);
    }

    public void Dispose() => Scheduler.Dispose();

    /// <summary>What one request was told.</summary>
    public sealed class Told(int samples)
    {
        public ScheduledRequest Handle { get; set; } = null!;

        public List<int>[] Tokens { get; } = [.. Enumerable.Range(0, samples).Select(_ => new List<int>())];

        public FinishReason?[] Reasons { get; } = new FinishReason?[samples];

        public List<GenerationEvent> Events { get; } = [];

        public int CachedTokens { get; private set; } = -1;

        public int Ends { get; private set; }

        public Exception? Failure { get; private set; }

        public void Take(GenerationEvent e)
        {
            Assert.Equal(0, Ends);
            Assert.Null(Reasons[e.Sample]);
            Events.Add(e);
            if (e.Token is { } token) Tokens[e.Sample].Add(token.Token);
            if (e.Finish is not { } reason) return;
            Reasons[e.Sample] = reason;
            CachedTokens = e.CachedTokens;
        }

        public void End(Exception? failure)
        {
            Ends++;
            Failure = failure;
            if (failure is null) Assert.All(Reasons, reason => Assert.NotNull(reason));
        }
    }
}
