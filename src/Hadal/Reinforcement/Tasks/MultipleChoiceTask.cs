using System.Globalization;
using Hadal.Reinforcement.Answers;

namespace Hadal.Reinforcement.Tasks;

/// <summary>A sum or product with several results to choose from; the answer is the letter. Held out are pairs of operands.</summary>
public sealed class MultipleChoiceTask : VerifiableTask
{
    /// <summary>Results to choose from: 2 to 8. The difficulty, together with the digits.</summary>
    public int Choices { get; init; } = 4;

    /// <summary>Most digits of an operand: 1 to 4.</summary>
    public int Digits { get; init; } = 2;

    /// <inheritdoc/>
    public override string Name => "choice";

    /// <inheritdoc/>
    public override Problem Generate(ProblemSplit split, ulong seed, int index)
    {
        if (Choices is < 2 or > 8 || Digits is < 1 or > 4)
        {
            throw new InvalidOperationException($"{Choices} choices with {Digits} digits can't be drawn: expected 2 to 8 choices and 1 to 4 digits");
        }

        (_, Problem problem) = Draw(split, seed, index, DrawQuestion, static drawn => drawn.Key);
        return problem;
    }

    /// <inheritdoc/>
    public override string Normalise(string answer) => ChoiceAnswer.Letter(answer)?.ToString() ?? base.Normalise(answer);

    /// <inheritdoc/>
    protected override bool IsCorrect(Problem problem, string answer)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return ChoiceAnswer.Matches(problem.Answer, answer);
    }

    private (string Key, Problem Problem) DrawQuestion(ProblemRandom random)
    {
        int bound = (int)Math.Pow(10, Digits), a = random.Below(bound), b = random.Below(bound);
        bool product = random.Below(2) == 1;
        int right = product ? a * b : a + b;

        // Wrong results lie close, on either side, the right one at a random place.
        List<int> values = [right];
        while (values.Count < Choices)
        {
            int wrong = right + random.Between(-2 * Choices, 2 * Choices);
            if (wrong >= 0 && !values.Contains(wrong)) values.Add(wrong);
        }

        int[] shown = [.. values];
        random.Shuffle<int>(shown);
        string options = string.Join('\n', shown.Select(static (value, i) => $"({(char)('A' + i)}) {value.ToString(CultureInfo.InvariantCulture)}"));
        string key = $"choice {Math.Min(a, b)} {Math.Max(a, b)}";
        string prompt = $"What is {a} {(product ? '*' : '+')} {b}? Answer with the letter.\n{options}";
        return (key, new Problem(prompt, $"{(char)('A' + Array.IndexOf(shown, right))}"));
    }
}
