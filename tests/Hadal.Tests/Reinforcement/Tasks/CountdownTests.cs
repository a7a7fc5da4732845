using Hadal.Reinforcement.Tasks;
using Hadal.Reinforcement.Tasks.Countdown;
using Hadal.Tests.Checkpoints;

namespace Hadal.Tests.Reinforcement.Tasks;

/// <summary>Countdown: who may answer what, what is generated, and on which side of the fence.</summary>
public sealed class CountdownTests
{
    private static readonly CountdownTask s_task = new();

    [Theory]
    [InlineData("25 + 7 * 3")]
    [InlineData("(7*3)+25")]
    [InlineData(" ((25))+(3 * 7) ")]
    public void An_expression_of_the_numbers_with_the_right_value_is_right(string answer) => Assert.True(Verify([3, 7, 25], 46, answer));

    [Theory]
    [InlineData("46", "the target is not among the numbers")]
    [InlineData("46 = 46", "no expression")]
    [InlineData("25+7*3=46", "the expression alone is asked for")]
    [InlineData("25+25-7+3", "25 twice")]
    [InlineData("7*7-3", "7 twice, in place of 25")]
    [InlineData("25+7+3", "35")]
    [InlineData("25+21", "21 is not given")]
    [InlineData("3 7+9", "two numbers side by side are not joined")]
    [InlineData("37+9", "nor written as one")]
    [InlineData("25+07*3", "leading zero")]
    [InlineData("25+7*3+0", "0 is not given")]
    [InlineData("25+7*3/(7-7)", "division by zero")]
    [InlineData("25--7*3", "unary minus")]
    [InlineData("+25+7*3", "unary plus")]
    [InlineData("25+7*3**1", "powers")]
    [InlineData("25+7*3^1", "powers")]
    [InlineData("25+7*3!", "factorials")]
    [InlineData("٢٥+٧*٣", "digits of another script")]
    [InlineData("25+7×3", "signs beyond ASCII")]
    [InlineData("25+7*3 or 46", "hedging")]
    [InlineData("<answer>25+7*3</answer>", "tags within")]
    [InlineData("", "nothing")]
    public void An_attempt_to_cheat_is_wrong(string answer, string why) => Assert.False(Verify([3, 7, 25], 46, answer), why);

    [Fact]
    public void A_number_given_twice_may_be_used_twice_and_fractions_on_the_way_are_exact()
    {
        Assert.True(Verify([8, 8, 3, 3], 24, "8/(3-8/3)"));
        Assert.False(Verify([8, 8, 3, 3], 24, "8*3*(3-3)+8*3"));
        Assert.True(Verify([1, 3, 3], 1, "3*(1/3)"));

        // 1/3 + 2/3 in doubles and 333333333/999999999 would both pass for 1 somewhere; here only the exact value does.
        Assert.False(Verify([333333, 1000000, 3], 1, "3*333333/1000000"));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(6)]
    public void Generated_problems_are_solvable_and_the_same_every_time(int count)
    {
        CountdownTask task = new() { Count = count };
        for (int i = 0; i < 100; i++)
        {
            ProblemSplit split = i % 2 == 0 ? ProblemSplit.Training : ProblemSplit.HeldOut;
            CountdownProblem problem = Assert.IsType<CountdownProblem>(task.Generate(split, 7, i));
            Assert.Equal(count, problem.Numbers.Count);
            Assert.InRange(problem.Target, 10, 100);
            Assert.DoesNotContain(problem.Target, problem.Numbers);
            Assert.True(task.Verify(problem, problem.Answer), problem.Answer);
            if (count <= 4) Assert.True(CountdownSolver.IsSolvable(problem.Numbers, problem.Target, wholeSteps: true));
            CountdownProblem again = (CountdownProblem)new CountdownTask { Count = count }.Generate(split, 7, i);
            Assert.Equal(problem.ToJson(), again.ToJson());
        }
    }

