using Hadal.Reinforcement.Tasks;
using Hadal.Reinforcement.Tasks.Countdown;

namespace Hadal.Tests.Reinforcement.Tasks;

/// <summary>Several tasks at once are each themselves.</summary>
public sealed class MixedTaskTests
{
    private static readonly CountdownTask s_countdown = new() { Terse = true };
    private static readonly ArithmeticTask s_arithmetic = new();
    private static readonly SudokuTask s_sudoku = new();
    private static readonly MixedTask s_mix = new([(s_countdown, 3), (s_arithmetic, 1), (s_sudoku, 0.5)]);

    [Fact]
    public void Problems_come_in_the_shares_that_were_asked_for()
    {
        MixedProblem[] problems = [.. Enumerable.Range(0, 4500).Select(i => (MixedProblem)s_mix.Generate(ProblemSplit.Training, 7, i))];
        Assert.InRange(problems.Count(p => ReferenceEquals(p.Task, s_countdown)), 2880, 3120); // 3 of 4.5, give or take four standard deviations
        Assert.InRange(problems.Count(p => ReferenceEquals(p.Task, s_arithmetic)), 880, 1120);
        Assert.InRange(problems.Count(p => ReferenceEquals(p.Task, s_sudoku)), 410, 590);
    }

    [Fact]
    public void Each_problem_is_the_one_that_its_task_makes_and_is_verified_and_worked_by_it()
    {
        for (int i = 0; i < 300; i++)
        {
            MixedProblem problem = (MixedProblem)s_mix.Generate(ProblemSplit.HeldOut, 3, i);
            Assert.Equal(problem.Inner.Prompt, problem.Task.Generate(ProblemSplit.HeldOut, 3, i).Prompt);
            Assert.Equal(problem.Inner.Prompt, problem.Prompt);
            Assert.True(s_mix.Verify(problem, problem.Answer));
            Assert.False(s_mix.Verify(problem, "no answer"));
            Assert.Equal(problem.Task.Work(problem.Inner, 5), s_mix.Work(problem, 5));
            Assert.Equal(problem.Task.Name, problem.TaskName);
        }
    }

    [Fact]
    public void Problems_held_out_differ_from_each_other_and_are_never_trained_on()
    {
        IReadOnlyList<Problem> heldOut = s_mix.HeldOut(200);
        Assert.Equal(200, heldOut.Select(p => p.Prompt).Distinct().Count());
        HashSet<string> trained = [.. Enumerable.Range(0, 3000).Select(i => s_mix.Generate(ProblemSplit.Training, 1, i).Prompt)];
        Assert.DoesNotContain(heldOut, p => trained.Contains(p.Prompt));
    }

    [Fact]
    public void A_mix_of_nothing_or_without_shares_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new MixedTask([]));
        Assert.Throws<ArgumentException>(() => new MixedTask([(s_arithmetic, 0)]));
        Assert.Throws<ArgumentException>(() => new MixedTask([(s_arithmetic, double.NaN)]));
    }
}
