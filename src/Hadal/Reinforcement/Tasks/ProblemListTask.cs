using Hadal.Reinforcement.Answers;

namespace Hadal.Reinforcement.Tasks;

/// <summary>How an answer is compared with the expected one. It must take any text, never throw, and take linear time.</summary>
/// <param name="expected">The gold answer.</param>
/// <param name="answer">The answer to check, trimmed.</param>
public delegate bool AnswerCheck(string expected, string answer);

/// <summary>
/// A task from a list of prompts and answers. Unless a held-out list is given, the prompts' hashes split the list; with one, a prompt in
/// both lists is an error.
/// </summary>
public sealed class ProblemListTask : VerifiableTask
{
    private readonly AnswerCheck _check;
    private readonly List<Problem> _training, _heldOut;

    /// <summary>Makes a task of a list.</summary>
    /// <param name="name">The task's name.</param>
    /// <param name="problems">All problems, or if <paramref name="heldOut"/> is given those to train on.</param>
    /// <param name="check">
    /// The comparison: <see cref="Number"/>, <see cref="Mathematics"/>, <see cref="Choice"/>, <see cref="Text"/> or one of your own.
    /// </param>
    /// <param name="heldOut">Problems never to train on.</param>
    /// <exception cref="ArgumentException">A prompt is in both lists.</exception>
    public ProblemListTask(string name, IReadOnlyList<Problem> problems, AnswerCheck check, IReadOnlyList<Problem>? heldOut = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(problems);
        ArgumentNullException.ThrowIfNull(check);
        Name = name;
        _check = check;
        _training = heldOut is null ? [.. problems.Where(static p => SplitOf(p) == ProblemSplit.Training)] : [.. problems];
        _heldOut = heldOut is null ? [.. problems.Where(static p => SplitOf(p) == ProblemSplit.HeldOut)] : [.. heldOut];
        HashSet<string> trained = [.. _training.Select(static p => p.Prompt)];
        if (_heldOut.Find(p => trained.Contains(p.Prompt)) is { } both)
        {
            throw new ArgumentException($"a prompt is both to train on and held out: {both.Prompt[..Math.Min(80, both.Prompt.Length)]}", nameof(heldOut));
        }
    }

    /// <summary>The answer names one number, equal to the expected one: GSM8K.</summary>
    public static AnswerCheck Number { get; } = NumberAnswer.Matches;

    /// <summary>The answer is mathematically the expected one: MATH. See <see cref="MathAnswer"/>.</summary>
    public static AnswerCheck Mathematics { get; } = MathAnswer.AreEquivalent;

    /// <summary>The answer is the letter of the right choice.</summary>
    public static AnswerCheck Choice { get; } = ChoiceAnswer.Matches;

    /// <summary>The answer is the expected text, letter by letter.</summary>
    public static AnswerCheck Text { get; } = static (expected, answer) => expected.Trim() == answer;

    /// <inheritdoc/>
    public override string Name { get; }

    /// <summary>How many problems stand on a side.</summary>
    public int Count(ProblemSplit split) => Side(split).Count;

    /// <summary>Problems in an order that the seed gives; after the last the list begins again in another order.</summary>
    /// <inheritdoc/>
    public override Problem Generate(ProblemSplit split, ulong seed, int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        List<Problem> side = Side(split);
        if (side.Count == 0) throw new InvalidOperationException($"{Name} has no problem on the {split} side");
        return side[Place(side.Count, seed, index / side.Count, index % side.Count)];
    }

    /// <inheritdoc/>
    public override string Normalise(string answer) => _check == Mathematics ? MathAnswer.Normalise(answer) : base.Normalise(answer);

    /// <inheritdoc/>
    protected override bool IsCorrect(Problem problem, string answer)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return _check(problem.Answer, answer);
    }

    private static ProblemSplit SplitOf(Problem problem) => ProblemRandom.SplitOf("problem " + problem.Prompt);

    private List<Problem> Side(ProblemSplit split) => split == ProblemSplit.HeldOut ? _heldOut : _training;

    // A permutation that needs no table: a Feistel network over the next power of four, walked until it falls inside of the list.
    private static int Place(int count, ulong seed, int round, int index)
    {
        int half = 1;
        while (1L << (2 * half) < count) half++;
        long mask = (1L << half) - 1, place = index;
        do
        {
            long left = place >> half, right = place & mask;
            for (int i = 0; i < 4; i++)
            {
                long mixed = new ProblemRandom(seed + (ulong)i, ((ulong)(uint)round << 32) | (ulong)right).Below(int.MaxValue) & mask;
                (left, right) = (right, left ^ mixed);
            }

            place = (left << half) | right;
        }
        while (place >= count);
        return (int)place;
    }
}
