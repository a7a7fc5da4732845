using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Hadal.Numerics;
using Hadal.Reinforcement;
using Hadal.Reinforcement.Evaluation;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;
using Hadal.Reinforcement.Tasks.Countdown;

namespace Hadal.Cli.Commands;

/// <summary>`hadal eval` on a task with checkable answers: how many problems a model solves, alone and by vote.</summary>
internal sealed class TaskEvaluation
{
    /// <summary>The task that has no problems of its own.</summary>
    public const string ListTask = "file";

    /// <summary>Names of the tasks that come with Hadal.</summary>
    public static readonly string[] Tasks = ["countdown", "arithmetic", "chain", "sudoku", "choice", ListTask];


    private readonly Option<string?> _problems = new("--problems") { Description = "JSONL of problems: numbers and target for countdown, prompt and answer for file; by default held-out problems are made." };
    private readonly Option<int> _count = new("--count") { Description = "Problems to make.", DefaultValueFactory = _ => 128 };
    private readonly Option<int?> _size = new("--size") { Description = "How hard they are: countdown's numbers, arithmetic's operands, a chain's steps, a sudoku's empty cells." };
    private readonly Option<bool> _terse = new("--terse") { Description = "Ask countdown in symbols." };
    private readonly Option<bool> _readOut = new("--read-out") { Description = "Read countdown's target out digit by digit; with --terse that is how quickstart's models are asked." };
    private readonly Option<PromptStyle?> _style = new("--prompt") { Description = "plain, r1Zero, chat or line; by default chat where the model has a template, else plain." };
    private readonly Option<int> _samples = new("--samples") { Description = "Answers to each problem.", DefaultValueFactory = _ => 1 };
    private readonly Option<float?> _temperature = new("--temperature") { Description = "Sampling temperature; by default 0 for one answer and 1 for several." };
    private readonly Option<int> _maxTokens = new("--max-tokens") { Description = "Most tokens of an answer.", DefaultValueFactory = _ => 512 };
    private readonly Option<long> _seed = new("--seed") { Description = "The same seed draws the same answers." };
    private readonly Option<string?> _transcripts = new("--transcripts") { Description = "Where every answer goes, one JSON object a line." };

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_problems, _count, _size, _terse, _readOut, _style, _samples, _temperature, _maxTokens, _seed, _transcripts]) command.Add(option);
        foreach (Option<int> count in (ReadOnlySpan<Option<int>>)[_count, _samples, _maxTokens]) count.RequireAtLeast(1);
        _size.RequireInteger();
        _seed.RequireInteger();
        _style.RequireName();
        _temperature.Require(value => value is null or (>= 0 and < float.PositiveInfinity), "a number from 0 on");
    }

    public bool HasProblems(CommandResult result) => result.GetValue(_problems) is not null;

    public int Run(ParseResult parsed, LoadedModel loaded, ProductPrecision precision, string name, bool json, CancellationToken cancellation)
    {
        TaskOptions options = new()
        {
            Name = name,
            Size = parsed.GetValue(_size),
            Terse = parsed.GetValue(_terse),
            ReadOut = parsed.GetValue(_readOut),
            Path = parsed.GetValue(_problems),
        };
        VerifiableTask task = options.Create();
        IReadOnlyList<Problem> problems = Problems(parsed, task);
        using WorkerPool workers = new();
        PromptStyle style = parsed.GetValue(_style) ?? (loaded.Tokenizer.ChatTemplate is null ? PromptStyle.Plain : PromptStyle.Chat);
        PromptWriter prompts = new(style, loaded.Tokenizer);
        RewardFunction rewards = new() { ThinkOpened = prompts.OpensThinking };
        int samples = parsed.GetValue(_samples);
        ProgressClock clock = new();
        RolloutSampler sampler = new(loaded.Model, loaded.Tokenizer, workers, prompts) { Precision = precision };
        IReadOnlyList<Rollout> rollouts = sampler.Sample(
            task, rewards, problems, samples, parsed.GetValue(_maxTokens), parsed.GetValue(_temperature) ?? (samples == 1 ? 0 : 1), parsed.GetValue(_seed), Report, cancellation);
        double seconds = clock.Elapsed.TotalSeconds;
        if (parsed.GetValue(_transcripts) is { } path) Transcripts.Write(path, rollouts, samples);
        TaskScore score = TaskScore.Of(task, rollouts, samples);
        double rate = rollouts.Sum(r => (long)r.Response.Length) / seconds;
        if (json) JsonOutput.Write(new { Task = name, score.Problems, score.Samples, score.Accuracy, score.PassAtK, score.ConsensusAtK, score.Format, score.ResponseTokens, TokensPerSecond = rate, Seconds = seconds });
        else Print(score, name, rate);
        return CommandLine.Ok;

        void Report(int ended, long tokens)
        {
            if (!clock.IsDue()) return;
            int all = problems.Count * samples;
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{ended:N0} of {all:N0} answers, {clock.Rate(tokens):F0} tokens a second, {clock.Left(ended, all)}"));
        }
    }

    private IReadOnlyList<Problem> Problems(ParseResult parsed, VerifiableTask task)
    {
        if (parsed.GetValue(_problems) is not { } path) return task.HeldOut(parsed.GetValue(_count));
        return task switch
        {
            CountdownTask countdown => countdown.ReadProblems(path),
            ProblemListTask => ProblemFile.ReadPromptsAndAnswers(path),
            _ => throw new ProblemFileException(path, $"problems of {task.Name} are made, not read; expected no --problems, or the task countdown or file"),
        };
    }

    private static void Print(TaskScore score, string name, double rate)
    {
        Line($"{name}: {score.Accuracy:P1} of the answers to {score.Problems:N0} problems are right, {score.Format:P1} of the responses have the form, {score.ResponseTokens:F0} tokens each, {rate:N0} tokens/s");
        if (score.Samples == 1) return;
        foreach ((int k, double pass) in score.PassAtK) Line($"k = {k,-4} one of k right {pass,7:P1}   vote of k right {score.ConsensusAtK[k],7:P1}");
    }

    private static void Line(FormattableString line) => Console.Out.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
