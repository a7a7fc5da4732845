
namespace Hadal.Reinforcement.Tasks.Countdown;

/// <summary>
/// All ways to a target by brute force: every pair of numbers left, every operation, again with the result in their place.
/// </summary>
public static class CountdownSolver
{
    /// <summary>Most numbers: six have about 20 million ways.</summary>
    public const int MostNumbers = 6;

    /// <summary>Largest number.</summary>
    public const int LargestNumber = 10_000;

    /// <summary>
    /// The different expressions that solve a problem, found as they are read. Expressions that differ in the order of a sum or product
    /// count as different where the search comes to both.
    /// </summary>
    /// <param name="numbers">One to six numbers.</param>
    /// <param name="target">The value to reach.</param>
    /// <param name="wholeSteps">Whether every intermediate result must be whole and positive.</param>
    /// <exception cref="ArgumentException">There are too many numbers, or one is negative or too large.</exception>
    public static IEnumerable<string> Solutions(IReadOnlyList<int> numbers, int target, bool wholeSteps = false)
    {
        List<CountdownExpression> start = Start(numbers);
        HashSet<string> seen = [];
        return Search(start, target, wholeSteps).Select(static e => e.ToString()).Where(seen.Add);
    }

    /// <summary>Whether there is a solution.</summary>
    /// <exception cref="ArgumentException">There are too many numbers, or one is negative or too large.</exception>
    public static bool IsSolvable(IReadOnlyList<int> numbers, int target, bool wholeSteps = false) => Search(Start(numbers), target, wholeSteps).Any();

    internal static List<CountdownExpression> Start(IReadOnlyList<int> numbers)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        if (numbers.Count is < 1 or > MostNumbers || numbers.Any(static n => n is < 0 or > LargestNumber))
        {
            throw new ArgumentException($"expected 1 to {MostNumbers} numbers from 0 to {LargestNumber}", nameof(numbers));
        }

        return [.. numbers.Select(CountdownExpression.Of)];
    }

    internal static IEnumerable<CountdownExpression> Search(List<CountdownExpression> left, int target, bool wholeSteps)
    {
        foreach (CountdownExpression expression in left)
        {
            if (expression.Value == target) yield return expression;
        }

        foreach ((CountdownExpression step, List<CountdownExpression> rest) in Steps(left, wholeSteps))
        {
            // What was there before was looked at above.
            if (step.Value == target) yield return step;
            if (rest.Count == 1) continue;
            foreach (CountdownExpression found in Search(rest, target, wholeSteps)) yield return found;
        }
    }

    /// <summary>Every step from here: the expression made, and what is left with it as the last.</summary>
    internal static IEnumerable<(CountdownExpression Step, List<CountdownExpression> Left)> Steps(List<CountdownExpression> left, bool wholeSteps)
    {
        for (int i = 0; i < left.Count; i++)
        {
            for (int j = i + 1; j < left.Count; j++)
            {
                foreach (CountdownExpression step in CountdownExpression.Joined(left[i], left[j]))
                {
                    if (wholeSteps && !step.IsWholeAndPositive) continue;
                    List<CountdownExpression> rest = [.. left];
                    rest.RemoveAt(j);
                    rest.RemoveAt(i);
                    rest.Add(step);
                    yield return (step, rest);
                }
            }
        }
    }
}
