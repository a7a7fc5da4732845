using System.Globalization;
using System.Text.RegularExpressions;
using Hadal.Reinforcement.Tasks;
using Hadal.Reinforcement.Tasks.Countdown;

namespace Hadal.Tests.Reinforcement.Tasks;

/// <summary>Searches in few words: every result on a line is right, and a patient writer finds what brute force finds.</summary>
public sealed partial class CountdownNotesTests
{
    private static readonly CountdownTask s_task = new() { Terse = true };

    private static readonly string[] s_digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

    [Fact]
    public void A_search_is_written_as_the_example_says()
    {
        CountdownProblem problem = s_task.ToProblem([3, 7, 25], 46);
        CountdownSearch search = CountdownNotes.Search(problem, 30);
        Assert.Equal(new WorkedSolution("a3+b7=10< c25: +35< -15<\nb7-a3=4< c25: +29< -21< *100>\na3*b7=21< c25: +46.six=", "(3*7)+25"), search.Solution);
        Assert.True(search.IsSolved && s_task.Verify(problem, search.Solution.Answer));
        Assert.Equal("a3+b7=10< c25: +35< -15<", CountdownNotes.Search(problem, 1).Solution.Reasoning);
    }

    [Fact]
    public void Every_result_that_is_written_is_right_and_the_mark_says_whether_the_answer_is()
    {
        for (int i = 0; i < 400; i++)
        {
            CountdownProblem problem = (CountdownProblem)s_task.Generate(ProblemSplit.Training, 11, i);
            CountdownSearch search = CountdownNotes.Search(problem, 1 + i % 6);
            string[] lines = search.Solution.Reasoning.Split('\n');
            Assert.Equal(search.Lines, lines.Length);
            Assert.InRange(lines.Length, 1, 1 + i % 6);
            Assert.Equal(lines.Length, lines.Distinct().Count());
            foreach (string line in lines) RequireRight(line, problem.Numbers);
            Assert.Equal(s_task.Verify(problem, search.Solution.Answer), search.IsSolved);
        }
    }

    [Fact]
    public void Every_result_of_a_search_is_set_beside_the_target()
    {
        for (int i = 0; i < 200; i++)
        {
            CountdownProblem problem = (CountdownProblem)s_task.Generate(ProblemSplit.Training, 13, i);
            CountdownSearch search = CountdownNotes.Search(problem, 30);
            MatchCollection marks = Mark().Matches(search.Solution.Reasoning);
            Assert.All(marks, mark => RequireCompared(mark, problem.Target));
            Assert.Equal(marks.Count, search.Solution.Reasoning.Count(c => c is '=' or '+' or '-' or '*' or '/') - search.Lines - (search.IsSolved ? 1 : 0));
            Assert.Equal(search.IsSolved, search.Solution.Reasoning.EndsWith('='));
        }
    }

    [Fact]
    public void Blind_searches_have_right_signs_half_of_them_close_and_end_where_the_target_is_met()
    {
        int close = 0, all = 0, met = 0;
        for (int i = 0; i < 300; i++)
        {
            int target = 1 + i / 2;
            string text = CountdownNotes.BlindSearch(target, new ProblemRandom(6, (ulong)i));
            MatchCollection marks = Mark().Matches(text);
            Assert.All(marks, mark => RequireCompared(mark, target));
            Assert.DoesNotContain(marks.SkipLast(1), mark => mark.Groups[3].Value == "=");
            if (text.EndsWith('=')) met++;
            else Assert.Equal(8, text.Split('\n').Length);
            close += marks.Count(mark => Math.Abs(Whole(mark.Groups[1]) - target) <= 3);
            all += marks.Count;
        }

        Assert.InRange(close, all * 0.45, all * 0.6);
        Assert.InRange(met, 200, 299);
    }

    [Fact]
    public void A_patient_writer_solves_what_brute_force_solves_with_results_up_to_the_limit()
    {
        int unsolved = 0;
        for (int i = 0; i < 400; i++)
        {
            CountdownProblem problem = (CountdownProblem)s_task.Generate(ProblemSplit.Training, 12, i);
            bool isReachable = IsReachable([.. problem.Numbers], problem.Target);
            Assert.Equal(isReachable, CountdownNotes.Search(problem, int.MaxValue).IsSolved);
            if (!isReachable) unsolved++;
        }

        Assert.InRange(unsolved, 0, 20);
    }

