using System.Text;
using Hadal.Reinforcement.Answers;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Sampling;
using Hadal.Reinforcement.Tasks;
using Hadal.Reinforcement.Tasks.Countdown;

namespace Hadal.Tests.Reinforcement.Tasks;

/// <summary>Ten thousand mutations of right answers for every verifier: none may throw, and none may pass but the right ones.</summary>
public sealed class VerifierFuzzTests
{
    private const int Mutations = 10_000;

    private static readonly string[] s_pieces =
    [
        "(", ")", "{", "}", "[", "]", "\\", "\\frac", "\\frac{", "\\sqrt", "\\sqrt{", "\\left(", "\\begin{pmatrix}", "\\end{pmatrix}", "\\\\", "&", "^", "_", "^{", "9^", "!", "**", "//", "=", "==",
        "+", "-", "*", "/", ".", ",", ",\\!", "0", "00", "1e9", "/0", "\\pm", "\\cup", "\\infty", "\\text{", "\\boxed{", "$", "%", "|", "∞", "√", "π", "٣", "３", "𝟕", "²", "½", "\0", "\u202e", "\ud800", "\t", "\n",
        "<answer>", "</answer>", "<think>", "</think>", "sin", "\\log_", "i", "x", "or", "\\in", "e", "&&", "\\ ", "~", "A", "(B)", "99999999999999999999", "\\sqrt[9]{",
    ];

    public static TheoryData<string> Names => ["countdown", "arithmetic", "modular", "sudoku", "choice", "math", "number", "text"];

