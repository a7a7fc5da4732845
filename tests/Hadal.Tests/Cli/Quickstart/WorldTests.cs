using System.Globalization;
using System.Text.RegularExpressions;
using Hadal.Cli.Quickstart;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;
using Hadal.Reinforcement.Tasks.Countdown;
using Hadal.Tests.Checkpoints;
using Hadal.Tokenization;

namespace Hadal.Tests.Cli.Quickstart;

/// <summary>The text that quickstart makes: nothing held out is in it, its marks can be checked, and its vocabulary fits it.</summary>
public sealed partial class WorldTests
{
    [Fact]
    public void No_question_has_held_out_numbers_or_a_held_out_target()
    {
        int searches = 0, tables = 0, blind = 0;
        for (int i = 0; i < 3000; i++)
        {
            string document = World.Document(5, i), question = document.Split('\n')[0];
            if (document.StartsWith("a b c", StringComparison.Ordinal))
            {
                // No numbers but results, and no answer.
                Match sightless = Sightless().Match(document);
                Assert.True(sightless.Success, document);
                Assert.Equal(ProblemSplit.Training, CountdownTask.SplitOfTarget(Read(sightless.Groups[1])));
                blind++;
                continue;
            }

            Match countdown = Question().Match(question);
            Assert.True(countdown.Success, question);
            Assert.Equal(ProblemSplit.Training, CountdownTask.SplitOfNumbers(countdown.Groups[1].Captures.Select(Whole)));
            if (countdown.Groups[2].Success)
            {
                Assert.Equal(ProblemSplit.Training, CountdownTask.SplitOfTarget(Read(countdown.Groups[2])));
                searches++;
            }
            else tables++;
        }

        Assert.InRange(tables, 500, 700);
        Assert.InRange(blind, 500, 700);
        Assert.True(searches > 1650);
    }

    [Fact]
    public void There_are_512_held_out_problems_and_their_numbers_and_targets_are_all_on_the_held_out_side()
    {
        CountdownProblem[] problems = [.. HeldOutEvaluation.HeldOut(512).Cast<CountdownProblem>()];
        Assert.Equal(512, problems.Select(problem => $"{string.Join(' ', problem.Numbers.Order())} {problem.Target}").Distinct().Count());
        Assert.All(problems, problem => Assert.Equal(
            (ProblemSplit.HeldOut, ProblemSplit.HeldOut), (CountdownTask.SplitOfNumbers(problem.Numbers), CountdownTask.SplitOfTarget(problem.Target))));
    }

    [Fact]
    public void Searches_have_R1_s_form_and_more_than_half_of_them_end_at_the_target()
    {
        int right = 0, all = 0;
        for (int i = 0; i < 2000; i++)
        {
            string document = World.Document(6, i);
            Match question = Question().Match(document.Split('\n')[0]);
            if (!question.Success || !question.Groups[2].Success) continue;
            string response = document[(document.IndexOf('\n', StringComparison.Ordinal) + 1)..];
            Assert.True(ResponseFormat.IsWellFormed(response), document);
            CountdownProblem problem = World.Task.ToProblem([.. question.Groups[1].Captures.Select(Whole)], Read(question.Groups[2]));
            all++;
            if (World.Task.Verify(problem, ResponseFormat.Answer(response)!)) right++;
        }

        Assert.InRange((double)right / all, 0.5, 0.65);
    }

    [Fact]
    public void The_same_seed_makes_the_same_world_and_another_another()
    {
        Assert.Equal(World.Document(1, 42), World.Document(1, 42));
        Assert.NotEqual(Enumerable.Range(0, 9).Select(i => World.Document(1, i)), Enumerable.Range(0, 9).Select(i => World.Document(2, i)));
    }

    [Fact]
    public void The_vocabulary_has_a_token_for_each_number_and_tag_and_plain_prompts_are_those_of_the_template()
    {
        using TemporaryFolder folder = new();
        World.Write(folder.Path, 1, 3000, CancellationToken.None);
        Tokenizer tokenizer = Tokenizer.Load(World.TokenizerOf(folder.Path));
        foreach (string text in (string[])["7", "25", "100", ".six", "four", "<think>", "</think>", "<answer>", "</answer>"]) Assert.Single(tokenizer.Encode(text));
        Assert.Single(tokenizer.EosIds);

        // What hadal chat and serve ask is what the model was reinforced on.
        string settings = Path.Combine(World.TokenizerOf(folder.Path), "chat_template.jinja");
        File.Copy(World.TemplateOf(folder.Path), settings);
        Tokenizer chatting = Tokenizer.Load(World.TokenizerOf(folder.Path));
        Assert.Equal(
            new PromptWriter(PromptStyle.Plain, chatting).Tokens("a3 b7 c25 =four.six"), new PromptWriter(PromptStyle.Chat, chatting).Tokens("a3 b7 c25 =four.six"));

        // Both leave the model within its thoughts, so that answers are judged alike; a template that ends elsewhere doesn't.
        Assert.True(new PromptWriter(PromptStyle.Plain, chatting).OpensThinking);
        Assert.True(new PromptWriter(PromptStyle.Chat, chatting).OpensThinking);
        File.WriteAllText(settings, File.ReadAllText(settings).Replace("<think>", "", StringComparison.Ordinal));
        Assert.False(new PromptWriter(PromptStyle.Chat, Tokenizer.Load(World.TokenizerOf(folder.Path))).OpensThinking);
    }

    private static int Whole(Capture text) => int.Parse(text.Value, CultureInfo.InvariantCulture);

    // By its own table of words.
    private static int Read(Capture words) => words.Value.Split('.').Aggregate(0, (number, word) =>
        10 * number + Array.IndexOf(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], word) is var next && next >= 0
            ? next
            : throw new FormatException(words.Value));

    [GeneratedRegex(@"^(?:[a-c](\d+) ?){3}(?:=([a-z.]+))?$")]
    private static partial Regex Question();

    [GeneratedRegex(@"^a b c =([a-z.]+)\n<think>\n([abc][-+*/][abc]=\d+(\.[a-z]+)?[<=>]( [abc]:( [-+*/]\d+(\.[a-z]+)?[<=>])+)?\n)+</think>$")]
    private static partial Regex Sightless();
}
