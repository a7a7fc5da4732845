using System.Numerics;
using System.Text.Json;
using Hadal.Reinforcement.Answers;
using Hadal.Tests.Tokenization;

namespace Hadal.Tests.Reinforcement.Answers;

/// <summary>Mathematical answers in other words, and answers that only look alike.</summary>
public sealed class MathAnswerTests
{
    [Theory]
    [InlineData(@"\frac{1}{2}", "1/2")]
    [InlineData(@"\frac{1}{2}", "0.5")]
    [InlineData(@"\frac{1}{2}", ".5")]
    [InlineData(@"\frac{1}{2}", @"\dfrac12")]
    [InlineData(@"\frac{1}{2}", @"\frac{2}{4}")]
    [InlineData(@"-\frac{35}{9}", @"\frac{-35}{9}")]
    [InlineData(@"\frac 59", "5/9")]
    [InlineData(@"\frac{270}7\text{ degrees}", @"\frac{270}{7}")]
    [InlineData(@"\left( 3, \frac{\pi}{2} \right)", @"(3,\pi/2)")]
    [InlineData(@"(-2,1)", @"$(-2, 1)$")]
    [InlineData(@"3\sqrt{13}", @"\sqrt{117}")]
    [InlineData(@"3\sqrt{13}", "3*sqrt(13)")]
    [InlineData(@"11\sqrt2", @"11 \sqrt{2}")]
    [InlineData(@"\frac{\sqrt{3}}{3}", @"\frac{1}{\sqrt{3}}")]
    [InlineData(@"\frac{20000}{\pi}", @"20000 \pi^{-1}")]
    [InlineData(@"18+2\pi", @"2(\pi + 9)")]
    [InlineData(@"90^\circ", "90")]
    [InlineData(@"90^\circ", @"90^{\circ}")]
    [InlineData(@"90^\circ", "90 degrees")]
    [InlineData(@"90^\circ", "90°")]
    [InlineData(@"10,\!080", "10080")]
    [InlineData(@"10,\!080", "10,080")]
    [InlineData(@"11,\! 111,\! 111,\! 100", "11111111100")]
    [InlineData("58,500", "58500")]
    [InlineData(@"\$32,\!348", "32348")]
    [InlineData(@"\$18.90", "$18.9")]
    [InlineData("50", @"50\%")]
    [InlineData(@"15\mbox{ cm}^2", "15")]
    [InlineData(@"864 \mbox{ inches}^2", @"864 \text{ square inches}")]
    [InlineData(@"5.4 \text{ cents}", "5.4")]
    [InlineData(@"1\frac{4}{5}", "9/5")]
    [InlineData(@"1\frac{4}{5}", "1 4/5")]
    [InlineData(@"137 \frac{1}{2}", "137.5")]
    [InlineData("x=5", "5")]
    [InlineData("5", "x = 5")]
    [InlineData(@"x \in [-2,7]", "[-2, 7]")]
    [InlineData("1,-2", "-2, 1")]
    [InlineData("3, 5, 7", @"7, 3 \text{ and } 5")]
    [InlineData(@"1 \pm \sqrt{19}", @"1-\sqrt{19}, 1+\sqrt{19}")]
    [InlineData(@"\{1\pm\sqrt{5},-2\}", @"-2, 1+\sqrt5, 1-\sqrt5")]
    [InlineData(@"\text{(C)}", "C")]
    [InlineData(@"\text{(C)}", "(C)")]
    [InlineData(@"\text{Evelyn}", "Evelyn")]
    [InlineData(@"\text{Evelyn}", @"\textbf{evelyn}.")]
    [InlineData(@"52_8", "52_{8}")]
    [InlineData(@"(-\infty, 2) \cup (3, \infty)", @"(3,\infty)\cup(-\infty,2)")]
    [InlineData(@"\left(\frac{3}{5},\frac{8}{3}\right]", @"(0.6, 8/3]")]
    [InlineData(@"(2,12) \cup (12,102)", @"(2, 12) ∪ (12, 102)")]
    [InlineData(@"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}", @"\begin{bmatrix}-\frac13\\\frac23\\\frac53\end{bmatrix}")]
    [InlineData(@"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}", @"\begin{pmatrix}-1&0\\0&-1\\\end{pmatrix}")]
    [InlineData(@"y = 2x + 3", "y - 2x = 3")]
    [InlineData(@"y = 2x + 3", "2x+3")]
    [InlineData(@"5x - 7y + 11z + 4 = 0", "-10x+14y-22z=8")]
    [InlineData("(a+5)(b+2)", "ab + 2a + 5b + 10")]
    [InlineData("6 - 5i", "-5i+6")]
    [InlineData("1+274i", "1 + 274 i")]
    [InlineData(@"\frac{11+9a}{20}", @"\frac{9a}{20} + 0.55")]
    [InlineData(@"6r^2-4r-24", "2(3r^2 - 2r - 12)")]
    [InlineData(@"\cot x", @"\frac{\cos x}{\sin x}")]
    [InlineData(@"\cot x", @"\frac{1}{\tan(x)}")]
    [InlineData(@"x^8 + x^7 + x^6 + x^5 + x^4 + x^3 + x^2 + x + 1", @"\frac{x^9-1}{x-1}")]
    [InlineData(@"\log_2 8", "3")]
    [InlineData("42", @"\boxed{42}")]
    [InlineData("42", @"The answer is $\boxed{42}$.")]
    [InlineData(@"\frac{1}{2}", @"\boxed{\frac{1}{2}}")]
    public void The_same_answer_in_other_words(string expected, string answer)
    {
        Assert.True(MathAnswer.AreEquivalent(expected, answer));
        Assert.True(MathAnswer.AreEquivalent(answer, expected));
    }

