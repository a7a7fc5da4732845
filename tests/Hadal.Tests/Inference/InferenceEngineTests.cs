using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;

namespace Hadal.Tests.Inference;

public sealed class InferenceEngineTests : IDisposable
{
    private static readonly Dictionary<int, float> s_withoutEnd = new() { [256] = -100 };

    private readonly EngineModel _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public async Task Sixty_four_callers_at_once_get_each_what_the_slow_oracle_makes_of_it_alone()
    {
        using InferenceEngine engine = _tiny.Start(_tiny.Pages(30, running: 20));
        GenerationRequest[] requests = [.. Enumerable.Range(0, 64).Select(i => new GenerationRequest(
            _tiny.Tokenizer.Encode($"request number {i % 20} of many"), 6, new SamplingOptions { Temperature = i % 2, Seed = i }))];
        List<GenerationEvent>[] events = await Task.WhenAll(requests.Select(request => Task.Run(() => EngineModel.All(engine, request))));
        for (int i = 0; i < requests.Length; i++)
        {
            int[] expected = SlowDecoding.Continue(_tiny.Model, _tiny.Workers, requests[i].Prompt, 6, requests[i].Sampling);
            Assert.Equal(expected, events[i].Where(e => e.Token is not null).Select(e => e.Token!.Value.Token));
            Assert.Equal(_tiny.Text([.. requests[i].Prompt], expected), string.Concat(events[i].Select(e => e.Text)));
            Assert.Equal([events[i][^1]], events[i].Where(e => e.Finish is not null));
        }

        await EngineModel.UntilIdle(engine);
        Assert.Equal(64, engine.Statistics.FinishedRequests);
    }

