using Hadal.Reinforcement.Tasks;

namespace Hadal.Reinforcement.Rewards;

/// <summary>What a response earned, part by part; each part is before its weight.</summary>
/// <param name="Accuracy">1 for a right answer, else 0.</param>
/// <param name="Format">1 for the form of <see cref="ResponseFormat"/>, else 0.</param>
/// <param name="Length">0 up to the soft limit, -1 at the hard one.</param>
/// <param name="Language">Share of words of the reasoning in the target language.</param>
/// <param name="Total">The weighted sum that training sees.</param>
public readonly record struct Reward(double Accuracy, double Format, double Length, double Language, double Total);

/// <summary>
/// Rewards by rule: accuracy and format with equal weight as R1-Zero had them (arXiv 2501.12948, section 2.2.2), and where wanted language
/// consistency (2.3.2) and DAPO's soft punishment of length (arXiv 2503.14476, equation 13).
/// </summary>
public sealed record RewardFunction
{
    /// <summary>Weight of a right answer.</summary>
    public double AccuracyWeight { get; init; } = 1;

    /// <summary>Weight of the form.</summary>
    public double FormatWeight { get; init; } = 1;

    /// <summary>Weight of the share of words in <see cref="Language"/>.</summary>
    public double LanguageWeight { get; init; }

    /// <summary>The language that reasoning should keep to.</summary>
    public WritingSystem Language { get; init; } = WritingSystem.Latin;

    /// <summary>Weight of the punishment of length.</summary>
    public double LengthWeight { get; init; }

    /// <summary>Tokens beyond which length is punished.</summary>
    public int SoftLength { get; init; } = int.MaxValue / 2;

    /// <summary>Tokens at which the punishment is whole.</summary>
    public int HardLength { get; init; } = int.MaxValue;

    /// <summary>Whether prompts end with <c>&lt;think&gt;</c>.</summary>
    public bool ThinkOpened { get; init; }

    /// <summary>Scores a response. Takes any text.</summary>
    /// <param name="task">The task that the problem is of.</param>
    /// <param name="problem">What was asked.</param>
    /// <param name="response">What the model wrote, without the prompt.</param>
    /// <param name="tokens">Its length.</param>
    /// <exception cref="InvalidOperationException">The hard limit of length is not beyond the soft one.</exception>
    public Reward Score(VerifiableTask task, Problem problem, string response, int tokens)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(response);
        if (HardLength <= SoftLength)
        {
            throw new InvalidOperationException($"expected a hard limit beyond the soft limit of {SoftLength} tokens, found {HardLength}");
        }

        double accuracy = ResponseFormat.Answer(response) is { } answer && task.Verify(problem, answer) ? 1 : 0;
        double format = ResponseFormat.IsWellFormed(response, ThinkOpened) ? 1 : 0;
        double length = -Math.Clamp(((double)tokens - SoftLength) / ((double)HardLength - SoftLength), 0, 1);
        double language = LanguageWeight == 0 ? 1 : LanguageConsistency.Share(ResponseFormat.Reasoning(response), Language);
        double total = AccuracyWeight * accuracy + FormatWeight * format + LengthWeight * length + LanguageWeight * language;
        return new Reward(accuracy, format, length, language, total);
    }
}
