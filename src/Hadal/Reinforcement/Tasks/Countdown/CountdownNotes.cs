using System.Globalization;
using System.Text;

namespace Hadal.Reinforcement.Tasks.Countdown;

/// <summary>
/// A search through three numbers in as few words as it can have, for models too small for <see cref="CountdownSearchTrace"/>: each line makes
/// one number of two, and behind the colon stands what the third makes of it, each result with a sign that says whether it is less or more than the
/// target, until the target is met. The question reads the target out, and the notes read out the last digit of a result that has the digits before it:
/// so digits meet digits. The question's letters say which number is which, so that a model finds the one that is left by its letter. First steps come in
/// one order, a and b first, so that a line says which is next and none is tried twice.
/// A writer has a patience of so many lines; when it is over without a hit, the answer is the last result, and wrong.
/// </summary>
/// <example>To make 46 of a3, b7 and c25:<code>
/// a3+b7=10&lt; c25: +35&lt; -15&lt;
/// b7-a3=4&lt; c25: +29&lt; -21&lt; *100&gt;
/// a3*b7=21&lt; c25: +46.six=
/// </code></example>
internal static class CountdownNotes
{
    /// <summary>What is larger is not written down: tables of small numbers can be learnt, and targets are smaller.</summary>
    public const int LargestResult = 200;

    /// <summary>The notes on a problem, and the answer that they end with.</summary>
    /// <param name="problem">A problem of three numbers.</param>
    /// <param name="patience">Lines after which the writer gives up, from 1 on.</param>
    /// <returns>The search; not solved if patience ended first, or no whole, positive results up to <see cref="LargestResult"/> lead to the target.</returns>
    public static CountdownSearch Search(CountdownProblem problem, int patience)
    {
        StringBuilder text = new();
        string answer = "";
        int lines = 0;
        foreach (FirstStep step in Steps(problem.Numbers))
        {
            if (lines == patience) break;
            text.Append(CultureInfo.InvariantCulture, $"{(lines++ > 0 ? "\n" : "")}{step}{Compared(step.Value, problem.Target)}");
            answer = step.Plain;
            if (step.Value == problem.Target) return new CountdownSearch(new WorkedSolution(text.ToString(), answer), lines, IsSolved: true);
            text.Append(CultureInfo.InvariantCulture, $" {step.Third}:");
            foreach (Result result in Results(new Term($"({step.Plain})", step.Value), new Term($"{step.Third.Value}", step.Third.Value)))
            {
                text.Append(CultureInfo.InvariantCulture, $" {result.Sign}{result.Value}{Compared(result.Value, problem.Target)}");
                answer = $"{result.Left.Text}{result.Sign}{result.Right.Text}";
                if (result.Value == problem.Target) return new CountdownSearch(new WorkedSolution(text.ToString(), answer), lines, IsSolved: true);
            }
        }

        return new CountdownSearch(new WorkedSolution(text.ToString(), answer), lines, IsSolved: false);
    }

    /// <summary>The numbers with their letters, and all lines that they have, in random order, with no target to stop at: what there is to know about them.</summary>
    public static string Table(IReadOnlyList<int> numbers, ProblemRandom random)
    {
        StringBuilder text = new(string.Join(' ', Terms(numbers)));
        FirstStep[] steps = Steps(numbers);
        random.Shuffle<FirstStep>(steps);
        foreach (FirstStep step in steps)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{step} {step.Third}:");
            foreach (Result result in Results(new Term("", step.Value), step.Third)) text.Append(CultureInfo.InvariantCulture, $" {result.Sign}{result.Value}");
        }