    [Fact]
    public void No_number_set_and_no_target_of_a_held_out_problem_is_ever_trained_on()
    {
        HashSet<string> numbers = [];
        HashSet<int> targets = [];
        for (int i = 0; i < 4_000; i++)
        {
            CountdownProblem problem = (CountdownProblem)s_task.Generate(ProblemSplit.Training, (ulong)i % 3, i);
            numbers.Add(string.Join(' ', problem.Numbers.Order()));
            targets.Add(problem.Target);
        }

        HashSet<string> heldOut = [];
        for (int i = 0; i < 512; i++)
        {
            CountdownProblem problem = (CountdownProblem)s_task.Generate(ProblemSplit.HeldOut, 1, i);
            Assert.DoesNotContain(string.Join(' ', problem.Numbers.Order()), numbers);
            Assert.DoesNotContain(problem.Target, targets);
            heldOut.Add(problem.ToJson());
        }

        // There is enough to test on, and the fence is a property of the multiset, not of the order.
        Assert.True(heldOut.Count > 300, $"{heldOut.Count} different problems");
        Assert.Equal(CountdownTask.SplitOfNumbers([3, 7, 25]), CountdownTask.SplitOfNumbers([25, 3, 7]));
        Assert.InRange(Enumerable.Range(1, 8_000).Count(t => CountdownTask.SplitOfTarget(t) == ProblemSplit.HeldOut), 900, 1_100);
    }

    [Fact]
    public void Problems_of_an_evaluation_are_different_problems()
    {
        CountdownProblem[] problems = [.. new CountdownTask { LargestNumber = 99 }.GenerateDistinct(ProblemSplit.HeldOut, 3, 512).Cast<CountdownProblem>()];
        Assert.Equal(512, problems.Select(static p => $"{string.Join(' ', p.Numbers.Order())} {p.Target}").Distinct().Count());
        Assert.All(problems, static p => Assert.Equal(ProblemSplit.HeldOut, CountdownTask.SplitOfNumbers(p.Numbers)));
        Assert.Throws<InvalidOperationException>(() => new CountdownTask { Count = 2, LargestNumber = 9 }.GenerateDistinct(ProblemSplit.HeldOut, 3, 500));
    }

    [Fact]
    public void The_solver_finds_what_is_known_and_all_that_it_finds_is_right()
    {
        // Known hard ones of the game of 24; the second has no way but through a fraction, even with fewer numbers.
        Assert.Contains("8/(3-8/3)", CountdownSolver.Solutions([3, 3, 8, 8], 24));
        Assert.Contains("6/(1-6/8)", CountdownSolver.Solutions([1, 6, 6, 8], 24));
        Assert.False(CountdownSolver.IsSolvable([1, 6, 6, 8], 24, wholeSteps: true));
        Assert.False(CountdownSolver.IsSolvable([1, 1, 1], 24));
        Random random = new(3);
        for (int i = 0; i < 40; i++)
        {
            int[] numbers = [.. Enumerable.Range(0, 3).Select(_ => random.Next(1, 20))];
            int target = random.Next(1, 60);
            CountdownProblem problem = s_task.ToProblem(numbers, target);
            foreach (string solution in CountdownSolver.Solutions(numbers, target)) Assert.True(s_task.Verify(problem, solution), $"{solution} for {problem.ToJson()}");
        }
    }

    [Fact]
    public void The_solver_finds_a_solution_wherever_random_guessing_does()
    {
        Random random = new(5);
        for (int i = 0; i < 300; i++)
        {
            // a op b op c with every bracketing is a fair share of all expressions of three numbers.
            int[] n = [random.Next(1, 12), random.Next(1, 12), random.Next(1, 12)];
            string left = $"({n[0]}{"+-*/"[random.Next(4)]}{n[1]}){"+-*/"[random.Next(4)]}{n[2]}", right = $"{n[0]}{"+-*/"[random.Next(4)]}({n[1]}{"+-*/"[random.Next(4)]}{n[2]})";
            foreach (string guess in (string[])[left, right])
            {
                if (Hadal.Reinforcement.Answers.ExactExpression.TryEvaluate(guess, 3, [], out var value) && value.IsInteger)
                {
                    Assert.True(CountdownSolver.IsSolvable(n, (int)value.Numerator), guess);
                }
            }
        }
    }

