using System.Text.Json;
using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Parity;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;
using Hadal.Tokenization;

namespace Hadal.Tests.Inference;

public sealed class SpeculationTests
{
    private static readonly ConfigText s_config = ConfigText.V3.With("vocab_size", "257").With("eos_token_id", "256").With("num_nextn_predict_layers", "1");

    public static TheoryData<string, int, bool> Drafters => new()
    {
        { "modules", 1, true }, { "modules", 3, false }, { "lookup", 4, true }, { "lookup", 6, false },
        { "model", 3, true }, { "model", 2, false }, { "itself", 4, false },
    };

    [Theory]
    [MemberData(nameof(Drafters))]
    public void What_is_drawn_is_the_same_with_and_without(string drafter, int count, bool adaptive)
    {
        using Setting setting = new();
        GenerationRequest[] requests = Requests(setting.Tokenizer);
        Result[] expected = setting.Run(requests, null, running: 16, out _);
        Assert.All(expected, result => Assert.True(result.Tokens.Count > 2));
        SpeculationOptions speculation = setting.Speculation(drafter) with { DraftTokens = count, IsAdaptive = adaptive };
        foreach (int running in (int[])[1, 3, 16])
        {
            Assert.Equal(expected, setting.Run(requests, speculation, running, out EngineStatistics statistics));
            Assert.True(statistics.DraftedTokens > 0);
            Assert.InRange(statistics.AcceptedTokens, 0, statistics.DraftedTokens);
        }
    }

    [Fact]
    public void A_draft_model_that_is_the_model_is_always_right_sampled_or_not()
    {
        // The same scores and the same random numbers: the draft is the draw.
        using Setting setting = new();
        GenerationRequest[] requests =
        [
            new([1, 2, 3], 60, new SamplingOptions { Temperature = 0 }), new([4, 5], 60, new SamplingOptions { Seed = 3 }),
            new([6], 60, new SamplingOptions { Seed = 4, TopP = 0.9f, TopK = 50, PresencePenalty = 0.5f, RepetitionPenalty = 1.2f }),
        ];
        setting.Run(requests, setting.Speculation("itself") with { DraftTokens = 4, IsAdaptive = false }, running: 3, out EngineStatistics statistics);
        Assert.True(statistics.DraftedTokens > 100);
        Assert.Equal(statistics.DraftedTokens, statistics.AcceptedTokens);
        Assert.Equal(1, statistics.AcceptanceRate);
        Assert.InRange(statistics.TokensPerVerification, 4, 5);
    }

    [Theory]
    [InlineData("modules")]
    [InlineData("lookup")]
    [InlineData("itself")]
    public void Pages_come_back_and_results_stay_when_pages_are_short(string drafter)
    {
        using Setting setting = new();
        GenerationRequest[] requests = [.. Enumerable.Range(0, 6).Select(i => new GenerationRequest(Ids(40 + 9 * i, i), 60, new SamplingOptions { Seed = i, Temperature = i % 2 }))];
        Result[] expected = setting.Run(requests, null, running: 16, out _);
        Assert.Equal(expected, setting.Run(requests, setting.Speculation(drafter) with { DraftTokens = 5 }, 6, out EngineStatistics statistics, pages: 6));
        Assert.True(statistics.Preemptions > 0);
        Assert.True(statistics.DraftedTokens > 0);
    }

