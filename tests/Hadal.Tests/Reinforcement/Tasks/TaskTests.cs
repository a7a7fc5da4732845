using Hadal.Reinforcement.Answers;
using Hadal.Reinforcement.Tasks;

namespace Hadal.Tests.Reinforcement.Tasks;

/// <summary>The tasks other than Countdown: right by another way of computing, the same every time, both sides apart.</summary>
public sealed class TaskTests
{
    public static TheoryData<string> Names => ["arithmetic", "modular", "sudoku", "choice"];

    [Theory]
    [MemberData(nameof(Names))]
    public void Gold_answers_are_right_others_wrong_and_problems_the_same_every_time(string name)
    {
        VerifiableTask task = Task(name);
        Assert.Equal(name, task.Name);
        HashSet<string> prompts = [];
        for (int i = 0; i < 200; i++)
        {
            Problem problem = task.Generate((ProblemSplit)(i % 2), 5, i), other = task.Generate((ProblemSplit)(i % 2), 5, i + 1000);
            Assert.True(task.Verify(problem, problem.Answer));
            Assert.True(task.Verify(problem, $" {problem.Answer}\n"));
            Assert.Equal(problem.Answer == other.Answer, task.Verify(problem, other.Answer));
            Assert.False(task.Verify(problem, ""));
            Assert.Equal(problem, Task(name).Generate((ProblemSplit)(i % 2), 5, i));
            Assert.Equal(task.Normalise(problem.Answer), task.Normalise($" {problem.Answer} "));
            prompts.Add(problem.Prompt);
        }

        Assert.True(prompts.Count > 100, $"{prompts.Count} different prompts");
        Assert.NotEqual(task.Generate(ProblemSplit.Training, 5, 0), task.Generate(ProblemSplit.Training, 6, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => task.Generate(ProblemSplit.Training, 5, -1));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void No_held_out_problem_is_ever_made_for_training(string name)
    {
        VerifiableTask task = Task(name);
        HashSet<string> trained = [.. Enumerable.Range(0, 3_000).Select(i => task.Generate(ProblemSplit.Training, (ulong)i % 5, i).Prompt)];
        for (int i = 0; i < 300; i++) Assert.DoesNotContain(task.Generate(ProblemSplit.HeldOut, 9, i).Prompt, trained);
    }

    [Fact]
    public void Sums_and_products_are_those_of_another_evaluator_and_their_steps_hold()
    {
        ArithmeticTask task = new() { Digits = 3, Operands = 4 };
        for (int i = 0; i < 200; i++)
        {
            Problem problem = task.Generate(ProblemSplit.Training, 1, i);
            string expression = problem.Prompt["What is ".Length..^1];
            using System.Data.DataTable table = new();
            object value = table.Compute(string.Join(' ', expression.Split(' ').Select(static w => char.IsAsciiDigit(w[0]) ? w + ".0" : w)), null);
            Assert.Equal(Convert.ToDecimal(value, null), decimal.Parse(problem.Answer, null));

            WorkedSolution? work = task.Work(problem, 0);
            Assert.NotNull(work);
            Assert.Equal(problem.Answer, work.Answer);
            Assert.Equal(3, work.Reasoning.Split('\n').Length);
        }
    }

    [Fact]
    public void Modular_chains_are_followed_step_by_step()
    {
        ModularChainTask task = new() { Steps = 5, Modulus = 7 };
        Problem problem = task.Generate(ProblemSplit.Training, 1, 0);
        WorkedSolution? work = task.Work(problem, 0);
        Assert.NotNull(work);
        Assert.Equal(problem.Answer, work.Answer);
        Assert.Equal(5, work.Reasoning.Split('\n').Length);

        // Taking the remainder once at the end gives the same, for it is a ring.
        for (int i = 0; i < 100; i++)
        {
            problem = task.Generate(ProblemSplit.HeldOut, 1, i);
            string[] words = problem.Prompt.Split(' ', ',');
            System.Numerics.BigInteger value = int.Parse(words[2], null);
            foreach (string step in words.Where(static w => w.Length > 1 && "+-*".Contains(w[0], StringComparison.Ordinal)))
            {
                int operand = int.Parse(step[1..], null);
                value = step[0] switch { '+' => value + operand, '-' => value - operand, _ => value * operand };
            }

            Assert.Equal((int)((value % 7 + 7) % 7), int.Parse(problem.Answer, null));
        }
    }

    [Fact]
    public void Sudoku_has_the_clues_in_its_answer_which_keeps_the_rules()
    {
        SudokuTask task = new() { Empty = 8 };
        for (int i = 0; i < 100; i++)
        {
            Problem problem = task.Generate(ProblemSplit.Training, 2, i);
            string clues = string.Concat(problem.Prompt.Split('\n')[1..]), grid = problem.Answer.Replace("\n", "", StringComparison.Ordinal);
            Assert.Equal(16, grid.Length);
            Assert.All(Enumerable.Range(0, 16), c => Assert.True(clues[c] == '.' || clues[c] == grid[c]));
            for (int line = 0; line < 4; line++)
            {
                int[] row = [.. Enumerable.Range(0, 4).Select(k => line * 4 + k)], column = [.. Enumerable.Range(0, 4).Select(k => k * 4 + line)];
                int[] block = [.. Enumerable.Range(0, 4).Select(k => (line / 2 * 2 + k / 2) * 4 + line % 2 * 2 + k % 2)];
                foreach (int[] unit in (int[][])[row, column, block]) Assert.Equal("1234", string.Concat(unit.Select(c => grid[c]).Order()));
            }

            Assert.True(task.Verify(problem, problem.Answer.Replace("\n", " | ", StringComparison.Ordinal)));
            Assert.False(task.Verify(problem, problem.Answer + "1"));
            Assert.False(task.Verify(problem, clues));
        }
    }

    [Fact]
    public void A_choice_is_right_by_its_letter_alone()
    {
        MultipleChoiceTask task = new();
        HashSet<string> letters = [];
        for (int i = 0; i < 100; i++)
        {
            Problem problem = task.Generate(ProblemSplit.Training, 3, i);
            string[] lines = problem.Prompt.Split('\n');
            string expression = lines[0]["What is ".Length..lines[0].IndexOf('?', StringComparison.Ordinal)];
            Assert.True(ExactExpression.TryEvaluate(expression, 2, [], out Rational value));
            Assert.Equal($"({problem.Answer}) {value}", lines.Single(line => line.EndsWith($") {value}", StringComparison.Ordinal)));
            Assert.True(task.Verify(problem, $"({problem.Answer})"));
            Assert.False(task.Verify(problem, "A B C D"));
            letters.Add(problem.Answer);
        }

        Assert.Equal(4, letters.Count);
    }

    [Fact]
    public void Settings_that_make_no_sense_are_refused()
    {
        VerifiableTask[] tasks =
        [
            new ArithmeticTask { Digits = 10 }, new ArithmeticTask { Operators = "/" }, new ModularChainTask { Modulus = 1 }, new SudokuTask { Empty = 16 },
            new MultipleChoiceTask { Choices = 1 },
        ];
        Assert.All(tasks, static task => Assert.Throws<InvalidOperationException>(() => task.Generate(ProblemSplit.Training, 0, 0)));
    }

    private static VerifiableTask Task(string name) => name switch
    {
        "arithmetic" => new ArithmeticTask(),
        "modular" => new ModularChainTask(),
        "sudoku" => new SudokuTask(),
        _ => new MultipleChoiceTask(),
    };
}