    [Fact]
    public async Task A_stop_string_ends_the_text_before_it_wherever_the_tokens_are_cut()
    {
        using InferenceEngine engine = _tiny.Start();
        int[] prompt = _tiny.Tokenizer.Encode("once upon a time");
        GenerationRequest request = new(prompt, 60, new SamplingOptions { Seed = 1, LogitBias = s_withoutEnd });
        string whole = string.Concat((await EngineModel.All(engine, request)).Select(e => e.Text));
        Assert.True(whole.Length > 30);
        foreach ((int at, int length) in new[] { (10, 3), (5, 1), (20, 7) })
        {
            string stop = whole.Substring(at, length);
            List<GenerationEvent> events = await EngineModel.All(engine, request with { StopStrings = ["never said", stop] });
            Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], string.Concat(events.Select(e => e.Text)));
            Assert.Equal(FinishReason.Stop, events[^1].Finish);
        }

        // What was held back as the beginning of a stop string is told at the end.
        List<GenerationEvent> held = await EngineModel.All(engine, request with { StopStrings = [whole[^3..] + "\u0001never"] });
        Assert.Equal((whole, FinishReason.Length), (string.Concat(held.Select(e => e.Text)), held[^1].Finish));
    }

    [Fact]
    public async Task Leaving_the_enumeration_or_cancelling_gives_the_pages_back()
    {
        using InferenceEngine engine = _tiny.Start();
        GenerationRequest request = new(_tiny.Tokenizer.Encode("a long story"), 400, new SamplingOptions { LogitBias = s_withoutEnd });
        await foreach (GenerationEvent e in engine.GenerateAsync(request))
        {
            if (e.Token is not null) break;
        }

        await EngineModel.UntilIdle(engine);
        Assert.Equal(1, engine.Statistics.CancelledRequests);

        using CancellationTokenSource source = new();
        int seen = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GenerationEvent e in engine.GenerateAsync(request with { Samples = 3 }, source.Token))
            {
                if (++seen == 5) await source.CancelAsync();
            }
        });
        await EngineModel.UntilIdle(engine);
        Assert.Equal(2, engine.Statistics.CancelledRequests);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => EngineModel.All(engine, request, new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task One_request_more_than_may_wait_is_refused_and_room_comes_back()
    {
        using InferenceEngine engine = _tiny.Start(new EngineOptions { MaxRunning = 2, MaxQueued = 1 });
        GenerationRequest endless = new([1, 2, 3], 500, new SamplingOptions { LogitBias = s_withoutEnd });
        using CancellationTokenSource source = new();
        Task<List<GenerationEvent>>[] taken = [.. Enumerable.Range(0, 3).Select(_ => EngineModel.All(engine, endless, source.Token))];
        EngineBusyException busy = await Assert.ThrowsAsync<EngineBusyException>(() => EngineModel.All(engine, endless));
        Assert.Equal(1, busy.Queued);
        await Assert.ThrowsAsync<EngineBusyException>(() => engine.EmbedAsync([1]));
        await source.CancelAsync();
        foreach (Task<List<GenerationEvent>> task in taken) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        await EngineModel.UntilIdle(engine);
        Assert.NotEmpty(await EngineModel.All(engine, endless with { MaxTokens = 3, Samples = 9 }));
        Assert.Equal(32, (await engine.EmbedAsync([1])).Length);
    }

    [Fact]
    public async Task A_request_that_makes_no_sense_is_refused_before_the_first_event()
    {
        using InferenceEngine engine = _tiny.Start(_tiny.Pages(1));
        Assert.Equal(64, engine.ContextLength);
        GenerationRequest request = new(TinyModels.Ids(64, 1), 1, new SamplingOptions());
        ContextLengthException e = await Assert.ThrowsAsync<ContextLengthException>(() => EngineModel.All(engine, request));
        Assert.Contains("has 64 tokens, expected 1 to 63", e.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => EngineModel.All(engine, request with { Prompt = [257] }));
        await Assert.ThrowsAsync<ArgumentException>(() => EngineModel.All(engine, request with { Prompt = [1], StopStrings = [""] }));
        await Assert.ThrowsAsync<ContextLengthException>(() => engine.EmbedAsync(TinyModels.Ids(65, 1)));
        Assert.Equal(0, engine.Statistics.Steps);
    }

    [Fact]
    public async Task Disposing_ends_all_requests_and_later_ones_are_refused()
    {
        InferenceEngine engine = _tiny.Start(new EngineOptions { MaxRunning = 2 });
        GenerationRequest endless = new([1, 2, 3], 500, new SamplingOptions { LogitBias = s_withoutEnd });
        Task<List<GenerationEvent>>[] taken = [.. Enumerable.Range(0, 5).Select(_ => EngineModel.All(engine, endless))];
        engine.Dispose();
        foreach (Task<List<GenerationEvent>> task in taken) await Assert.ThrowsAsync<ObjectDisposedException>(() => task);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => EngineModel.All(engine, endless));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => engine.EmbedAsync([1]));
        Assert.Equal((0, 0, 0), (engine.Statistics.PagesUsed, engine.Statistics.RunningSequences, engine.Statistics.WaitingSequences));
        engine.Dispose();
    }

    [Fact]
    public async Task A_failure_ends_the_requests_of_its_step_and_not_the_engine()
    {
        using InferenceEngine engine = _tiny.Start();
        GenerationRequest request = new([1, 2, 3], 5, new SamplingOptions { Temperature = 0 });
        int[] expected = SlowDecoding.Continue(_tiny.Model, _tiny.Workers, [1, 2, 3], 5);
        Span<float> norm = _tiny.Model.FinalNorm.Value.Span;
        float[] saved = norm.ToArray();
        norm.Fill(float.NaN);
        await Assert.ThrowsAsync<InvalidOperationException>(() => EngineModel.All(engine, request));
        saved.CopyTo(_tiny.Model.FinalNorm.Value.Span);
        List<GenerationEvent> events = await EngineModel.All(engine, request);
        Assert.Equal(expected, events.Where(e => e.Token is not null).Select(e => e.Token!.Value.Token));
        Assert.Equal((1, 1), (engine.Statistics.FailedRequests, engine.Statistics.FinishedRequests));
    }

    [Fact]
    public async Task Ids_beyond_those_of_the_tokenizer_say_nothing()
    {
        using Transformer padded = TinyModels.Create(ConfigText.V3.With("vocab_size", "300").With("eos_token_id", "256"));
        using InferenceEngine engine = new(padded, _tiny.Tokenizer, new EngineOptions { Threads = 1 });
        SamplingOptions sampling = new() { LogitBias = new Dictionary<int, float> { [280] = 1000 } };
        List<GenerationEvent> events = await EngineModel.All(engine, new GenerationRequest([65, 299], 4, sampling));
        Assert.Equal([280, 280, 280, 280], events.Where(e => e.Token is not null).Select(e => e.Token!.Value.Token));
        Assert.Equal("", string.Concat(events.Select(e => e.Text)));
    }

    [Fact]
    public async Task Embeddings_do_not_depend_on_what_runs_beside()
    {
        using InferenceEngine engine = _tiny.Start(new EngineOptions { PrefillTokens = 9 });
        int[] ids = TinyModels.Ids(120, 1);
        float[] alone = await engine.EmbedAsync(ids);
        Task<List<GenerationEvent>> beside = EngineModel.All(engine, new GenerationRequest(TinyModels.Ids(200, 2), 30, new SamplingOptions()));
        Assert.Equal(alone, await engine.EmbedAsync(ids));
        await beside;
    }
}
