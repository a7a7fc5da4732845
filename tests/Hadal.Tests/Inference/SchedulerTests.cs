using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;

namespace Hadal.Tests.Inference;

/// <summary>However requests are scheduled, each gets what <see cref="SlowDecoding"/> makes of it alone.</summary>
public sealed class SchedulerTests : IDisposable
{
    private readonly WorkerPool _workers = new(1);

    public void Dispose() => _workers.Dispose();

    [Theory]
    [MemberData(nameof(TinyModels.Kinds), MemberType = typeof(TinyModels))]
    public void A_long_prompt_in_chunks_among_strangers_gets_the_tokens_of_recomputing_everything(string kind)
    {
        using Transformer model = TinyModels.Create(kind);
        using SchedulerRun run = new(model, _workers, SchedulerRun.Pages(model, pages: 40, prefill: 17));
        int[][] prompts = [TinyModels.Ids(130, 1), TinyModels.Ids(1, 2), TinyModels.Ids(64, 3), TinyModels.Ids(65, 4)];
        SchedulerRun.Told[] told = [.. prompts.Select(prompt => run.Submit(SchedulerRun.Greedy(prompt, 9)))];
        run.RunToEnd();
        for (int i = 0; i < prompts.Length; i++)
        {
            Assert.Equal(SlowDecoding.Continue(model, _workers, prompts[i], 9), told[i].Tokens[0]);
            Assert.Equal((1, null), (told[i].Ends, told[i].Failure));
        }
    }

    [Fact]
    public void Sixty_four_requests_at_once_get_each_what_it_gets_alone()
    {
        using Transformer model = TinyModels.Create("v3");
        GenerationRequest[] requests = [.. Enumerable.Range(0, 64).Select(i => new GenerationRequest(
            TinyModels.Ids(1 + i * 7 % 90, seed: i % 40), 3 + i % 11, new SamplingOptions { Temperature = i % 3 * 0.7f, Seed = i }))];
        int[][] alone = [.. requests.Select(request =>
        {
            using SchedulerRun single = new(model, _workers);
            SchedulerRun.Told told = single.Submit(request);
            single.RunToEnd();
            return told.Tokens[0].ToArray();
        })];
        Assert.All(
            Enumerable.Range(0, 8),
            i => Assert.Equal(SlowDecoding.Continue(model, _workers, requests[i].Prompt, requests[i].MaxTokens, requests[i].Sampling), alone[i]));

        using SchedulerRun run = new(model, _workers, new EngineOptions { MaxRunning = 64 });
        SchedulerRun.Told[] together = [.. requests.Select(run.Submit)];
        run.RunToEnd();
        Assert.Equal(alone, together.Select(told => told.Tokens[0].ToArray()));
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(4, 2)]
    [InlineData(6, 3)]
    public void When_pages_run_out_sequences_give_way_and_still_get_the_same_tokens(int pages, int seed)
    {
        using Transformer model = TinyModels.Create("v3");
        using SchedulerRun run = new(model, _workers, SchedulerRun.Pages(model, pages));
        GenerationRequest[] requests = [.. Enumerable.Range(0, 7).Select(i => new GenerationRequest(
            TinyModels.Ids(40 + 9 * i, 10 * seed + i), 45, new SamplingOptions { Temperature = 0.8f, Seed = seed, RepetitionPenalty = 1.1f }))];
        SchedulerRun.Told[] told = [.. requests.Select(run.Submit)];
        run.RunToEnd();
        Assert.True(run.Scheduler.Statistics.Preemptions > 0, "nobody had to give way");
        for (int i = 0; i < requests.Length; i++)
        {
            Assert.Equal(SlowDecoding.Continue(model, _workers, requests[i].Prompt, 45, requests[i].Sampling), told[i].Tokens[0]);
        }
    }

