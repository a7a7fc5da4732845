namespace Hadal.Reinforcement.Tasks;

/// <summary>A problem of one of several tasks.</summary>
/// <param name="Task">The task that it is of.</param>
/// <param name="TaskName">What tells this task from others of the mix.</param>
/// <param name="Inner">The problem as that task knows it.</param>
public sealed record MixedProblem(VerifiableTask Task, string TaskName, Problem Inner) : Problem(Inner.Prompt, Inner.Answer);

/// <summary>
/// Several tasks at once, in given shares: R1's last reinforcement for all scenarios (DeepSeek-R1, arXiv 2501.12948, section 2.3.4). Each
/// problem is of one task, on that task's side of its fence, and is worked and verified by it.
/// </summary>
public sealed class MixedTask : VerifiableTask
{
    // Shares are drawn in so many parts; one that is smaller would never come up.
    private const int Parts = 1 << 20;

    private readonly (VerifiableTask Task, string Name, double Until)[] _tasks;

    /// <summary>Mixes tasks.</summary>
    /// <param name="tasks">The tasks with their shares, which need not add up to 1.</param>
    /// <exception cref="ArgumentException">There is none, or a share is not above 0.</exception>
    public MixedTask(IReadOnlyList<(VerifiableTask Task, double Share)> tasks)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        if (tasks.Count == 0) throw new ArgumentException("a mix of tasks has none, expected one or more", nameof(tasks));
        foreach ((VerifiableTask task, double share) in tasks)
        {
            if (!(share > 0 && double.IsFinite(share))) throw new ArgumentException($"the share of {task.Name} is {share}, expected more than 0", nameof(tasks));
        }

        double total = tasks.Sum(static t => t.Share), sum = 0;
        _tasks = [.. tasks.Select((t, i) => (t.Task, NameOf(tasks, i), sum += t.Share / total))];
    }

    /// <inheritdoc/>
    public override string Name => "mix";

    /// <summary>The tasks.</summary>
    public IReadOnlyList<VerifiableTask> Tasks => [.. _tasks.Select(static t => t.Task)];

    /// <inheritdoc/>
    public override Problem Generate(ProblemSplit split, ulong seed, int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);

        // Of another seed than the problem itself, which would else be drawn with the numbers that chose its task.
        double place = (double)new ProblemRandom(~seed, (ulong)index).Below(Parts) / Parts;
        (VerifiableTask task, string name, _) = _tasks.FirstOrDefault(t => place < t.Until, _tasks[^1]);
        return new MixedProblem(task, name, task.Generate(split, seed, index));
    }

    /// <inheritdoc/>
    public override WorkedSolution? Work(Problem problem, ulong seed) => problem is MixedProblem mixed ? mixed.Task.Work(mixed.Inner, seed) : null;

    /// <inheritdoc/>
    protected override string Key(Problem problem) => problem is MixedProblem mixed
        ? $"{Array.FindIndex(_tasks, t => ReferenceEquals(t.Task, mixed.Task))} {mixed.Task.KeyOf(mixed.Inner)}"
        : base.Key(problem);

    /// <inheritdoc/>
    protected override bool IsCorrect(Problem problem, string answer) => problem is MixedProblem mixed
        ? mixed.Task.Verify(mixed.Inner, answer)
        : throw new ArgumentException("expected a problem of the mix", nameof(problem));

    // Countdown of two sizes is countdown and countdown 2.
    private static string NameOf(IReadOnlyList<(VerifiableTask Task, double Share)> tasks, int index)
    {
        int before = tasks.Take(index).Count(t => t.Task.Name == tasks[index].Task.Name);
        return before == 0 ? tasks[index].Task.Name : $"{tasks[index].Task.Name} {before + 1}";
    }
}
