using System.Diagnostics;
using System.Text;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement.Evaluation;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;
using Hadal.Tokenization;
using Hadal.Training;

namespace Hadal.Cli.Quickstart;

/// <summary>Lets a model answer the held-out problems, the same for every model, and writes down every answer.</summary>
/// <param name="problems">Problems to answer greedily.</param>
/// <param name="voteProblems">How many of them, from the first on, to answer <see cref="Samples"/> times.</param>
/// <param name="maxTokens">Most tokens of an answer.</param>
/// <param name="seed">Draws the samples.</param>
internal sealed class HeldOutEvaluation(int problems, int voteProblems, int maxTokens, int seed)
{
    /// <summary>Answers to a problem that is voted on.</summary>
    public const int Samples = 64;

    /// <summary>The votes that are counted.</summary>
    public static readonly int[] Votes = [1, 4, 16, 64];

    private const int ShownAnswers = 8;

    /// <summary>Evaluates a model and writes the score and all transcripts into a folder.</summary>
    /// <param name="model">Folder or .gguf file.</param>
    /// <param name="name">The model's name in transcripts.</param>
    /// <param name="title">What it is, for people.</param>
    /// <param name="folder">An existing folder.</param>
    /// <param name="cancellation">Checked before every token.</param>
    /// <returns>The score's file.</returns>
    public string Run(string model, string name, string title, string folder, CancellationToken cancellation)
    {
        using WorkerPool workers = new();
        using Transformer loaded = ModelReader.Read(model);
        Tokenizer tokenizer = Tokenizer.Load(model);
        PromptWriter prompts = new(PromptStyle.Plain, tokenizer);
        RewardFunction rewards = new() { ThinkOpened = prompts.OpensThinking };
        RolloutSampler sampler = new(loaded, tokenizer, workers, prompts) { Precision = ProductPrecision.BF16 };
        IReadOnlyList<Problem> asked = HeldOut(problems);
        Problem[] voted = [.. asked.Take(voteProblems)];

        Stopwatch watch = Stopwatch.StartNew();
        IReadOnlyList<Rollout> greedy = sampler.Sample(World.Task, rewards, asked, 1, maxTokens, 0, seed, cancellation: cancellation);
        IReadOnlyList<Rollout> samples = sampler.Sample(World.Task, rewards, voted, Samples, maxTokens, 1, seed, cancellation: cancellation);
        double seconds = watch.Elapsed.TotalSeconds;

        TaskScore one = TaskScore.Of(World.Task, greedy, 1), many = TaskScore.Of(World.Task, samples, Samples);
        ModelSize size = ModelSize.Of(loaded);
        ModelScore score = new()
        {
            Model = name,
            Title = title,
            Architecture = loaded.Config.ModelType,
            Parameters = size.Main + size.Modules,
            ActiveParameters = size.ActivePerToken,
            Bytes = BytesOf(model),
            Problems = one.Problems,
            Greedy = one.Accuracy,
            Format = one.Format,
            ResponseTokens = one.ResponseTokens,
            SearchLines = greedy.Average(answer => Lines(answer.Text)),
            VoteProblems = many.Problems,
            GreedyOnVoteProblems = greedy.Take(voteProblems).Average(answer => answer.Reward.Accuracy),
            Samples = Samples,
            Sampled = many.Accuracy,
            Vote = Votes.ToDictionary(k => k, k => many.ConsensusAtK[k]),
            Pass = Votes.ToDictionary(k => k, k => many.PassAtK[k]),
            TokensPerSecond = greedy.Concat(samples).Sum(answer => (long)answer.Response.Length) / seconds,
            Shown = [.. greedy.Take(ShownAnswers).Select(answer => new ShownAnswer(prompts.Text(answer.Problem.Prompt), answer.Text, answer.Reward.Accuracy == 1))],
        };
        using (AtomicFile file = new(TranscriptsOf(folder)))
        {
            Transcripts.Append(file, greedy, 1, name, 0);
            Transcripts.Append(file, samples, Samples, name, 1);
            file.Commit();
        }

        string path = Path.Combine(folder, "score.json");
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(RecipeReader.ToJson(score)));
        return path;
    }

    /// <summary>The held-out problems that every model is asked, the same for every seed.</summary>
    public static IReadOnlyList<Problem> HeldOut(int count) => World.Task.HeldOut(count);

    /// <summary>The problems in a quickstart's folder.</summary>
    public static string ProblemsOf(string folder) => Path.Combine(folder, "problems.jsonl");

    /// <summary>The transcripts in a quickstart's or an evaluation's folder.</summary>
    public static string TranscriptsOf(string folder) => Path.Combine(folder, "transcripts.jsonl");

    /// <summary>First steps that a response tries.</summary>
    internal static int Lines(string response) => ResponseFormat.Reasoning(response).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;

    private static long BytesOf(string model) => File.Exists(model)
        ? new FileInfo(model).Length
        : Directory.EnumerateFiles(model, "*.safetensors").Sum(file => new FileInfo(file).Length);
}
