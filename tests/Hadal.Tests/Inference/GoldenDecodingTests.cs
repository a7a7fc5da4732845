using System.Text.Json;
using Hadal.Checkpoints;
using Hadal.Inference;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;

namespace Hadal.Tests.Inference;

/// <summary>The greedy ids that other implementations saved come out whichever way they are decoded.</summary>
public sealed class GoldenDecodingTests : IDisposable
{
    private readonly WorkerPool _workers = new(1);

    public static TheoryData<string> Names => ["llama-tiny", "qwen2-tiny", "v2-group", "v3-base", "v3-yarn", "stories260K"];

    public void Dispose() => _workers.Dispose();

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public void Scheduled_in_any_way_the_saved_ids_come_out(string name)
    {
        using Golden golden = new(name);
        EngineOptions[] ways =
        [
            SchedulerRun.Pages(golden.Model, pages: 40),
            SchedulerRun.Pages(golden.Model, pages: 40, prefill: 3),
            SchedulerRun.Pages(golden.Model, pages: 40, running: 2),
            SchedulerRun.Pages(golden.Model, pages: golden.Pages + 1, prefill: 20), // strangers have to give way, or the ids' own sequence
        ];
        foreach (EngineOptions way in ways)
        {
            using SchedulerRun run = new(golden.Model, _workers, way);
            foreach (bool again in new[] { false, true }) // the second time parts of it are cached
            {
                SchedulerRun.Told before = run.Submit(golden.Stranger(1)), two = run.Submit(golden.Request with { Samples = 2 });
                SchedulerRun.Told one = run.Submit(golden.Request), after = run.Submit(golden.Stranger(2));
                run.RunToEnd();
                Assert.Equal(golden.Expected, one.Tokens[0]);
                Assert.All(two.Tokens, tokens => Assert.Equal(golden.Expected, tokens));
                Assert.All(new[] { before, one, two, after }, told => Assert.Equal((1, null), (told.Ends, told.Failure)));
            }
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public void Cut_anywhere_into_prompt_and_continuation_the_rest_comes_out(string name)
    {
        using Golden golden = new(name);
        using SchedulerRun run = new(golden.Model, _workers, SchedulerRun.Pages(golden.Model, pages: 40));
        for (int cut = golden.Expected.Length - 1; cut > 0; cut -= 1 + golden.Expected.Length / 7)
        {
            int[] prompt = [.. golden.Request.Prompt, .. golden.Expected.AsSpan(0, cut)];
            SchedulerRun.Told told = run.Submit(SchedulerRun.Greedy(prompt, golden.Expected.Length - cut));
            run.RunToEnd();
            Assert.Equal(golden.Expected[cut..], told.Tokens[0]);
        }

        if (golden.Pages > 1) Assert.True(run.Scheduler.Statistics.PrefixHits > 0, "no beginning was found again");
    }

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public void Forked_and_rewound_sessions_go_on_with_the_saved_ids(string name)
    {
        using Golden golden = new(name);
        using Session session = new(golden.Model, _workers);
        session.Append(golden.Stranger(3).Prompt.ToArray());
        session.Rewind(0);
        int next = Best(session.Append([.. golden.Request.Prompt]));
        for (int i = 0; i < golden.Expected.Length; i++)
        {
            Assert.Equal(golden.Expected[i], next);
            if (i % 5 == 2)
            {
                // Another timeline goes astray, this one too, and comes back.
                using Session fork = session.Fork();
                fork.Append(3, 4, 5);
                int length = session.Length;
                session.Append(6, 7);
                session.Rewind(length);
                fork.Rewind(length);
                Assert.Equal(Best(fork.Append(next)), Best(session.Append(next)));
                session.Rewind(length);
            }

            next = Best(session.Append(next));
        }
    }

    private static int Best(ReadOnlySpan<float> scores)
    {
        int best = 0;
        for (int i = 1; i < scores.Length; i++)
        {
            if (scores[i] > scores[best]) best = i;
        }

        return best;
    }

    private sealed class Golden : IDisposable
    {
        public Golden(string name)
        {
            bool isStories = name == "stories260K";
            string folder = isStories ? Path.Combine(Goldens.Require(""), "..", "data", name) : Goldens.Require(name);
            Skip.IfNot(Directory.Exists(folder), $"no {folder}");
            using JsonDocument saved = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, isStories ? "greedy.json" : "decode.json")));
            int[] prompt = Ids(saved, "prompt", "prompt_ids"), ids = Ids(saved, "continuation", "greedy_ids");
            Model = ModelReader.Read(folder);
            Expected = [.. ids.TakeWhile(id => !Model.Config.EosTokenIds.Contains(id))];
            Assert.True(Expected.Length > 10, "the saved ids end at once");
            Request = SchedulerRun.Greedy(prompt, ids.Length);
            Pages = CacheRows.PagesFor(prompt.Length + ids.Length);
        }

        public Transformer Model { get; }

        public GenerationRequest Request { get; }

        public int[] Expected { get; }

        /// <summary>Pages that it needs alone.</summary>
        public int Pages { get; }

        /// <summary>Somebody else's request, nearly as long as all pages of <see cref="Request"/>.</summary>
        public GenerationRequest Stranger(int seed) =>
            new([.. TinyModels.Ids(64 * Pages - 10, seed).Take(Model.Config.MaxPositionEmbeddings - 40)], 30, new SamplingOptions { Seed = seed });

        public void Dispose() => Model.Dispose();

        private static int[] Ids(JsonDocument saved, string name, string otherName) =>
            (saved.RootElement.TryGetProperty(name, out JsonElement ids) ? ids : saved.RootElement.GetProperty(otherName)).Deserialize<int[]>()!;
    }
}
