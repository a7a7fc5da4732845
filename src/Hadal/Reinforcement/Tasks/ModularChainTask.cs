using System.Globalization;
using System.Text;
using Hadal.Reinforcement.Answers;

namespace Hadal.Reinforcement.Tasks;

/// <summary>
/// A number taken through a chain of additions, subtractions and multiplications, all modulo a small number: every step is easy and none
/// can be left out. Held out are whole chains.
/// </summary>
public sealed class ModularChainTask : VerifiableTask
{
    /// <summary>Steps of the chain: 1 to 100. The difficulty.</summary>
    public int Steps { get; init; } = 4;

    /// <summary>The modulus: 2 to 1000.</summary>
    public int Modulus { get; init; } = 10;

    /// <inheritdoc/>
    public override string Name => "modular";

    /// <inheritdoc/>
    public override Problem Generate(ProblemSplit split, ulong seed, int index)
    {
        if (Steps is < 1 or > 100 || Modulus is < 2 or > 1000)
        {
            throw new InvalidOperationException($"{Steps} steps modulo {Modulus} can't be drawn: expected 1 to 100 steps and a modulus from 2 to 1000");
        }

        (int start, string[] steps) = Draw(split, seed, index, DrawChain, chain => $"modular {Modulus}: {chain.Start} {string.Join(' ', chain.Steps)}");
        string prompt = $"Start with {start} and apply {string.Join(", ", steps)}, each modulo {Modulus}. What is the result?";
        return new Problem(prompt, Follow(start, steps, Modulus, null).ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Every step with its result.</summary>
    public override WorkedSolution? Work(Problem problem, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(problem);
        string[] parts = problem.Prompt.Split([" with ", " and apply ", ", each modulo ", ". What"], StringSplitOptions.None);
        if (parts is not [_, var start, var steps, var modulus, _]) return null;
        StringBuilder text = new();
        int result = Follow(Whole(start), steps.Split(", "), Whole(modulus), text);
        return new WorkedSolution(text.ToString().TrimEnd(), result.ToString(CultureInfo.InvariantCulture));
    }

    /// <inheritdoc/>
    public override string Normalise(string answer) => NumberAnswer.TryParse(answer, out Rational value) ? value.ToString() : base.Normalise(answer);

    /// <inheritdoc/>
    protected override bool IsCorrect(Problem problem, string answer)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return NumberAnswer.Matches(problem.Answer, answer);
    }

    private (int Start, string[] Steps) DrawChain(ProblemRandom random)
    {
        int start = random.Below(Modulus);
        string[] steps = new string[Steps];
        for (int i = 0; i < Steps; i++) steps[i] = $"{"+-*"[random.Below(3)]}{random.Between(1, Modulus - 1)}";
        return (start, steps);
    }

    private static int Follow(int value, string[] steps, int modulus, StringBuilder? text)
    {
        foreach (string step in steps)
        {
            int operand = Whole(step[1..]);
            int result = step[0] switch { '+' => value + operand, '-' => value - operand, _ => value * operand };
            int reduced = (result % modulus + modulus) % modulus;
            text?.Append(CultureInfo.InvariantCulture, $"{value}{step}={result}");
            text?.Append(CultureInfo.InvariantCulture, $"{(result == reduced ? "" : $" mod {reduced}")}\n");
            value = reduced;
        }

        return value;
    }

    private static int Whole(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
