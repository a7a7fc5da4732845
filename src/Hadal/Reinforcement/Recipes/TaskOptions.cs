using Hadal.Reinforcement.Tasks;
using Hadal.Reinforcement.Tasks.Countdown;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>One task as a recipe names it. What a task does not use is ignored by it.</summary>
public abstract record TaskSettings
{
    /// <summary><c>countdown</c>, <c>arithmetic</c>, <c>chain</c>, <c>sudoku</c>, <c>choice</c>, or <c>file</c> for a list of prompts and answers.</summary>
    public string Name { get; init; } = "countdown";

    /// <summary>Countdown's numbers, arithmetic's operands, a chain's steps, a sudoku's empty cells: how hard it is. Null for the task's default.</summary>
    public int? Size { get; init; }

    /// <summary>Countdown's largest number.</summary>
    public int? LargestNumber { get; init; }

    /// <summary>Countdown's largest target.</summary>
    public int? LargestTarget { get; init; }

    /// <summary>Digits of arithmetic's operands.</summary>
    public int? Digits { get; init; }

    /// <summary>Whether Countdown asks in symbols instead of sentences.</summary>
    public bool Terse { get; init; }

    /// <summary>Whether Countdown reads its target out digit by digit.</summary>
    public bool ReadOut { get; init; }

    /// <summary>JSONL of prompts and answers, for <c>file</c>.</summary>
    public string? Path { get; init; }

    /// <summary>Makes the task of this name; null if there is none.</summary>
    private protected VerifiableTask? Named() => Name switch
    {
        "countdown" => Countdown(),
        "arithmetic" => new ArithmeticTask { Operands = Size ?? 2, Digits = Digits ?? 2 },
        "chain" => new ModularChainTask { Steps = Size ?? 4 },
        "sudoku" => new SudokuTask { Empty = Size ?? 6 },
        "choice" => new MultipleChoiceTask { Digits = Digits ?? 2 },
        "file" => new ProblemListTask("file", ProblemFile.ReadPromptsAndAnswers(Path ?? throw new RecipeException("the recipe's task.path is nothing, expected a JSONL file of prompts and answers.")), ProblemListTask.Mathematics),
        _ => null,
    };

    private CountdownTask Countdown()
    {
        CountdownTask standard = new();
        return new CountdownTask
        {
            Count = Size ?? standard.Count,
            LargestNumber = LargestNumber ?? standard.LargestNumber,
            LargestTarget = LargestTarget ?? standard.LargestTarget,
            Terse = Terse,
            ReadOut = ReadOut,
        };
    }
}

/// <summary>What a recipe asks a model: one task, or with the name <c>mix</c> several at once.</summary>
public sealed record TaskOptions : TaskSettings
{
    /// <summary>What a recipe calls several tasks at once.</summary>
    private const string MixName = "mix";

    /// <summary>The tasks of a <c>mix</c>.</summary>
    public IReadOnlyList<TaskShare> Mix { get; init; } = [];

    /// <summary>Makes the task.</summary>
    /// <exception cref="RecipeException">There is no such task, it lacks its file, or a mix makes no sense.</exception>
    /// <exception cref="ProblemFileException">The file can't be used.</exception>
    public VerifiableTask Create()
    {
        if (Name != MixName)
        {
            if (Mix.Count > 0) throw new RecipeException($"the recipe's task.mix names {Mix.Count} tasks, expected none beside task.name = '{Name}', or the name {MixName}.");
            return Named() ?? throw new RecipeException($"the recipe's task.name is '{Name}', expected countdown, arithmetic, chain, sudoku, choice, file or {MixName}.");
        }

        if (Mix.Count == 0) throw new RecipeException("the recipe's task.mix is empty, expected tasks to mix.");
        if (Mix.FirstOrDefault(share => !(share.Weight > 0 && double.IsFinite(share.Weight))) is { } wrong)
        {
            throw new RecipeException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"the recipe's task.mix gives {wrong.Name} the weight {wrong.Weight}, expected more than 0."));
        }

        return new MixedTask([.. Mix.Select(share => (share.Create(), share.Weight))]);
    }
}

/// <summary>A task of a mix.</summary>
public sealed record TaskShare : TaskSettings
{
    /// <summary>Its share of the problems, relative to the others'.</summary>
    public double Weight { get; init; } = 1;

    internal VerifiableTask Create() =>
        Named() ?? throw new RecipeException($"the recipe's task.mix names '{Name}', expected countdown, arithmetic, chain, sudoku, choice or file.");
}