    [Theory]
    [InlineData(40, 16)] // room for all
    [InlineData(40, 2)]  // samples wait for their turn
    [InlineData(4, 8)]   // and lose their pages
    public void Samples_share_one_prefill_and_each_draws_as_a_request_of_its_seed(int pages, int running)
    {
        using Transformer model = TinyModels.Create("v3");
        int[] prompt = TinyModels.Ids(150, 1);
        SamplingOptions sampling = new() { Temperature = 1, Seed = 5 };
        using SchedulerRun run = new(model, _workers, SchedulerRun.Pages(model, pages, running));
        SchedulerRun.Told told = run.Submit(new GenerationRequest(prompt, 30, sampling) { Samples = 6 });
        run.RunToEnd();
        for (int s = 0; s < 6; s++)
        {
            Assert.Equal(SlowDecoding.Continue(model, _workers, prompt, 30, sampling with { Seed = 5 + s }), told.Tokens[s]);
        }

        Assert.True(told.Tokens.Select(tokens => string.Join(' ', tokens)).Distinct().Count() > 3, "the samples are alike");
        EngineStatistics statistics = run.Scheduler.Statistics;
        Assert.Equal((150, 1), (statistics.PromptTokens, statistics.FinishedRequests));
        if (pages == 40) Assert.Equal(0, statistics.Preemptions);
    }

    [Fact]
    public void Six_samples_of_a_prompt_take_hardly_more_pages_than_one()
    {
        using Transformer model = TinyModels.Create("v3");
        using SchedulerRun run = new(model, _workers, SchedulerRun.Pages(model, pages: 60));
        run.Submit(new GenerationRequest(TinyModels.Ids(300, 1), 10, new SamplingOptions { Seed = 5 }) { Samples = 6 });
        int most = 0;
        while (!run.Scheduler.IsIdle)
        {
            run.Scheduler.Step();
            most = Math.Max(most, run.Scheduler.Statistics.PagesUsed);
        }

        // 300 tokens fill four pages and begin a fifth, of which each sample comes to have its own.
        Assert.Equal(4 + 6, most);
    }

    [Fact]
    public void The_next_turn_of_a_conversation_starts_where_the_last_one_ended()
    {
        using Transformer model = TinyModels.Create("v3");
        using SchedulerRun run = new(model, _workers, SchedulerRun.Pages(model, pages: 30));
        List<int> conversation = [.. TinyModels.Ids(100, 1)];
        int[] cached = [0, 128, 192, 256];
        for (int turn = 0; turn < 4; turn++)
        {
            SchedulerRun.Told told = run.Submit(SchedulerRun.Greedy([.. conversation], 40));
            run.RunToEnd();
            Assert.Equal(SlowDecoding.Continue(model, _workers, conversation, 40), told.Tokens[0]);
            Assert.Equal(cached[turn], told.CachedTokens);
            conversation.AddRange(told.Tokens[0]);
            conversation.AddRange(TinyModels.Ids(25, 20 + turn));
        }

        EngineStatistics statistics = run.Scheduler.Statistics;
        Assert.Equal((3, cached.Sum()), (statistics.PrefixHits, statistics.CachedTokens));
        run.Scheduler.ForgetPrefixes();
        Assert.Equal((0, 0), (run.Scheduler.Statistics.PagesUsed, run.Scheduler.Statistics.PagesCached));
    }

    [Fact]
    public void Requests_that_come_together_compute_their_common_beginning_once()
    {
        using Transformer model = TinyModels.Create("v3");
        using SchedulerRun run = new(model, _workers, SchedulerRun.Pages(model, pages: 40, prefill: 50));
        int[] common = TinyModels.Ids(200, 1);
        int[][] prompts = [.. Enumerable.Range(0, 5).Select(i => (int[])[.. common, .. TinyModels.Ids(1 + 20 * i, 10 + i)])];
        SchedulerRun.Told[] told = [.. prompts.Select(prompt => run.Submit(SchedulerRun.Greedy(prompt, 5)))];
        run.RunToEnd();
        Assert.Equal([0, 192, 192, 192, 192], told.Select(t => t.CachedTokens));
        for (int i = 0; i < 5; i++) Assert.Equal(SlowDecoding.Continue(model, _workers, prompts[i], 5), told[i].Tokens[0]);
    }