    [Theory]
    [InlineData("42", "24")]
    [InlineData("42", "42 or 43")]
    [InlineData("42", "42, 43")]
    [InlineData("42", @"42 \text{ or } 43")]
    [InlineData("42", @"42 \text{ bananas}")]
    [InlineData("42", "")]
    [InlineData("12", "1 2")]
    [InlineData(@"\frac{1}{3}", "0.33333333333333333333")]
    [InlineData(@"\sqrt{2}", "1.4142135623730950488")]
    [InlineData(@"\pi", "3.14159265358979323846")]
    [InlineData(@"\pi", "22/7")]
    [InlineData("3.21", "3.2100000000000000000001")]
    [InlineData("(3,4]", "[3,4]")]
    [InlineData("(3,4)", "(4,3)")]
    [InlineData("(3,4)", "3,4")]
    [InlineData("(-2,1)", "(-2,1,0)")]
    [InlineData("52_8", "52")]
    [InlineData("52_8", "42")]
    [InlineData("1 \\pm \\sqrt{19}", "1+\\sqrt{19}")]
    [InlineData(@"\text{east}", @"\text{seat}")]
    [InlineData(@"\text{even}", "odd")]
    [InlineData(@"\text{(C)}", "B")]
    [InlineData(@"(2,\infty)", @"(2,-\infty)")]
    [InlineData(@"(9,100)", "(9100)")]
    [InlineData("p - q", "q - p")]
    [InlineData("y = 2x + 3", "y = 2x - 3")]
    [InlineData("y = 2x + 3", "0 = 0")]
    [InlineData("(a+5)(b+2)", "(a+5)(b+3)")]
    [InlineData(@"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", @"\begin{pmatrix} 1 & 2 \end{pmatrix}")]
    [InlineData("5x - 7y + 11z + 4 = 0", "5x - 7y + 11z - 4 = 0")]
    [InlineData("225", "15^{2^{1000000}}")]
    [InlineData("5", @"\text{not } 5")]
    public void Another_answer(string expected, string answer)
    {
        Assert.False(MathAnswer.AreEquivalent(expected, answer));
        Assert.False(MathAnswer.AreEquivalent(answer, expected));
    }