    [Theory]
    [MemberData(nameof(Names))]
    public void No_answer_makes_a_verifier_throw(string name)
    {
        VerifiableTask task = TaskOf(name);
        Random random = new(Seed(name));
        Problem[] problems = [.. Enumerable.Range(0, 50).Select(i => task.Generate(ProblemSplit.Training, 1, i))];
        for (int i = 0; i < Mutations; i++)
        {
            Problem problem = problems[i % problems.Length];
            string answer = Mutate(problem.Answer, random);
            bool right = task.Verify(problem, answer);
            task.Normalise(answer);

            // An independent look at the ones that pass: what is left of them without layout has the right digits.
            if (right && name == "sudoku") Assert.Equal(Digits(problem.Answer), Digits(answer));
            if (right && name == "countdown") Assert.True(Digits(answer).All(char.IsAsciiDigit) && answer.All(char.IsAscii), answer);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Very_long_and_very_deep_answers_are_wrong_and_nothing_else_happens(string name)
    {
        VerifiableTask task = TaskOf(name);
        Problem problem = task.Generate(ProblemSplit.Training, 1, 0);
        string[] answers =
        [
            new('(', 1_000_000), new('{', 8_000), new('9', 8_000), new('9', 500), string.Concat(Enumerable.Repeat("\\frac{", 1_000)), string.Concat(Enumerable.Repeat("9^", 250)) + "9",
            string.Concat(Enumerable.Repeat("\\sqrt{", 80)) + "2" + new string('}', 80), string.Concat(Enumerable.Repeat("(x+y+z)", 80)), string.Concat(Enumerable.Repeat("(a+b)^9", 80)),
            string.Concat(Enumerable.Repeat("9999999999^{512}", 30)), string.Concat(Enumerable.Repeat("\\sqrt{9999999967}", 30)), string.Concat(Enumerable.Repeat("1,", 290)), string.Concat(Enumerable.Repeat("\\pm", 190)),
            string.Concat(Enumerable.Repeat("<answer>", 1_000)), new('\ud800', 500), string.Concat(Enumerable.Repeat("(1,", 40)) + "1" + new string(')', 40), string.Concat(Enumerable.Repeat("\\begin{pmatrix}", 30)),
            string.Concat(Enumerable.Repeat("{", 290)) + string.Concat(Enumerable.Repeat("}", 290)), string.Concat(Enumerable.Repeat("-", 500)) + "1",
        ];
        foreach (string answer in answers)
        {
            Assert.False(task.Verify(problem, answer));
            Assert.False(task.Verify(problem, problem.Answer + answer));
        }
    }

    [Fact]
    public void No_pair_of_texts_makes_the_comparison_of_mathematics_throw()
    {
        Random random = new(21);
        string[] golds = [@"\frac{1}{2}", @"(3, \frac{\pi}{2}]", @"\{1\pm\sqrt{5},-2\}", @"\begin{pmatrix} 1 & x \\ 2 & y \end{pmatrix}", "5x - 7y = 4", @"\sin^2 x + \log_2 8", "52_8", @"1\frac{4}{5} \text{ cm}^2"];
        for (int i = 0; i < Mutations; i++)
        {
            string a = Mutate(golds[random.Next(golds.Length)], random), b = Mutate(golds[random.Next(golds.Length)], random);
            Assert.Equal(MathAnswer.AreEquivalent(a, b), MathAnswer.AreEquivalent(b, a));
            MathAnswer.Normalise(a);
        }
    }

    [Fact]
    public void No_response_makes_the_rewards_throw_and_none_is_worth_more_than_a_right_one()
    {
        CountdownTask task = new();
        Problem problem = task.ToProblem([3, 7, 25], 46);
        RewardFunction rewards = new() { LanguageWeight = 0.5, LengthWeight = 0.5, SoftLength = 100, HardLength = 200 };
        string right = ResponseFormat.Compose("Seven times three is 21.", "25+7*3");
        Assert.Equal(2.5, rewards.Score(task, problem, right, 10).Total);
        Random random = new(22);
        for (int i = 0; i < Mutations; i++)
        {
            string response = Mutate(right, random);
            Reward reward = rewards.Score(task, problem, response, random.Next(300));
            Assert.InRange(reward.Total, -0.5, 2.5);
            Repetition.RepeatedShare(response, 3);
        }
    }

    private static string Mutate(string text, Random random)
    {
        StringBuilder mutated = new(text);
        for (int edits = random.Next(1, 7); edits > 0; edits--)
        {
            int at = random.Next(mutated.Length + 1), length = Math.Min(random.Next(4), mutated.Length - at);
            switch (random.Next(5))
            {
                case 0: mutated.Insert(at, s_pieces[random.Next(s_pieces.Length)]); break;
                case 1: mutated.Remove(at, length); break;
                case 2: mutated.Insert(at, mutated.ToString(at, length)); break;
                case 3: mutated.Insert(at, new string((char)random.Next(32, 127), random.Next(1, 30))); break;
                default: mutated.Insert(at, (char)random.Next(1, 0xffff)); break;
            }
        }

        return mutated.ToString();
    }

    private static string Digits(string text) => string.Concat(text.Where(char.IsDigit));

    private static int Seed(string name) => name.Sum(static c => c);

    private static VerifiableTask TaskOf(string name) => name switch
    {
        "countdown" => new CountdownTask { Count = 4 },
        "arithmetic" => new ArithmeticTask(),
        "modular" => new ModularChainTask(),
        "sudoku" => new SudokuTask(),
        "choice" => new MultipleChoiceTask(),
        "math" => Listed(ProblemListTask.Mathematics, @"\frac{1}{2}", @"3\sqrt{13}", @"(-\infty, 2) \cup (3, \infty)", "x^5 - x + 1", @"10,\!080", @"\text{east}"),
        "number" => Listed(ProblemListTask.Number, "72", "1,234.5", "-3"),
        _ => Listed(ProblemListTask.Text, "yes", "46 = 46"),
    };

    private static ProblemListTask Listed(AnswerCheck check, params string[] answers) =>
        new("listed", [.. answers.Select((answer, i) => new Problem($"question {i}", answer))], check, [new Problem("held out", "1")]);
}
