using System.Globalization;
using System.Text;
using Hadal.Reinforcement.Answers;

namespace Hadal.Reinforcement.Tasks;

/// <summary>Sums, differences and products of whole numbers. Held out are multisets of operands, in whatever order they stand.</summary>
public sealed class ArithmeticTask : VerifiableTask
{
    /// <summary>Most digits of an operand: 1 to 9. The difficulty.</summary>
    public int Digits { get; init; } = 2;

    /// <summary>Numbers in an expression: 2 to 8.</summary>
    public int Operands { get; init; } = 2;

    /// <summary>The operations to draw from: any of + - *.</summary>
    public string Operators { get; init; } = "+-*";

    /// <inheritdoc/>
    public override string Name => "arithmetic";

    /// <inheritdoc/>
    public override Problem Generate(ProblemSplit split, ulong seed, int index)
    {
        if (Digits is < 1 or > 9 || Operands is < 2 or > 8 || Operators.Length == 0 || Operators.Any(static c => c is not ('+' or '-' or '*')))
        {
            throw new InvalidOperationException(
                $"{Operands} operands of {Digits} digits with '{Operators}' can't be drawn: expected 2 to 8 operands of 1 to 9 digits, and any of + - *");
        }

        (string expression, _) = Draw(split, seed, index, DrawExpression, static drawn => drawn.Key);
        ExactExpression.TryEvaluate(expression, Operands, [], out Rational value);
        return new Problem($"What is {expression}?", value.ToString());
    }

    /// <summary>The steps from left to right, products first: <c>3 + 4 * 5</c>, <c>4 * 5 = 20</c>, <c>3 + 20 = 23</c>.</summary>
    public override WorkedSolution? Work(Problem problem, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(problem);
        string[] parts = problem.Prompt.Split(' ');
        if (parts is not ["What", "is", .. string[] expression]) return null;
        List<string> left = [.. expression];
        left[^1] = left[^1].TrimEnd('?');
        StringBuilder text = new();
        while (left.Count > 1)
        {
            int at = left.IndexOf("*") is > 0 and int product ? product : 1;
            Int128 a = Int128.Parse(left[at - 1], CultureInfo.InvariantCulture), b = Int128.Parse(left[at + 1], CultureInfo.InvariantCulture);
            Int128 value = left[at] switch { "+" => a + b, "-" => a - b, _ => checked(a * b) };
            text.Append(CultureInfo.InvariantCulture, $"{a} {left[at]} {b} = {value}\n");
            left[at - 1] = value.ToString(CultureInfo.InvariantCulture);
            left.RemoveRange(at, 2);
        }

        return new WorkedSolution(text.ToString().TrimEnd(), left[0]);
    }

    /// <inheritdoc/>
    public override string Normalise(string answer) => NumberAnswer.TryParse(answer, out Rational value) ? value.ToString() : base.Normalise(answer);

    /// <inheritdoc/>
    protected override bool IsCorrect(Problem problem, string answer)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return NumberAnswer.Matches(problem.Answer, answer);
    }

    private (string Expression, string Key) DrawExpression(ProblemRandom random)
    {
        int[] operands = new int[Operands];
        StringBuilder expression = new();
        for (int i = 0; i < Operands; i++)
        {
            int digits = random.Between(1, Digits);
            operands[i] = random.Below((int)Math.Pow(10, digits));
            if (i > 0) expression.Append(CultureInfo.InvariantCulture, $" {Operators[random.Below(Operators.Length)]} ");
            expression.Append(operands[i]);
        }

        return (expression.ToString(), "arithmetic " + string.Join(' ', operands.Order()));
    }
}