    [SkippableFact]
    public void Every_answer_of_MATH_500_equals_itself_and_its_common_rewritings()
    {
        foreach (string answer in Math500())
        {
            string[] rewritings =
            [
                answer, $"${answer}$", $@"\boxed{{{answer}}}", $" {answer} .", $@"\({answer}\)", $@"so the result is $\boxed{{{answer}}}$.", answer.Replace(@"\frac{", @"\dfrac{", StringComparison.Ordinal),
                answer.Replace(@"\left", "", StringComparison.Ordinal).Replace(@"\right", "", StringComparison.Ordinal),
                answer.Replace(" ", answer.Contains(@"\text", StringComparison.Ordinal) || answer.Contains(@"\mbox", StringComparison.Ordinal) || MixedWithSpaces(answer) ? " " : "", StringComparison.Ordinal),
                answer.Replace(@"\pi", "π", StringComparison.Ordinal), answer.Replace(@"^\circ", @"^{\circ}", StringComparison.Ordinal), answer.Replace(@",\! ", ",", StringComparison.Ordinal).Replace(@",\!", ",", StringComparison.Ordinal),
            ];
            foreach (string rewriting in rewritings)
            {
                Assert.True(MathAnswer.AreEquivalent(answer, rewriting), $"{answer} and {rewriting}");
                Assert.True(MathAnswer.AreEquivalent(rewriting, answer), $"{rewriting} and {answer}");
            }
        }

        // Commands need the space that ends them: \cot x, \in [.
        static bool MixedWithSpaces(string answer) => answer.Contains(@"\cot ", StringComparison.Ordinal) || answer.Contains(@"\pi ", StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Answers_of_MATH_500_with_different_spellings_are_different_unless_their_values_are_the_same()
    {
        string[] answers = [.. Math500().Select(MathAnswer.Normalise).Distinct()];
        List<string> pairs = [];
        for (int i = 0; i < answers.Length; i++)
        {
            for (int j = i + 1; j < answers.Length; j++)
            {
                if (MathAnswer.AreEquivalent(answers[i], answers[j])) pairs.Add($"{answers[i]} | {answers[j]}");
            }
        }

        // The few that agree, looked at one by one.
        Assert.All(pairs, static pair => Assert.Contains(pair, s_equalPairs));
        Assert.Equal(s_equalPairs.Length, pairs.Count);
    }

    [SkippableFact]
    public void All_answers_of_MATH_500_but_words_are_understood_and_not_only_compared_as_text()
    {
        string[] unparsed = [.. Math500().Where(static a => MathObjectParser.Parse(LatexScanner.Scan(a)) is null)];
        Assert.Empty(unparsed);
    }

    [Fact]
    public void Different_numbers_are_never_equal_and_equal_ones_always()
    {
        Random random = new(6);
        for (int i = 0; i < 3_000; i++)
        {
            BigInteger p = Number(random), q = Number(random) + 1, r = random.Next(3) == 0 ? p : p + random.Next(-2, 3), s = random.Next(3) == 0 ? q : q + random.Next(0, 2);
            bool equal = p * s == r * q;
            Assert.Equal(equal, MathAnswer.AreEquivalent($@"\frac{{{p}}}{{{q}}}", $"{r}/{s}"));
            Assert.Equal(p == r, MathAnswer.AreEquivalent($"{p}", $"{r}"));
            Assert.Equal(p == r, MathAnswer.AreEquivalent($"{p}.{q}", $"{r}.{q}0"));

            int a = random.Next(1, 50), b = random.Next(2, 200), c = random.Next(1, 50), d = random.Next(2, 200);
            Assert.Equal((long)a * a * b == (long)c * c * d, MathAnswer.AreEquivalent($@"{a}\sqrt{{{b}}}", $@"{c} \sqrt{{{d}}}"));
            Assert.Equal(a == c, MathAnswer.AreEquivalent($@"{a}\pi", $@"{c} \pi"));
            Assert.Equal(Math.Sqrt(b) == c, MathAnswer.AreEquivalent($@"\sqrt{{{b}}}", $"{c}"));
            Assert.False(MathAnswer.AreEquivalent($@"\sqrt{{{b}}}", $"{Math.Sqrt(b) + 1e-14:F15}9"));
        }

        static BigInteger Number(Random random) => new BigInteger(random.NextInt64(1, long.MaxValue >> random.Next(60))) * (random.Next(2) == 0 ? 1 : random.Next(1, 1_000_000));
    }

    [Theory]
    [InlineData(@"so \boxed{1} and \boxed{\frac{1}{2}}", @"\frac{1}{2}")]
    [InlineData(@"\boxed{\{1, 2\}}", @"\{1, 2\}")]
    [InlineData(@"\boxed{1", null)]
    [InlineData(@"\boxed 1", null)]
    [InlineData("1", null)]
    public void The_last_box_is_opened(string text, string? content) => Assert.Equal(content, MathAnswer.LastBoxed(text));

    private static readonly string[] s_equalPairs = ["5 | x=5", "1,-2 | -2,1", "frac {1}{4} | frac 14", "15 | 15 cm ^2"];

    private static string[] Math500()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("math500/math500_test.json")));
        return [.. document.RootElement.EnumerateArray().Select(static p => p.GetProperty("answer").GetString()!).Distinct()];
    }
}
