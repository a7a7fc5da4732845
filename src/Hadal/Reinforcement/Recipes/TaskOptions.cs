using Hadal.Reinforcement.Tasks;
using Hadal.Reinforcement.Tasks.Countdown;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>A task as a recipe names it. What a task does not use is ignored by it.</summary>
public sealed record TaskOptions
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

    /// <summary>JSONL of prompts and answers, for <c>file</c>.</summary>
    public string? Path { get; init; }

    /// <summary>Makes the task.</summary>
    /// <exception cref="RecipeException">There is no such task, or it lacks its file.</exception>
    /// <exception cref="ProblemFileException">The file can't be used.</exception>
    public VerifiableTask Create() => Name switch
    {
        "countdown" => Countdown(),
        "arithmetic" => new ArithmeticTask { Operands = Size ?? 2, Digits = Digits ?? 2 },
        "chain" => new ModularChainTask { Steps = Size ?? 4 },
        "sudoku" => new SudokuTask { Empty = Size ?? 6 },
        "choice" => new MultipleChoiceTask { Digits = Digits ?? 2 },
        "file" => new ProblemListTask("file", ProblemFile.ReadPromptsAndAnswers(Path ?? throw new RecipeException("the recipe's task.path is nothing, expected a JSONL file of prompts and answers.")), ProblemListTask.Mathematics),
        _ => throw new RecipeException($"the recipe's task.name is '{Name}', expected countdown, arithmetic, chain, sudoku, choice or file."),
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
        };
    }
}
