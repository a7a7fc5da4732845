using Hadal.Reinforcement.Answers;

namespace Hadal.Tests.Reinforcement.Answers;

/// <summary>Expressions evaluated exactly, and everything else refused.</summary>
public sealed class ExactExpressionTests
{
    [Theory]
    [InlineData("3", "3")]
    [InlineData("1+2*3", "7")]
    [InlineData("(1+2)*3", "9")]
    [InlineData("8/(3-8/3)", "24")]
    [InlineData("1/3+1/6", "1/2")]
    [InlineData("2-3-4", "-5")]
    [InlineData("12/4/3", "1")]
    [InlineData(" ( 25 - 4 ) * 2 ", "42")]
    [InlineData("999999999*999999999", "999999998000000001")]
    [InlineData("0*5", "0")]
    public void Expressions_have_their_exact_value(string text, string value)
    {
        Assert.True(ExactExpression.TryEvaluate(text, 10, [], out Rational found));
        Assert.Equal(value, found.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("+3")]
    [InlineData("-3")]
    [InlineData("3+-3")]
    [InlineData("3--3")]
    [InlineData("2**3")]
    [InlineData("2^3")]
    [InlineData("7//2")]
    [InlineData("3 7")]
    [InlineData("03")]
    [InlineData("3!")]
    [InlineData("1.5")]
    [InlineData("1e3")]
    [InlineData("3(4)")]
    [InlineData("(3")]
    [InlineData("3)")]
    [InlineData("()")]
    [InlineData("3+")]
    [InlineData("3 = 3")]
    [InlineData("5/0")]
    [InlineData("5/(3-3)")]
    [InlineData("٣+٤")]
    [InlineData("３+４")]
    [InlineData("3×4")]
    [InlineData("3−1")]
    [InlineData("1234567890")]
    [InlineData("3+\u00a04")]
    [InlineData("__import__('os')")]
    public void Everything_else_is_no_expression(string text) => Assert.False(ExactExpression.TryEvaluate(text, 10, [], out _));

    [Fact]
    public void Neither_depth_nor_length_overflows_anything()
    {
        foreach (int depth in (int[])[1_000, 1_000_000])
        {
            string nested = new string('(', depth) + "3" + new string(')', depth);
            Assert.Equal(nested.Length <= ExactExpression.LongestText, ExactExpression.TryEvaluate(nested, 4, [], out _));
            Assert.False(ExactExpression.TryEvaluate(new string('(', depth), 4, [], out _));
            Assert.False(ExactExpression.TryEvaluate(string.Concat(Enumerable.Repeat("9+", depth)) + "9", 4, [], out _));
        }
    }

    [Fact]
    public void Random_expressions_have_the_value_that_double_precision_gives_them()
    {
        Random random = new(11);
        for (int i = 0; i < 2_000; i++)
        {
            (string text, double value) = Make(random, 4);
            if (!ExactExpression.TryEvaluate(text, 16, [], out Rational found))
            {
                Assert.False(double.IsFinite(value), text);
                continue;
            }

            Assert.Equal(value, found.ToDouble(), Math.Max(1e-9, Math.Abs(value) * 1e-9));
        }

        static (string, double) Make(Random random, int depth)
        {
            if (depth == 0 || random.Next(4) == 0)
            {
                int number = random.Next(1, 30);
                return ($"{number}", number);
            }

            (string a, double x) = Make(random, depth - 1);
            (string b, double y) = Make(random, depth - 1);
            return random.Next(4) switch
            {
                0 => ($"({a}+{b})", x + y),
                1 => ($"({a}-{b})", x - y),
                2 => ($"(({a})*{b})", x * y),
                _ => ($"(({a})/({b}))", Math.Abs(y) < 1e-12 ? double.NaN : x / y),
            };
        }
    }
}