    [Fact]
    public void The_module_keeps_up_when_prompts_share_pages()
    {
        // Of the three full pages of the prompt the last is computed again, since the module looks one token further.
        using Setting setting = new();
        int[] prompt = Ids(200, 7);
        using Scheduler scheduler = setting.Schedule(setting.Speculation("modules"), running: 4, pages: 0);
        SchedulerRun.Told first = Submit(scheduler, new GenerationRequest(prompt, 30, new SamplingOptions { Temperature = 0 }) { Samples = 2 });
        RunToEnd(scheduler);
        SchedulerRun.Told second = Submit(scheduler, new GenerationRequest(prompt, 30, new SamplingOptions { Temperature = 0 }));
        RunToEnd(scheduler);
        Assert.Equal(first.Tokens[0], second.Tokens[0]);
        Assert.Equal(first.Tokens[0], first.Tokens[1]);
        Assert.Equal(128, second.CachedTokens);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    [InlineData(100)]
    public void Samples_of_one_prompt_are_drafted_as_they_would_be_alone(int length)
    {
        // Which drafts are accepted depends on every row of the module, so that the counts tell whether the samples have them all. The first
        // sample drafts behind its prompt, the others behind their first token.
        using Setting setting = new();
        SpeculationOptions speculation = setting.Speculation("modules") with { DraftTokens = 2, IsAdaptive = false };
        int[] prompt = Ids(length, 3);
        GenerationRequest request = new(prompt, 50, new SamplingOptions { Seed = 11 }) { Samples = 5 };
        Result[] samples = setting.Run([request], speculation, running: 8, out EngineStatistics together);
        GenerationRequest[] alone =
        [
            request with { Samples = 1 },
            .. Enumerable.Range(1, 4).Select(s => new GenerationRequest([.. prompt, samples[s].Tokens[0]], 49, new SamplingOptions { Seed = 11 + s })),
        ];
        Result[] expected = setting.Run(alone, speculation, running: 8, out EngineStatistics apart);
        for (int s = 1; s < 5; s++) Assert.Equal(expected[s].Tokens, samples[s].Tokens.Skip(1));
        Assert.InRange(apart.AcceptedTokens, apart.DraftedTokens / 20, apart.DraftedTokens * 19 / 20);
        Assert.Equal((apart.DraftedTokens, apart.AcceptedTokens), (together.DraftedTokens, together.AcceptedTokens));
    }

    [SkippableFact]
    public void Cached_in_any_pieces_the_module_predicts_what_another_implementation_does()
    {
        string folder = Path.GetDirectoryName(Goldens.Require("v3-mtp/config.json"))!;
        using WorkerPool workers = new(1);
        using Transformer model = ModelReader.Read(folder);
        using SavedResults saved = new(Path.Combine(folder, "expected.safetensors"));
        int[][] sequences = saved.ReadBatch(model.Config);
        int predicted = sequences[0].Length - 1, vocabulary = model.Config.VocabSize;
        float[] expected = saved.TryReadFloats("mtp.logits", (long)sequences.Length * predicted * vocabulary)!; // [B, T - 1, V]
        foreach (int piece in (int[])[1, 3, 100])
        {
            List<float> actual = [];
            foreach (int[] ids in sequences)
            {
                using PagePool pool = new(model.Config, 4, modules: 1);
                using KvCache cache = new(pool);
                using Graph g = new(workers, recording: false);
                for (int at = 0; at < predicted; at += piece)
                {
                    int[] positions = [.. Enumerable.Range(at, Math.Min(piece, predicted - at))];
                    Tensor hidden = model.Forward(g, TokenBatch.Continue([[.. positions.Select(p => ids[p])]], [cache]));
                    TokenBatch next = new([.. positions.Select(p => ids[p + 1])], positions, [new SequenceRows(0, positions.Length)], [cache]);
                    actual.AddRange(model.Logits(g, model.ForwardModule(g, hidden, next, MlaForm.Absorbed).Normed).Span);
                    g.Reset();
                }
            }

            Assert.Equal(expected.Length, actual.Count);
            for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-4f);
        }
    }