    [Fact]
    public void A_search_trace_is_arithmetic_that_holds_and_ends_at_a_right_answer()
    {
        for (int i = 0; i < 60; i++)
        {
            CountdownTask task = new() { Count = 3 + i % 2 };
            Problem problem = task.Generate(ProblemSplit.Training, 2, i);
            WorkedSolution? work = task.Work(problem, (ulong)i);
            Assert.NotNull(work);
            Assert.True(task.Verify(problem, work.Answer), work.Answer);
            string[] lines = work.Reasoning.Split('\n');
            Assert.EndsWith(" yes", lines[^1], StringComparison.Ordinal);
            Assert.True(lines.Count(static l => l.EndsWith(" no", StringComparison.Ordinal)) <= 12);
            foreach (string line in lines.Where(static l => l.Contains('=', StringComparison.Ordinal)))
            {
                string[] sides = line.Split(' ')[0].Split('=');
                Assert.True(Hadal.Reinforcement.Answers.ExactExpression.TryEvaluate(sides[0], 2, [], out var value), line);
                Assert.Equal(sides[1], value.ToString());
            }

            Assert.Equal(work, task.Work(problem, (ulong)i));
        }

        Assert.Null(s_task.Work(s_task.ToProblem([1, 1, 1], 24), 0));
    }

    [Fact]
    public void Problems_are_read_a_line_each_and_a_bad_line_is_named()
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "problems.jsonl");
        File.WriteAllText(path, "{\"numbers\":[3,7,25],\"target\":46}\n\n{\"numbers\": [1, 2], \"target\": 3, \"note\": \"easy\"}\n");
        IReadOnlyList<CountdownProblem> problems = s_task.ReadProblems(path);
        Assert.Equal(["{\"numbers\":[3,7,25],\"target\":46}", "{\"numbers\":[1,2],\"target\":3}"], problems.Select(static p => p.ToJson()));
        Assert.Contains("[3, 7, 25]", problems[0].Prompt, StringComparison.Ordinal);
        Assert.Equal("a3 b7 c25 =46", new CountdownTask { Terse = true }.ToProblem([3, 7, 25], 46).Prompt);
        CountdownTask readOut = new() { Terse = true, ReadOut = true };
        Assert.Equal("a3 b7 c25 =four.six", readOut.ToProblem([3, 7, 25], 46).Prompt);
        Assert.Equal("a1 b2 =one.zero.nine", readOut.ToProblem([1, 2], 109).Prompt);
        Assert.Contains("equals four.six.", new CountdownTask { ReadOut = true }.ToProblem([3, 7, 25], 46).Prompt, StringComparison.Ordinal);

        (string Line, string Found)[] bad =
        [
            ("[1,2]", "found Array, expected an object"), ("{", "no JSON"), ("{\"target\":3}", "expected numbers"), ("{\"numbers\":[],\"target\":3}", "expected numbers"),
            ("{\"numbers\":[1,2]}", "there is no target"), ("{\"numbers\":[1.5],\"target\":3}", "a number is 1.5"), ("{\"numbers\":[-1],\"target\":3}", "a number is -1"),
            ("{\"numbers\":[1],\"target\":\"3\"}", "the target is \"3\""), ("{\"numbers\":[1],\"target\":1e99}", "the target is 1e99"),
            ("{\"numbers\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],\"target\":1}", "1 to 16"),
        ];
        foreach ((string line, string found) in bad)
        {
            File.WriteAllText(path, "{\"numbers\":[3],\"target\":3}\n" + line);
            ProblemFileException e = Assert.Throws<ProblemFileException>(() => s_task.ReadProblems(path));
            Assert.StartsWith($"{path}: line 2: ", e.Message, StringComparison.Ordinal);
            Assert.Contains(found, e.Message, StringComparison.Ordinal);
        }

        Assert.Contains("there is no such file", Assert.Throws<ProblemFileException>(() => s_task.ReadProblems(path + "x")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_that_leave_nothing_to_draw_are_refused()
    {
        Assert.Throws<InvalidOperationException>(() => new CountdownTask { Count = 1 }.Generate(ProblemSplit.Training, 0, 0));
        Assert.Throws<InvalidOperationException>(() => new CountdownTask { LargestNumber = 2, SmallestTarget = 5000, LargestTarget = 5001 }.Generate(ProblemSplit.Training, 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => s_task.Generate(ProblemSplit.Training, 0, -1));
        Assert.Throws<ArgumentException>(() => s_task.ToProblem([-1], 3));
        Assert.Throws<ArgumentException>(() => CountdownSolver.Solutions([1, 2, 3, 4, 5, 6, 7], 3));
    }

    private static bool Verify(int[] numbers, int target, string answer) => s_task.Verify(s_task.ToProblem(numbers, target), answer);
}
