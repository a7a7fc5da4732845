namespace Hadal.Reinforcement.Answers;

/// <summary>
/// Whole numbers, + - * / and parentheses, evaluated exactly. The grammar is what a checker can defend and no more: ASCII only, no
/// signs, no powers, no leading zeros, no two numbers side by side. One pass with explicit stacks, so that neither depth nor length of
/// what a model writes can overflow anything.
/// </summary>
internal static class ExactExpression
{
    /// <summary>Longer text is no expression.</summary>
    public const int LongestText = 4096;

    // Nine digits fit every number that a task gives.
    private const int MostDigits = 9;

    /// <summary>Evaluates an expression.</summary>
    /// <param name="text">Anything at all.</param>
    /// <param name="mostNumbers">An expression with more numbers is refused, which bounds the size of the result.</param>
    /// <param name="numbers">The numbers used, in the order they are written.</param>
    /// <param name="value">The exact result.</param>
    /// <returns>False if the text is no such expression or divides by zero.</returns>
    public static bool TryEvaluate(ReadOnlySpan<char> text, int mostNumbers, List<int> numbers, out Rational value)
    {
        value = default;
        numbers.Clear();
        if (text.Length > LongestText) return false;

        Stack<Rational> values = new();
        Stack<char> operators = new();
        bool operandExpected = true;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c is ' ' or '\t' or '\r' or '\n') continue;
            if (char.IsAsciiDigit(c))
            {
                int start = i;
                while (i + 1 < text.Length && char.IsAsciiDigit(text[i + 1])) i++;
                ReadOnlySpan<char> digits = text[start..(i + 1)];
                if (!operandExpected || digits.Length > MostDigits || (digits.Length > 1 && c == '0') || numbers.Count == mostNumbers) return false;
                int number = int.Parse(digits, null);
                numbers.Add(number);
                values.Push(number);
                operandExpected = false;
            }
            else if (c == '(')
            {
                if (!operandExpected) return false;
                operators.Push(c);
            }
            else if (c == ')')
            {
                if (operandExpected || !ApplyWhile(operators, values, static top => top != '(') || !operators.TryPop(out _)) return false;
            }
            else if (c is '+' or '-' or '*' or '/')
            {
                if (operandExpected) return false;
                int precedence = Precedence(c);
                if (!ApplyWhile(operators, values, top => Precedence(top) >= precedence)) return false;
                operators.Push(c);
                operandExpected = true;
            }
            else
            {
                return false;
            }
        }

        if (operandExpected || !ApplyWhile(operators, values, static top => top != '(')) return false;
        if (operators.Count > 0) return false;
        value = values.Pop();
        return true;
    }

    private static int Precedence(char c) => c switch { '*' or '/' => 2, '+' or '-' => 1, _ => 0 };

    private static bool ApplyWhile(Stack<char> operators, Stack<Rational> values, Func<char, bool> condition)
    {
        while (operators.TryPeek(out char top) && condition(top))
        {
            operators.Pop();
            Rational b = values.Pop(), a = values.Pop();
            if (top == '/' && b.IsZero) return false;
            values.Push(top switch { '+' => a + b, '-' => a - b, '*' => a * b, _ => a / b });
        }

        return true;
    }
}
