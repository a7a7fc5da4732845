using System.Text.Json;
using Hadal.Reinforcement.Tasks;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Tokenization;

namespace Hadal.Tests.Reinforcement.Tasks;

/// <summary>Tasks from files: one's own, GSM8K's and MATH's.</summary>
public sealed class ProblemListTests
{
    [Fact]
    public void A_file_of_prompts_and_answers_is_a_task()
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "problems.jsonl");
        File.WriteAllLines(path, Enumerable.Range(0, 400).Select(static i => $$"""{"prompt":"twice {{i}}","answer":{{2 * i}}}"""));
        ProblemListTask task = new("twice", ProblemFile.ReadPromptsAndAnswers(path), ProblemListTask.Number);
        int training = task.Count(ProblemSplit.Training), heldOut = task.Count(ProblemSplit.HeldOut);
        Assert.Equal(400, training + heldOut);
        Assert.InRange(heldOut, 25, 75);

        // Each side is gone through whole before anything comes again, and the next round has another order.
        string[] first = Round(0), second = Round(training);
        Assert.Equal(training, first.Distinct().Count());
        Assert.Equal(first.Order(), second.Order());
        Assert.NotEqual(first, second);
        Assert.Empty(first.Intersect(Enumerable.Range(0, heldOut).Select(i => task.Generate(ProblemSplit.HeldOut, 1, i).Prompt)));
        Problem problem = task.Generate(ProblemSplit.Training, 1, 3);
        Assert.True(task.Verify(problem, problem.Answer));

        string[] Round(int start) => [.. Enumerable.Range(start, training).Select(i => task.Generate(ProblemSplit.Training, 1, i).Prompt)];
    }

    [Fact]
    public void Two_lists_must_not_share_a_prompt()
    {
        Problem[] a = [new("p", "1"), new("q", "2")], b = [new("r", "3")], c = [new("q", "9")];
        ProblemListTask task = new("lists", a, ProblemListTask.Text, b);
        Assert.Equal("r", task.Generate(ProblemSplit.HeldOut, 0, 17).Prompt);
        Assert.Contains("both to train on and held out: q", Assert.Throws<ArgumentException>(() => new ProblemListTask("lists", a, ProblemListTask.Text, c)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => new ProblemListTask("none", [], ProblemListTask.Text).Generate(ProblemSplit.Training, 0, 0));
    }

    [SkippableFact]
    public void All_of_GSM8K_is_read_and_its_gold_answers_are_right()
    {
        IReadOnlyList<Problem> problems = ProblemFile.ReadGsm8k(SharedData.Require("gsm8k/test.jsonl"));
        Assert.Equal(1319, problems.Count);
        ProblemListTask task = new("gsm8k", problems, ProblemListTask.Number);
        Assert.All(problems, problem =>
        {
            Assert.True(task.Verify(problem, problem.Answer), problem.Answer);
            Assert.True(task.Verify(problem, $"The answer is ${problem.Answer}."), problem.Answer);
            Assert.False(task.Verify(problem, problem.Answer + "1"));
        });
    }

    [SkippableFact]
    public void All_of_MATH_500_is_read_from_a_list_or_from_lines()
    {
        string path = SharedData.Require("math500/math500_test.json");
        IReadOnlyList<Problem> problems = ProblemFile.ReadMath(path);
        Assert.Equal(500, problems.Count);
        ProblemListTask task = new("math", problems, ProblemListTask.Mathematics);
        Assert.All(problems, problem => Assert.True(task.Verify(problem, $@"\boxed{{{problem.Answer}}}")));

        using TemporaryFolder folder = new();
        string lines = Path.Combine(folder.Path, "math.jsonl");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        File.WriteAllLines(lines, document.RootElement.EnumerateArray().Select(static p => JsonSerializer.Serialize(p)));
        Assert.Equal(problems, ProblemFile.ReadMath(lines));
    }

    [Theory]
    [InlineData("{\"prompt\":\"a\"}", "line 1: there is no answer")]
    [InlineData("{\"prompt\":\"a\",\"answer\":\" \"}", "line 1: answer is empty")]
    [InlineData("{\"prompt\":[],\"answer\":\"1\"}", "line 1: prompt is Array, expected text")]
    [InlineData("{\"prompt\":\"\\ud800\",\"answer\":\"1\"}", "line 1: prompt is no Unicode text")]
    [InlineData("7", "line 1: found Number, expected an object with prompt and answer")]
    [InlineData("nonsense", "line 1: this is no JSON")]
    [InlineData("[{\"prompt\":\"a\",\"answer\":\"1\"},{\"prompt\":\"a\"}]", "entry 1: there is no answer")]
    [InlineData("[", "entry 0: this is no JSON")]
    public void A_bad_line_is_named_with_what_is_wrong(string content, string problem)
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "bad.jsonl");
        File.WriteAllText(path, content);
        ProblemFileException e = Assert.Throws<ProblemFileException>(() => ProblemFile.ReadPromptsAndAnswers(path));
        Assert.StartsWith($"{path}: {problem}", e.Message, StringComparison.Ordinal);
        Assert.Equal(path, e.Path);
    }
}
