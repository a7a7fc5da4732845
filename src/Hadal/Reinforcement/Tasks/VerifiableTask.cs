namespace Hadal.Reinforcement.Tasks;

/// <summary>
/// Problems whose answers a program can check: what reinforcement learning with rules as rewards needs (DeepSeek-R1, arXiv 2501.12948,
/// section 2.2.2). Derive from it to add a task; <see cref="ProblemListTask"/> makes one of a file of prompts and answers.
/// </summary>
public abstract class VerifiableTask
{
    // The longest reference answers have some hundred characters; what is longer by far is not read.
    private const int LongestAnswer = 8192;

    // Draws that may fall on the other side of the fence, or bring what was there, before the settings are to blame: 7/8 to the power
    // of this is 1e-58.
    private const int MostDraws = 1000;

    private const ulong HeldOutSeed = 0x6865_6c64;

    /// <summary>The task's name on the command line and in reports.</summary>
    public abstract string Name { get; }

    /// <summary>Makes problem number <paramref name="index"/> of a seed: always the same, independently of the others.</summary>
    /// <param name="split">The side of the fence: nothing made for <see cref="ProblemSplit.HeldOut"/> is ever made for training.</param>
    /// <param name="seed">Another seed gives other problems of the same side.</param>
    /// <param name="index">0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The index is negative.</exception>
    /// <exception cref="InvalidOperationException">The task's settings leave no problem on this side.</exception>
    public abstract Problem Generate(ProblemSplit split, ulong seed, int index);

    /// <summary>The first problems of a seed that differ from each other, for an evaluation in which none counts twice.</summary>
    /// <param name="split">The side of the fence.</param>
    /// <param name="seed">Other seeds begin with other problems.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="InvalidOperationException">The task's settings don't seem to leave so many different problems on this side.</exception>
    public IReadOnlyList<Problem> GenerateDistinct(ProblemSplit split, ulong seed, int count)
    {
        List<Problem> problems = [];
        HashSet<string> keys = [];
        for (int index = 0, last = 0; problems.Count < count; index++)
        {
            Problem problem = Generate(split, seed, index);
            if (keys.Add(Key(problem)))
            {
                problems.Add(problem);
                last = index;
            }
            else if (index - last == MostDraws)
            {
                throw new InvalidOperationException($"{index} draws gave {problems.Count} different {split} problems of {count}: allow more different ones");
            }
        }

        return problems;
    }

    /// <summary>The held-out problems that evaluations ask unless told otherwise: the same in training and on the command line.</summary>
    /// <param name="count">How many.</param>
    /// <exception cref="InvalidOperationException">The task's settings don't seem to leave so many.</exception>
    public IReadOnlyList<Problem> HeldOut(int count) => GenerateDistinct(ProblemSplit.HeldOut, HeldOutSeed, count);

    /// <summary>Whether an answer, as it stood between its tags, is right. Takes any text: it never throws and takes linear time.</summary>
    public bool Verify(Problem problem, string answer)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(answer);
        return answer.Length <= LongestAnswer && IsCorrect(problem, answer.Trim());
    }

    /// <summary>Answers with the same text here count as one when a majority is sought. Knows nothing of the right answer.</summary>
    public virtual string Normalise(string answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        return string.Concat(answer.Where(static c => !char.IsWhiteSpace(c)));
    }

    /// <summary>A way to the right answer, in words; null if the task knows none.</summary>
    /// <param name="problem">A problem of this task.</param>
    /// <param name="seed">Where ways differ, which one.</param>
    public virtual WorkedSolution? Work(Problem problem, ulong seed) => null;

    /// <summary>Problems with the same text here are the same problem.</summary>
    protected virtual string Key(Problem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return problem.Prompt;
    }

    /// <summary>What tells a problem from others, for whoever holds several tasks.</summary>
    internal string KeyOf(Problem problem) => Key(problem);

    /// <summary>The check behind <see cref="Verify"/>: the answer is trimmed and of bounded length, and may be anything else.</summary>
    protected abstract bool IsCorrect(Problem problem, string answer);

    /// <summary>Draws until a problem's key stands on the wanted side.</summary>
    private protected static T Draw<T>(ProblemSplit split, ulong seed, int index, Func<ProblemRandom, T> draw, Func<T, string> key)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        for (int attempt = 0; attempt < MostDraws; attempt++)
        {
            T drawn = draw(new ProblemRandom(seed, ((ulong)attempt << 32) | (uint)index));
            if (ProblemRandom.SplitOf(key(drawn)) == split) return drawn;
        }

        throw new InvalidOperationException($"none of {MostDraws} problems drawn is of the {split} side: allow more different problems");
    }
}
