using System.Globalization;

namespace Hadal.Reinforcement.Tasks.Countdown;

/// <summary>Numbers read out digit by digit: 46 is <c>four.six</c>.</summary>
internal static class DigitWords
{
    private static readonly string[] s_words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

    /// <summary>All digits of a number from 0 on, dots between.</summary>
    public static string Of(int number) => string.Join('.', number.ToString(CultureInfo.InvariantCulture).Select(static digit => s_words[digit - '0']));

    /// <summary>The last digit of a number from 0 on.</summary>
    public static string LastOf(int number) => s_words[number % 10];
}
