using Hadal.Reinforcement.Answers;

namespace Hadal.Tests.Reinforcement.Answers;

/// <summary>The one number, or the one letter, that an answer names.</summary>
public sealed class NumberAnswerTests
{
    [Theory]
    [InlineData("72", "72")]
    [InlineData("72.", "72")]
    [InlineData("72.0", "72")]
    [InlineData("$72", "72")]
    [InlineData(@"\$72", "72")]
    [InlineData("72 clips", "72")]
    [InlineData("Natalia sold 72 clips.", "72")]
    [InlineData("-5", "-5")]
    [InlineData("-$5.50", "-11/2")]
    [InlineData("1,234", "1234")]
    [InlineData("1,234,567.5", "2469135/2")]
    [InlineData(".5", "1/2")]
    [InlineData("0", "0")]
    [InlineData("75%", "75")]
    [InlineData("x = 75", "75")]
    [InlineData(@"\boxed{75}", "75")]
    [InlineData("123456789012345678901234567890", "123456789012345678901234567890")]
    public void One_number_is_found(string text, string value)
    {
        Assert.True(NumberAnswer.TryParse(text, out Rational found));
        Assert.Equal(value, found.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("seventy-two")]
    [InlineData("72 or 73")]
    [InlineData("70 + 2")]
    [InlineData("1/2")]
    [InlineData("46 = 46")]
    [InlineData("3-5")]
    [InlineData("--5")]
    [InlineData("- 5")]
    [InlineData("x = -  5")]
    [InlineData("007")]
    [InlineData("1,23")]
    [InlineData("1234,567")]
    [InlineData("1 000")]
    [InlineData("x72")]
    [InlineData("7²")]
    [InlineData("٧٢")]
    [InlineData("７２")]
    [InlineData("𝟕𝟐")]
    [InlineData("2^3")]
    [InlineData("1.2.3")]
    [InlineData("<72>")]
    [InlineData("72+x")]
    [InlineData("72*1")]
    [InlineData(@"\frac{72}{}")]
    [InlineData(@"\boxed{72")]
    [InlineData(@"\boxed{72}}")]
    public void Anything_else_names_no_number(string text) => Assert.False(NumberAnswer.TryParse(text, out _), text);

    [Theory]
    [InlineData("B", 'B')]
    [InlineData("(B)", 'B')]
    [InlineData("b.", 'B')]
    [InlineData(" B) ", 'B')]
    [InlineData(@"\text{(B)}", 'B')]
    [InlineData("A or B", null)]
    [InlineData("AB", null)]
    [InlineData("", null)]
    [InlineData("Β", null)] // a Greek capital
    public void One_letter_is_found(string text, char? letter) => Assert.Equal(letter, ChoiceAnswer.Letter(text));
}
