using System.Globalization;
using System.Text;

namespace Hadal.Reinforcement.Tasks.Countdown;

/// <summary>
/// A search through three numbers in as few words as it can have, for models too small for <see cref="CountdownSearchTrace"/>: each line makes
/// one number of two, and behind the colon stands what the third makes of it, until the target is met. First steps come in random order,
/// each once. A writer has a patience of so many lines; when it is over without a hit, the answer is the last result, and wrong.
/// </summary>
/// <example>To make 46 of 3, 7 and 25:<code>
/// 25-7=18 3: +21 -15 *54 /6
/// 3*7=21 25: +46
/// </code></example>
internal static class CountdownNotes
{
    /// <summary>What is larger is not written down: tables of small numbers can be learnt, and targets are smaller.</summary>
    public const int LargestResult = 200;

    /// <summary>The notes on a problem, and the answer that they end with.</summary>
    /// <param name="problem">A problem of three numbers.</param>
    /// <param name="random">Gives the order of first steps.</param>
    /// <param name="patience">Lines after which the writer gives up, from 1 on.</param>
    /// <returns>The search; not solved if patience ended first, or no whole, positive results up to <see cref="LargestResult"/> lead to the target.</returns>
    public static CountdownSearch Search(CountdownProblem problem, ProblemRandom random, int patience)
    {
        StringBuilder text = new();
        string answer = "";
        int lines = 0;
        foreach (FirstStep step in Steps(problem.Numbers, random))
        {
            if (lines == patience) break;
            text.Append(CultureInfo.InvariantCulture, $"{(lines++ > 0 ? "\n" : "")}{step.Expression}={step.Value}");
            answer = step.Expression;
            if (step.Value == problem.Target) return new CountdownSearch(new WorkedSolution(text.ToString(), answer), lines, IsSolved: true);
            text.Append(CultureInfo.InvariantCulture, $" {step.Third}:");
            foreach ((string expression, char sign, int value) in Results($"({step.Expression})", step.Value, $"{step.Third}", step.Third))
            {
                text.Append(CultureInfo.InvariantCulture, $" {sign}{value}");
                answer = expression;
                if (value == problem.Target) return new CountdownSearch(new WorkedSolution(text.ToString(), answer), lines, IsSolved: true);
            }
        }

        return new CountdownSearch(new WorkedSolution(text.ToString(), answer), lines, IsSolved: false);
    }

    /// <summary>All lines that three numbers have, in random order, with no target to stop at: what there is to know about them.</summary>
    public static string Table(IReadOnlyList<int> numbers, ProblemRandom random)
    {
        StringBuilder text = new();
        foreach (FirstStep step in Steps(numbers, random))
        {
            text.Append(CultureInfo.InvariantCulture, $"{(text.Length > 0 ? "\n" : "")}{step.Expression}={step.Value} {step.Third}:");
            foreach ((_, char sign, int value) in Results("", step.Value, "", step.Third)) text.Append(CultureInfo.InvariantCulture, $" {sign}{value}");
        }

        return text.ToString();
    }

    private static FirstStep[] Steps(IReadOnlyList<int> numbers, ProblemRandom random)
    {
        if (numbers.Count != 3) throw new ArgumentException($"there are {numbers.Count} numbers, expected three", nameof(numbers));
        FirstStep[] steps =
        [
            .. new (int A, int B, int Third)[] { (0, 1, 2), (0, 2, 1), (1, 2, 0) }
                .SelectMany(p => Results($"{numbers[p.A]}", numbers[p.A], $"{numbers[p.B]}", numbers[p.B]).Select(r => new FirstStep(r.Expression, r.Value, numbers[p.Third])))
                .Distinct(), // 3+7 once, though there may be two sevens
        ];
        random.Shuffle<FirstStep>(steps);
        return steps;
    }

    // What + - * / make of two numbers, of differences and quotients the one that is whole and positive.
    private static IEnumerable<(string Expression, char Sign, int Value)> Results(string a, int x, string b, int y)
    {
        if (x + y <= LargestResult) yield return ($"{a}+{b}", '+', x + y);
        if (x != y) yield return (x > y ? $"{a}-{b}" : $"{b}-{a}", '-', Math.Abs(x - y));
        if (x * y <= LargestResult) yield return ($"{a}*{b}", '*', x * y);
        if (x % y == 0) yield return ($"{a}/{b}", '/', x / y);
        else if (y % x == 0) yield return ($"{b}/{a}", '/', y / x);
    }

    private readonly record struct FirstStep(string Expression, int Value, int Third);
}

/// <summary>A search as it was written down.</summary>
/// <param name="Solution">The notes, and the answer at their end.</param>
/// <param name="Lines">First steps tried.</param>
/// <param name="IsSolved">Whether the answer is right.</param>
internal sealed record CountdownSearch(WorkedSolution Solution, int Lines, bool IsSolved);
