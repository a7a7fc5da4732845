using System.Globalization;
using Hadal.Reinforcement.Answers;

namespace Hadal.Reinforcement.Tasks.Countdown;

/// <summary>
/// Countdown: make a target of given numbers with + - * / and parentheses, each number at most once (the task of TinyZero). Generated
/// problems are solvable with whole, positive intermediate results; any expression with the exact value is accepted.
/// </summary>
/// <remarks>
/// Two fences keep held-out problems out of training: multisets of numbers and targets are each split by their hash. A training problem
/// takes both from the training side and a held-out problem both from the held-out side, so that neither its numbers nor its target
/// were ever trained on.
/// </remarks>
public sealed class CountdownTask : VerifiableTask
{
    private const int MostDraws = 20_000;

    /// <summary>How many numbers a problem has: 2 to 6. The difficulty.</summary>
    public int Count { get; init; } = 3;

    /// <summary>Largest number given; they begin at 1.</summary>
    public int LargestNumber { get; init; } = 25;

    /// <summary>Smallest target.</summary>
    public int SmallestTarget { get; init; } = 10;

    /// <summary>Largest target.</summary>
    public int LargestTarget { get; init; } = 100;

    /// <summary>Asks in symbols (<c>a3 b7 c25 =46</c>: each number has a letter to be found by), for models too small to read, instead of in a sentence.</summary>
    public bool Terse { get; init; }

    /// <summary>
    /// Reads the target out digit by digit (<c>a3 b7 c25 =four.six</c>). Where a number is one token, its digits are what it shares with others: a model
    /// that was asked for four.seven and nine.eight knows what four.eight is made of, and 48 would be new to it.
    /// </summary>
    public bool ReadOut { get; init; }

    /// <inheritdoc/>
    public override string Name => "countdown";

    /// <inheritdoc/>
    public override Problem Generate(ProblemSplit split, ulong seed, int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        bool drawable = Count is >= 2 and <= CountdownSolver.MostNumbers && LargestNumber is >= 1 and <= CountdownSolver.LargestNumber;
        if (!drawable || SmallestTarget < 1 || LargestTarget < SmallestTarget)
        {
            throw new InvalidOperationException(
                $"{Count} numbers up to {LargestNumber} with targets from {SmallestTarget} to {LargestTarget} can't be drawn: expected 2 to "
                + $"{CountdownSolver.MostNumbers} numbers up to {CountdownSolver.LargestNumber} and a range of targets from 1");
        }

        ProblemRandom random = new(seed, (ulong)index);
        for (int draw = 0; draw < MostDraws; draw++)
        {
            int[] numbers = new int[Count];
            for (int i = 0; i < Count; i++) numbers[i] = random.Between(1, LargestNumber);
            if (SplitOfNumbers(numbers) != split) continue;
            if (RandomExpression(numbers, ref random) is not { } expression) continue;
            int target = (int)expression.Value.Numerator;
            if (target < SmallestTarget || target > LargestTarget || numbers.Contains(target) || SplitOfTarget(target) != split) continue;
            return ToProblem(numbers, target, expression.ToString());
        }

        throw new InvalidOperationException(
            $"none of {MostDraws} draws of {Count} numbers up to {LargestNumber} gives a {split} target from {SmallestTarget} to {LargestTarget}: "
            + "allow a wider range");
    }

    /// <summary>A problem of these numbers, which need not be solvable.</summary>
    /// <exception cref="ArgumentException">There are too many numbers, or one is negative or too large.</exception>
    public CountdownProblem ToProblem(IReadOnlyList<int> numbers, int target, string solution = "")
    {
        ArgumentNullException.ThrowIfNull(numbers);
        if (numbers.Count is < 1 or > CountdownProblem.MostNumbers || numbers.Any(static n => n is < 0 or > CountdownProblem.LargestNumber))
        {
            throw new ArgumentException(
                $"expected 1 to {CountdownProblem.MostNumbers} numbers from 0 to {CountdownProblem.LargestNumber}", nameof(numbers));
        }

        string asked = ReadOut ? DigitWords.Of(target) : target.ToString(CultureInfo.InvariantCulture);
        string prompt = Terse
            ? $"{string.Join(' ', numbers.Select(static (number, i) => $"{Letter(i)}{number}"))} ={asked}"
            : $"Using the numbers [{string.Join(", ", numbers)}], write an expression that equals {asked}. You can use + - * / and parentheses, and "
              + "each number at most once.";
        return new CountdownProblem(prompt, solution, [.. numbers], target);
    }

    /// <summary>The letter of a number in a question of symbols.</summary>
    internal static char Letter(int index) => (char)('a' + index);

    /// <summary>Reads a file with a problem a line, as <c>{"numbers":[3,7,25],"target":46}</c>; empty lines are skipped.</summary>
    /// <exception cref="ProblemFileException">The file can't be read or a line is something else.</exception>
    public IReadOnlyList<CountdownProblem> ReadProblems(string path) => ProblemFile.ReadLines(path, line =>
    {
        (int[] numbers, int target) = CountdownProblem.ParseJson(line);
        return ToProblem(numbers, target);
    });

    /// <summary>The side of a multiset of numbers: their order doesn't count.</summary>
    public static ProblemSplit SplitOfNumbers(IEnumerable<int> numbers) =>
        ProblemRandom.SplitOf("countdown numbers " + string.Join(' ', numbers.Order()));

    /// <summary>The side of a target.</summary>
    public static ProblemSplit SplitOfTarget(int target) => ProblemRandom.SplitOf($"countdown target {target}");

    /// <summary>A search that ends at a solution; null if there is none, or more than five numbers to search through.</summary>
    public override WorkedSolution? Work(Problem problem, ulong seed) =>
        problem is CountdownProblem { Numbers.Count: <= 5 } countdown ? new CountdownSearchTrace(countdown, seed).Write() : null;

    /// <summary>The order of the numbers makes no other problem.</summary>
    protected override string Key(Problem problem) =>
        problem is CountdownProblem countdown ? $"{string.Join(' ', countdown.Numbers.Order())} -> {countdown.Target}" : base.Key(problem);

    /// <inheritdoc/>
    protected override bool IsCorrect(Problem problem, string answer)
    {
        if (problem is not CountdownProblem countdown) throw new ArgumentException("expected a Countdown problem", nameof(problem));
        List<int> used = [];
        if (!ExactExpression.TryEvaluate(answer, countdown.Numbers.Count, used, out Rational value) || value != countdown.Target) return false;
        List<int> left = [.. countdown.Numbers];
        return used.TrueForAll(left.Remove);
    }

    // Joins two random numbers at a time until one is left. Only steps to whole positive results are taken, as in the television game.
    private static CountdownExpression? RandomExpression(int[] numbers, ref ProblemRandom random)
    {
        List<CountdownExpression> left = [.. numbers.Select(CountdownExpression.Of)];
        while (left.Count > 1)
        {
            random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(left));
            CountdownExpression[] steps = [.. CountdownExpression.Joined(left[0], left[1]).Where(static e => e.IsWholeAndPositive)];
            left.RemoveRange(0, 2);
            left.Add(steps[random.Below(steps.Length)]); // a + b is always among them
        }

        return left[0].Value.Numerator <= int.MaxValue ? left[0] : null;
    }
}