    [Fact]
    public void A_table_has_each_first_step_once_with_right_results()
    {
        string[] lines = CountdownNotes.Table([2, 4, 4], new ProblemRandom(4, 0)).Split('\n');
        Assert.Equal("a2 b4 c4", lines[0]);
        foreach (string line in lines[1..]) RequireRight(line, [2, 4, 4]);

        // Of 4 and 4 there is no difference to go on with.
        Assert.Equal(
            ["a2*b4=8 c4", "a2*c4=8 b4", "a2+b4=6 c4", "a2+c4=6 b4", "b4*c4=16 a2", "b4+c4=8 a2", "b4-a2=2 c4", "b4/a2=2 c4", "b4/c4=1 a2", "c4-a2=2 b4", "c4/a2=2 b4"],
            lines[1..].Select(line => line.Split(':')[0]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Other_counts_than_three_are_refused() =>
        Assert.Throws<ArgumentException>(() => CountdownNotes.Search(s_task.ToProblem([1, 2], 3), 1));

    // By its own arithmetic: whole, positive results up to the limit, any two numbers first, then the third.
    private static bool IsReachable(int[] n, int target)
    {
        foreach ((int a, int b, int c) in (ReadOnlySpan<(int, int, int)>)[(n[0], n[1], n[2]), (n[0], n[2], n[1]), (n[1], n[2], n[0])])
        {
            if (Values(a, b).Any(step => step == target || Values(step, c).Contains(target))) return true;
        }

        return false;
    }

    private static IEnumerable<int> Values(int a, int b) => new[] { a + b, Math.Max(a, b) - Math.Min(a, b), a * b, a % b == 0 ? a / b : b % a == 0 ? b / a : 0 }
        .Where(value => value is > 0 and <= CountdownNotes.LargestResult);

    private static void RequireRight(string line, IReadOnlyList<int> numbers)
    {
        Match match = Line().Match(line);
        Assert.True(match.Success, line);
        int a = Number(match.Groups[1], numbers), b = Number(match.Groups[3], numbers), value = Whole(match.Groups[4]);
        Assert.Equal(value, Apply(match.Groups[2].Value, a, b));
        if (!match.Groups[5].Success) return;
        int third = Number(match.Groups[5], numbers);
        Assert.Equal("abc", string.Concat(Enumerable.Range(0, 3).Select(i => match.Groups[1 + 2 * i].Value[0]).Order()));
        foreach (Capture result in match.Groups[6].Captures) Assert.Equal(int.Parse(result.Value[1..], CultureInfo.InvariantCulture), Apply(result.Value[..1], Math.Max(value, third), Math.Min(value, third)));
    }

    // The sign is right, and the last digit is read out where the digits before it are the target's.
    private static void RequireCompared(Match mark, int target)
    {
        int result = Whole(mark.Groups[1]);
        Assert.Equal(Math.Sign(result - target), "<=>".IndexOf(mark.Groups[3].Value, StringComparison.Ordinal) - 1);
        bool isNear = Math.Floor(result / 10.0) == Math.Floor(target / 10.0);
        Assert.Equal(isNear ? s_digits[mark.Groups[1].Value[^1] - '0'] : "", mark.Groups[2].Value);
    }

    // A letter and the number that the question has under it.
    private static int Number(Group group, IReadOnlyList<int> numbers)
    {
        int number = int.Parse(group.Value[1..], CultureInfo.InvariantCulture);
        Assert.Equal(numbers[group.Value[0] - 'a'], number);
        return number;
    }

    private static int Whole(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);

    private static int Apply(string sign, int a, int b) => sign switch { "+" => a + b, "-" => a - b, "*" => a * b, _ => a % b == 0 ? a / b : -1 };

    // The number, its last digit if that is read out, and the sign.
    [GeneratedRegex(@"(\d+)(?:\.([a-z]+))?([<=>])(?=[ \n]|$)")]
    private static partial Regex Mark();

    [GeneratedRegex(@"^([a-c]\d+)([-+*/])([a-c]\d+)=(\d+)(?:\.[a-z]+)?[<=>]?(?: ([a-c]\d+):(?: ([-+*/]\d+)(?:\.[a-z]+)?[<=>]?)*)?$")]
    private static partial Regex Line();
}