        return text.ToString();
    }

    /// <summary>
    /// A search whose numbers nobody wrote down: lines of any results, with signs that say whether they are less or more than the target, until one
    /// is equal. There is nothing to solve in it, only numbers to set beside each other, in the very places where a search does. Half of them are within three of
    /// the target, where a wrong sign costs most.
    /// <code>
    /// a+b=45.five&lt; c: +110&gt; -49.nine&gt;
    /// a-b=12&lt; c: +46.six=
    /// </code>
    /// </summary>
    /// <param name="target">The target.</param>
    /// <param name="random">Draws the numbers.</param>
    public static string BlindSearch(int target, ProblemRandom random)
    {
        const int MostLines = 8;
        StringBuilder text = new();
        for (int line = 0; line < MostLines; line++)
        {
            (char first, char second, char third) = random.Below(3) switch { 0 => ('a', 'b', 'c'), 1 => ('a', 'c', 'b'), _ => ('b', 'c', 'a') };
            if (random.Below(2) == 0) (first, second) = (second, first);
            if (line > 0) text.Append('\n');
            text.Append(first).Append("+-*/"[random.Below(4)]).Append(second).Append('=');
            if (IsHit()) return text.ToString();
            text.Append(CultureInfo.InvariantCulture, $" {third}:");
            foreach (char sign in "+-*/")
            {
                if (sign is '*' or '/' && random.Below(2) == 0) continue;
                text.Append(' ').Append(sign);
                if (IsHit()) return text.ToString();
            }
        }

        return text.ToString();

        bool IsHit()
        {
            int result = random.Below(10) switch
            {
                0 => target,
                1 or 2 or 3 or 4 => Beside(1, 3),
                5 or 6 => Beside(4, 16),
                _ => random.Between(1, LargestResult),
            };
            text.Append(CultureInfo.InvariantCulture, $"{result}{Compared(result, target)}");
            return result == target;
        }

        int Beside(int nearest, int farthest)
        {
            int distance = random.Between(nearest, farthest);
            return Math.Clamp(random.Below(2) == 0 ? target - distance : target + distance, 1, LargestResult);
        }
    }

    // A result is set beside the target each time, so that meeting it is something that every result of the text teaches, not only the last. Digits are read
    // out because a target that was never asked for has none that are new.
    private static string Compared(int value, int target)
    {
        char sign = value < target ? '<' : value > target ? '>' : '=';
        return value / 10 == target / 10 ? $".{DigitWords.LastOf(value)}{sign}" : $"{sign}";
    }

    private static Term[] Terms(IReadOnlyList<int> numbers) => [.. numbers.Select(static (number, i) => new Term($"{CountdownTask.Letter(i)}{number}", number))];

    private static FirstStep[] Steps(IReadOnlyList<int> numbers)
    {
        if (numbers.Count != 3) throw new ArgumentException($"there are {numbers.Count} numbers, expected three", nameof(numbers));
        Term[] terms = Terms(numbers);
        return
        [
            .. new (int A, int B, int Third)[] { (0, 1, 2), (0, 2, 1), (1, 2, 0) }
                .SelectMany(p => Results(terms[p.A], terms[p.B]).Select(result => new FirstStep(result, terms[p.Third]))),
        ];
    }

    // What + - * / make of two numbers, of differences and quotients the one that is whole and positive.
    private static IEnumerable<Result> Results(Term a, Term b)
    {
        (Term larger, Term smaller) = a.Value >= b.Value ? (a, b) : (b, a);
        if (a.Value + b.Value <= LargestResult) yield return new Result(a, '+', b, a.Value + b.Value);
        if (a.Value != b.Value) yield return new Result(larger, '-', smaller, larger.Value - smaller.Value);
        if (a.Value * b.Value <= LargestResult) yield return new Result(a, '*', b, a.Value * b.Value);
        if (larger.Value % smaller.Value == 0) yield return new Result(larger, '/', smaller, larger.Value / smaller.Value);
    }

    // A number as it is written.
    private readonly record struct Term(string Text, int Value)
    {
        public override string ToString() => Text;
    }

    private readonly record struct Result(Term Left, char Sign, Term Right, int Value);

    private readonly record struct FirstStep(Result Result, Term Third)
    {
        public int Value => Result.Value;

        // As an answer has it, without letters.
        public string Plain => $"{Result.Left.Value}{Result.Sign}{Result.Right.Value}";

        public override string ToString() => $"{Result.Left}{Result.Sign}{Result.Right}={Value}";
    }
}

/// <summary>A search as it was written down.</summary>
/// <param name="Solution">The notes, and the answer at their end.</param>
/// <param name="Lines">First steps tried.</param>
/// <param name="IsSolved">Whether the answer is right.</param>
internal sealed record CountdownSearch(WorkedSolution Solution, int Lines, bool IsSolved);