    [SkippableTheory]
    [InlineData("v3-base")]
    [InlineData("v2-group")]
    [InlineData("qwen2-tiny")]
    public void Greedy_ids_of_another_implementation_are_found_with_every_drafter(string name)
    {
        string folder = Path.GetDirectoryName(Goldens.Require($"{name}/decode.json"))!;
        using WorkerPool workers = new(1);
        using Transformer model = ModelReader.Read(folder);
        using JsonDocument decode = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "decode.json")));
        int[] prompt = decode.RootElement.GetProperty("prompt").Deserialize<int[]>()!, continuation = decode.RootElement.GetProperty("continuation").Deserialize<int[]>()!;
        foreach (SpeculationOptions speculation in (SpeculationOptions[])[SpeculationOptions.PromptLookup, SpeculationOptions.DraftModel(model)])
        {
            List<int> tokens = [];
            new TextGenerator(model, workers) { Speculation = speculation }.Run(
                [new GenerationRequest(prompt, continuation.Length, new SamplingOptions { Temperature = 0 })], (_, token) => tokens.Add(token));
            Assert.Equal(continuation, tokens);
        }
    }

    [Fact]
    public void A_model_without_modules_cannot_draft_by_them()
    {
        using WorkerPool workers = new(1);
        using Transformer model = TinyModels.Create("qwen2");
        Assert.Throws<ArgumentException>(() => new Scheduler(model, null, workers, new EngineOptions { Speculation = SpeculationOptions.Modules }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new EngineOptions { Speculation = SpeculationOptions.PromptLookup with { DraftTokens = 0 } }.Validate());
    }

    [Fact]
    public void Lookup_takes_what_followed_the_longest_and_latest_match()
    {
        Assert.Equal([9, 1, 2, 3], LookupDrafter.Continuation([1, 2, 3, 7, 1, 2, 3, 9, 1, 2, 3]).ToArray());
        Assert.Equal([8, 2, 3, 9, 1, 2, 3], LookupDrafter.Continuation([1, 2, 3, 8, 2, 3, 9, 1, 2, 3]).ToArray()); // three tokens before two
        Assert.Equal([], LookupDrafter.Continuation([1, 2, 3, 4]).ToArray());
        Assert.Equal([], LookupDrafter.Continuation([1]).ToArray());
        Random random = new(1);
        for (int trial = 0; trial < 500; trial++)
        {
            int[] tokens = [.. Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(3))];
            int[] expected = [];
            for (int length = 2; length <= 4 && length < tokens.Length; length++)
            {
                for (int at = 0; at + length < tokens.Length; at++)
                {
                    if (tokens.AsSpan(at, length).SequenceEqual(tokens.AsSpan(^length..))) expected = tokens[(at + length)..];
                }
            }

            Assert.Equal(expected, LookupDrafter.Continuation(tokens).ToArray());
        }
    }

    [Fact]
    public void Drafts_grow_with_what_is_accepted_and_pause_where_nothing_is()
    {
        DraftPace pace = new();
        Assert.Equal(4, pace.Next(4));
        pace.Note(4, 1);
        Assert.Equal(2, pace.Next(4));
        pace.Note(2, 2);
        Assert.Equal(3, pace.Next(4));
        int drafted = 0;
        for (int step = 0; step < 200; step++)
        {
            int count = pace.Next(4);
            drafted += count;
            if (count > 0) pace.Note(count, 0);
        }

        Assert.InRange(drafted, 20, 110); // hopeless, but tried again now and then
        Assert.Contains(Enumerable.Range(0, 20), _ => pace.Next(4) > 0);
    }

    private static int[] Ids(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(256))];
    }

    // All that can change what is drawn: filters, penalties, constraints, stop strings, samples, ends.
    private static GenerationRequest[] Requests(Tokenizer tokenizer)
    {
        TokenConstraint json = TokenConstraint.Json(tokenizer, [256]);
        int[] repeating = [.. Enumerable.Range(0, 70).Select(i => i % 7)];
        return
        [
            new(Ids(5, 1), 40, new SamplingOptions { Temperature = 0 }),
            new(repeating, 40, new SamplingOptions { Temperature = 0 }),
            new(Ids(130, 2), 30, new SamplingOptions { Seed = 1 }) { Samples = 3 },
            new(repeating, 40, new SamplingOptions { Seed = 2, Temperature = 0.3f, TopK = 20, TopP = 0.8f }),
            new(Ids(64, 3), 40, new SamplingOptions { Seed = 3, FrequencyPenalty = 0.3f, PresencePenalty = 0.2f, RepetitionPenalty = 1.1f }) { TopLogProbs = 2 },
            new(Ids(9, 4), 60, new SamplingOptions { Seed = 4, Temperature = 0.5f }) { Constraint = json },
            new(Ids(9, 5), 60, new SamplingOptions { Temperature = 0 }) { Constraint = json },
            new(Ids(9, 6), 60, new SamplingOptions { Seed = 6, Temperature = 2 }) { StopStrings = ["e", "zz"] },
            new(Ids(9, 7), 200, new SamplingOptions { Seed = 7, LogitBias = new Dictionary<int, float> { [256] = 2.5f } }),
        ];
    }

    private static SchedulerRun.Told Submit(Scheduler scheduler, GenerationRequest request)
    {
        SchedulerRun.Told told = new(request.Samples);
        told.Handle = scheduler.Submit(request, told.Take, told.End);
        return told;
    }

    private static void RunToEnd(Scheduler scheduler)
    {
        for (int step = 0; !scheduler.IsIdle; step++)
        {
            scheduler.Step();
            Assert.True(step < 20_000, "the scheduler does not come to an end");
        }

        Assert.Equal(0, scheduler.Statistics.PagesUsed);
    }

    /// <summary>What one sample got.</summary>
    private sealed record Result(IReadOnlyList<int> Tokens, string Text, FinishReason Reason, IReadOnlyList<float> Scores)
    {
        public bool Equals(Result? other) => other is not null && Tokens.SequenceEqual(other.Tokens) && Text == other.Text && Reason == other.Reason && Scores.SequenceEqual(other.Scores);

        public override int GetHashCode() => HashCode.Combine(Tokens.Count, Text, Reason);

        public override string ToString() => $"{string.Join(' ', Tokens)} ({Reason})";
    }

    private sealed class Setting : IDisposable
    {
        private readonly EngineModel _bytes = new();
        private readonly Transformer _model = TinyModels.Create(s_config), _small = TinyModels.Create(ConfigText.Llama.With("vocab_size", "300"));

        public Tokenizer Tokenizer => _bytes.Tokenizer;

        public SpeculationOptions Speculation(string drafter) => drafter switch
        {
            "modules" => SpeculationOptions.Modules,
            "lookup" => SpeculationOptions.PromptLookup,
            "model" => SpeculationOptions.DraftModel(_small),
            _ => SpeculationOptions.DraftModel(_model),
        };

        public Scheduler Schedule(SpeculationOptions? speculation, int running, int pages) => new(_model, Tokenizer, _bytes.Workers, new EngineOptions
        {
            MaxRunning = running,
            PrefillTokens = 48,
            Speculation = speculation,
            CacheBytes = pages * PagePool.PageBytes(_model.Config, ElementType.F32, modules: 1),
        });

        public Result[] Run(GenerationRequest[] requests, SpeculationOptions? speculation, int running, out EngineStatistics statistics, int pages = 0)
        {
            using Scheduler scheduler = Schedule(speculation, running, pages);
            SchedulerRun.Told[] told = [.. requests.Select(request => Submit(scheduler, request))];
            RunToEnd(scheduler);
            statistics = scheduler.Statistics;
            Assert.All(told, t => Assert.Null(t.Failure));
            return
            [
                .. told.SelectMany(t => t.Tokens.Select((tokens, sample) => new Result(
                    tokens, string.Concat(t.Events.Where(e => e.Sample == sample).Select(e => e.Text)), t.Reasons[sample]!.Value,
                    [.. t.Events.Where(e => e.Sample == sample && !float.IsNaN(e.Token?.LogProb ?? float.NaN)).Select(e => e.Token!.Value.LogProb)]))),
            ];
        }

        public void Dispose()
        {
            _model.Dispose();
            _small.Dispose();
            _bytes.Dispose();
        }
    }
}