    [Fact]
    public void A_prompt_of_whole_pages_that_is_cached_still_computes_its_last_page()
    {
        using Transformer model = TinyModels.Create("llama with biases");
        using SchedulerRun run = new(model, _workers, SchedulerRun.Pages(model, pages: 30));
        int[] prompt = TinyModels.Ids(128, 1);
        for (int i = 0; i < 2; i++)
        {
            SchedulerRun.Told told = run.Submit(SchedulerRun.Greedy(prompt, 5));
            run.RunToEnd();
            Assert.Equal(SlowDecoding.Continue(model, _workers, prompt, 5), told.Tokens[0]);
            Assert.Equal(i == 0 ? 0 : 64, told.CachedTokens);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_traffic_in_a_small_pool_changes_nobodys_tokens_and_leaks_no_page(int seed)
    {
        using Transformer model = TinyModels.Create("v3");
        Random random = new(seed);
        using SchedulerRun run = new(model, _workers, SchedulerRun.Pages(model, pages: 7, running: 4, prefill: 30));
        List<(GenerationRequest Request, SchedulerRun.Told Told, bool Cancelled)> all = [];
        for (int step = 0; all.Count < 24 || !run.Scheduler.IsIdle; step++)
        {
            Assert.True(step < 20_000, "the traffic does not come to an end");
            if (all.Count < 24 && random.Next(6) == 0)
            {
                // Few beginnings, so that many are found again.
                int[] prompt = [.. TinyModels.Ids(64 * random.Next(3), random.Next(2)), .. TinyModels.Ids(random.Next(1, 60), random.Next(1000))];
                GenerationRequest request = new(prompt, random.Next(25), new SamplingOptions { Temperature = random.Next(2), Seed = random.Next(50) })
                {
                    Samples = random.Next(1, 4),
                };
                all.Add((request, run.Submit(request), false));
            }

            if (all.Count > 0 && random.Next(30) == 0)
            {
                int i = random.Next(all.Count);
                bool isEnded = all[i].Told.Handle.IsEnded;
                run.Scheduler.Cancel(all[i].Told.Handle);
                if (!isEnded) all[i] = all[i] with { Cancelled = true };
            }

            run.Scheduler.Step();
            EngineStatistics now = run.Scheduler.Statistics;
            Assert.InRange(now.PagesUsed + now.PagesCached, 0, 7);
        }

        EngineStatistics end = run.Scheduler.Statistics;
        Assert.Equal((0, 0, 0, 0), (end.PagesUsed, end.RunningSequences, end.WaitingSequences, (int)end.FailedRequests));
        Assert.Equal((24, all.Count(entry => entry.Cancelled)), ((int)(end.FinishedRequests + end.CancelledRequests), (int)end.CancelledRequests));
        foreach ((GenerationRequest request, SchedulerRun.Told told, bool cancelled) in all)
        {
            Assert.Equal(cancelled ? 0 : 1, told.Ends);
            for (int s = 0; s < request.Samples; s++)
            {
                SamplingOptions own = request.Sampling with { Seed = request.Sampling.Seed + s };
                int[] expected = SlowDecoding.Continue(model, _workers, request.Prompt, request.MaxTokens, own);
                Assert.Equal(cancelled ? expected[..told.Tokens[s].Count] : expected, told.Tokens[s]);
            }
        }
    }

    [Fact]
    public void Cancelling_gives_the_pages_back_at_once()
    {
        using Transformer model = TinyModels.Create("v3");
        using SchedulerRun run = new(model, _workers, SchedulerRun.Pages(model, pages: 20));
        SchedulerRun.Told told = run.Submit(new GenerationRequest(TinyModels.Ids(100, 1), 50, new SamplingOptions()) { Samples = 3 });
        for (int i = 0; i < 10; i++) run.Scheduler.Step();
        Assert.True(run.Scheduler.Statistics.PagesUsed > 0);
        run.Scheduler.Cancel(told.Handle);
        EngineStatistics after = run.Scheduler.Statistics;
        Assert.Equal((0, 1, 0, 0), (after.PagesUsed, after.PagesCached, after.RunningSequences, after.WaitingSequences));
        Assert.False(run.Scheduler.Step());
        Assert.Equal(0, told.Ends);
        run.Scheduler.Cancel(told.Handle);
        Assert.Equal(1, run.Scheduler.Statistics.CancelledRequests);
    }

    [Fact]
    public void Requests_that_make_no_sense_or_could_never_fit_are_refused_with_a_sentence()
    {
        using Transformer model = TinyModels.Create("v3");
        using SchedulerRun run = new(model, _workers, SchedulerRun.Pages(model, pages: 2));
        Assert.Equal(128, run.Scheduler.ContextLength);
        Assert.Contains("has 128 tokens, expected 1 to 127 for the pages", Refusal(SchedulerRun.Greedy(TinyModels.Ids(128, 1), 1)), StringComparison.Ordinal);
        Assert.Contains("has 0 tokens", Refusal(SchedulerRun.Greedy([], 1)), StringComparison.Ordinal);
        Assert.Contains("token 1 of a prompt is 97, expected 0 to 96", Refusal(SchedulerRun.Greedy([1, 97], 1)), StringComparison.Ordinal);
        Assert.Contains("for -1 tokens", Refusal(SchedulerRun.Greedy([1], -1)), StringComparison.Ordinal);
        Assert.Contains("for 0 samples", Refusal(SchedulerRun.Greedy([1], 1) with { Samples = 0 }), StringComparison.Ordinal);
        Assert.Contains("for -2 alternatives", Refusal(SchedulerRun.Greedy([1], 1) with { TopLogProbs = -2 }), StringComparison.Ordinal);
        Assert.Contains("need a tokenizer", Refusal(SchedulerRun.Greedy([1], 1) with { StopStrings = ["x"] }), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new SchedulerRun(model, _workers, new EngineOptions { CacheBytes = 100 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SchedulerRun(model, _workers, new EngineOptions { MaxRunning = 0 }));

        // What fits is answered up to the last token that the pages hold.
        SchedulerRun.Told told = run.Submit(SchedulerRun.Greedy(TinyModels.Ids(120, 1), 1000));
        run.RunToEnd();
        Assert.Equal(SlowDecoding.Continue(model, _workers, TinyModels.Ids(120, 1), 8), told.Tokens[0]);
        Assert.Equal(FinishReason.Length, told.Reasons[0]);

        string Refusal(GenerationRequest request) => Assert.ThrowsAny<ArgumentException>(() => run.Submit(request)).Message;
    }

    [Fact]
    public void A_request_for_no_tokens_ends_at_once()
    {
        using Transformer model = TinyModels.Create("v3");
        using SchedulerRun run = new(model, _workers);
        SchedulerRun.Told told = run.Submit(SchedulerRun.Greedy([1, 2], 0) with { Samples = 2 });
        Assert.Equal([FinishReason.Length, FinishReason.Length], told.Reasons);
        Assert.Equal((1, true), (told.Ends, run.Scheduler.IsIdle));
        Assert.False(run.Scheduler.Step());
    }

    [Fact]
    public void Log_probabilities_are_those_of_the_recomputed_scores()
    {
        using Transformer model = TinyModels.Create("v3");
        using SchedulerRun run = new(model, _workers);
        int[] prompt = TinyModels.Ids(20, 1);
        SchedulerRun.Told told = run.Submit(new GenerationRequest(prompt, 6, new SamplingOptions { Seed = 3 }) { TopLogProbs = 4 });
        SchedulerRun.Told plain = run.Submit(new GenerationRequest(prompt, 6, new SamplingOptions { Seed = 3 }));
        run.RunToEnd();
        List<int> ids = [.. prompt];
        foreach (GenerationEvent e in told.Events.Where(e => e.Token is not null))
        {
            float[] logits = SlowDecoding.Logits(model, _workers, [.. ids]);
            double total = Math.Log(logits.Sum(x => Math.Exp(x)));
            Assert.Equal(logits[e.Token!.Value.Token] - total, e.Token.Value.LogProb, 1e-5);
            int[] best = [.. Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).Take(4)];
            Assert.Equal(best, e.Alternatives.Select(score => score.Token));
            Assert.All(e.Alternatives, score => Assert.Equal(logits[score.Token] - total, score.LogProb, 1e-5));
            ids.Add(e.Token.Value.Token);
        }

        Assert.Equal(told.Tokens[0], plain.Tokens[0]);
        Assert.All(plain.Events.Where(e => e.Token is not null), e => Assert.True(float.IsNaN(e.Token!.Value.LogProb) && e.Alternatives.Count == 0));
    }

    [Fact]
    public void Embeddings_are_the_mean_of_the_uncached_states_whatever_runs_beside()
    {
        using Transformer model = TinyModels.Create("v3");
        using SchedulerRun run = new(model, _workers, SchedulerRun.Pages(model, pages: 20, prefill: 23));
        int[] ids = TinyModels.Ids(140, 1);
        float[]?[] found = new float[]?[2];
        for (int i = 0; i < 2; i++)
        {
            int index = i;
            run.Submit(SchedulerRun.Greedy(ids[..70], 12));
            run.Scheduler.SubmitEmbedding(ids, (mean, failure) => found[index] = failure is null ? mean : throw failure);
            run.RunToEnd();
        }

        using Hadal.Autograd.Graph g = new(_workers, recording: false);
        Matrix hidden = model.Forward(g, TokenBatch.Of(ids), MlaForm.Absorbed).AsMatrix();
        for (int d = 0; d < hidden.Columns; d++)
        {
            double mean = Enumerable.Range(0, ids.Length).Average(t => (double)hidden.Row(t)[d]);
            Assert.Equal(mean, found[0]![d], 1e-6);
        }

        Assert.Equal(found[0], found[1]);
        Assert.Throws<ArgumentException>(() => run.Scheduler.SubmitEmbedding([], (_, _) => { }));
        Assert.Throws<ContextLengthException>(() => run.Scheduler.SubmitEmbedding(TinyModels.Ids(513, 1), (_, _) => { }));
    }

    [Fact]
    public void A_request_whose_caller_throws_ends_and_the_others_go_on()
    {
        using Transformer model = TinyModels.Create("v3");
        using SchedulerRun run = new(model, _workers);
        SchedulerRun.Told other = run.Submit(SchedulerRun.Greedy([1, 2, 3], 10));
        Exception? told = null;
        run.Scheduler.Submit(SchedulerRun.Greedy([4, 5], 10), _ => throw new InvalidDataException("no"), failure => told = failure);
        run.RunToEnd();
        Assert.IsType<InvalidDataException>(told);
        Assert.Equal(SlowDecoding.Continue(model, _workers, [1, 2, 3], 10), other.Tokens[0]);
        Assert.Equal((1, 1), (run.Scheduler.Statistics.FailedRequests, run.Scheduler.Statistics.FinishedRequests));
    }

    [Theory]
    [InlineData(MlaForm.Expanded)]
    [InlineData(MlaForm.Absorbed)]
    public void Narrow_products_and_either_form_draw_what_scoring_at_once_in_the_same_way_draws(MlaForm form)
    {
        using Transformer model = TinyModels.Create("v3");
        int[] prompt = TinyModels.Ids(90, 1);
        SamplingOptions sampling = new() { Seed = 4 };
        List<int> drawn = [];
        TextGenerator generator = new(model, _workers) { Precision = ProductPrecision.BF16, Form = form };
        generator.Run([new GenerationRequest(prompt, 20, sampling)], (_, token) => drawn.Add(token));
        Assert.Equal(SlowDecoding.Continue(model, _workers, prompt, 20, sampling, form, ProductPrecision.BF16), drawn);
    }

    [Theory]
    [InlineData("v3", ElementType.BF16)]
    [InlineData("v3", ElementType.F8E4M3)]
    [InlineData("qwen2", ElementType.BF16)]
    [InlineData("qwen2", ElementType.F8E4M3)]
    public void A_narrow_cache_draws_the_same_alone_and_in_a_crowd_that_has_to_give_way(string kind, ElementType type)
    {
        using Transformer model = TinyModels.Create(kind);
        long pageBytes = PagePool.PageBytes(model.Config, type);
        Assert.True(pageBytes < 0.6 * PagePool.PageBytes(model.Config, ElementType.F32));
        GenerationRequest[] requests = [.. Enumerable.Range(0, 6).Select(i => SchedulerRun.Greedy(TinyModels.Ids(40 + 13 * i, i), 40))];
        int[][] alone = [.. requests.Select(request => Tokens(new EngineOptions { CacheType = type }, request)[0])];
        Assert.Equal(alone, Tokens(new EngineOptions { CacheType = type, CacheBytes = 5 * pageBytes, PrefillTokens = 19 }, requests));

        int[][] Tokens(EngineOptions options, params GenerationRequest[] some)
        {
            using SchedulerRun run = new(model, _workers, options);
            SchedulerRun.Told[] told = [.. some.Select(run.Submit)];
            run.RunToEnd();
            return [.. told.Select(t => t.Tokens[0].ToArray())];
        }
    }
}
