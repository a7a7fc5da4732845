using System.Globalization;

namespace Hadal.Reinforcement.Diagnosis;

/// <summary>Why a policy doesn't learn.</summary>
public enum LearningTrouble
{
    /// <summary>Nothing is wrong that the numbers show.</summary>
    None,

    /// <summary>There are too few steps to say.</summary>
    TooEarly,

    /// <summary>A statistic is not a number.</summary>
    NotANumber,

    /// <summary>The policy has run away from the reference.</summary>
    Diverged,

    /// <summary>Responses end at the limit of tokens, not by themselves.</summary>
    Truncated,

    /// <summary>The base never writes the form, so no answer is found.</summary>
    NoFormat,

    /// <summary>The form is there, but never the right answer.</summary>
    NoRightAnswer,

    /// <summary>Every answer is right: there is nothing left to learn.</summary>
    Solved,

    /// <summary>The policy always writes the same.</summary>
    Collapsed,

    /// <summary>Within each group all rewards are the same.</summary>
    NoSignal,

    /// <summary>Most tokens are held at the clip: the updates are too large.</summary>
    Clipped,

    /// <summary>The policy doesn't move.</summary>
    TooSlow,
}

/// <summary>The answer to "why is my reward not rising", from the last steps' statistics.</summary>
/// <param name="Trouble">The likely cause.</param>
/// <param name="Sentence">The cause with its figures and what to try, in a sentence.</param>
public sealed record LearningDiagnosis(LearningTrouble Trouble, string Sentence)
{
    /// <summary>Steps that a judgment needs.</summary>
    public const int FewestSteps = 4;

    /// <summary>Steps that a judgment looks at.</summary>
    internal const int Window = 20;

    /// <summary>Names the likely cause. The rules are tried from what hides others to what others hide.</summary>
    /// <param name="steps">All steps so far; the last 20 are looked at.</param>
    public static LearningDiagnosis Of(IReadOnlyList<StepStatistics> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        StepStatistics[] last = [.. steps.Skip(steps.Count - Window)];
        if (last.Any(static s => !double.IsFinite(s.Reward) || !double.IsFinite(s.Divergence)))
        {
            return Say(
                LearningTrouble.NotANumber,
                $"The loss or reward is not a number: lower the learning rate, and look for a response without tokens.");
        }

        if (last.Length < FewestSteps)
        {
            return Say(LearningTrouble.TooEarly, $"There are {last.Length} steps, too few to judge: at least {FewestSteps} are needed.");
        }

        return OfFlight(last) ?? OfResponses(last) ?? OfGroups(last) ?? OfUpdates(last);
    }

    private static double Rise(StepStatistics[] last) =>
        Mean(last[(last.Length / 2)..], static s => s.Reward) - Mean(last[..(last.Length / 2)], static s => s.Reward);

    private static LearningDiagnosis? OfFlight(StepStatistics[] last)
    {
        double divergence = Mean(last, static s => s.Divergence);
        if (divergence <= 1 || Rise(last) > 0) return null;
        return Say(
            LearningTrouble.Diverged,
            $"The policy is {divergence:0.##} nats a token from the reference and the reward does not rise: lower the learning rate, or",
            "raise the KL weight.");
    }

    // What the responses look like one by one.
    private static LearningDiagnosis? OfResponses(StepStatistics[] last)
    {
        double accuracy = Mean(last, static s => s.Accuracy), format = Mean(last, static s => s.Format);
        if (Mean(last, static s => s.Truncated) is > 0.5 and double truncated)
        {
            return Say(
                LearningTrouble.Truncated,
                $"{truncated:P0} of the responses end at the limit of tokens ({Mean(last, static s => s.Length):0} on average) before they",
                "answer: raise the limit, or punish length.");
        }

        if (accuracy >= 0.98)
        {
            return Say(
                LearningTrouble.Solved, $"{accuracy:P0} of the answers are right: there is nothing left to learn here, so raise the difficulty.");
        }

        if (accuracy == 0 && format < 0.02)
        {
            return Say(
                LearningTrouble.NoFormat,
                $"{format:P1} of the responses have the form <think>...</think><answer>...</answer>, so no answer is found: train on some",
                "worked solutions first (cold start), or look at the prompt's template.");
        }

        if (Mean(last, static s => s.Entropy) is < 0.01 and double entropy)
        {
            return Say(
                LearningTrouble.Collapsed,
                $"The policy's entropy is {entropy:0.####} nats, so every response to a prompt is the same: raise the sampling",
                "temperature, lower the learning rate, or start again from an earlier checkpoint.");
        }

        return null;
    }

    // What there is to learn from comparing them.
    private static LearningDiagnosis? OfGroups(StepStatistics[] last)
    {
        double accuracy = Mean(last, static s => s.Accuracy), format = Mean(last, static s => s.Format);
        if (accuracy == 0)
        {
            return Say(
                LearningTrouble.NoRightAnswer,
                $"{format:P0} of the responses have the form but none of the answers is right: make the problems easier, train on worked",
                "solutions first, or sample more responses to a prompt.");
        }

        if (Mean(last, static s => s.GroupsWithSignal) is < 0.05 and double signal)
        {
            return Say(
                LearningTrouble.NoSignal,
                $"In {1 - signal:P0} of the groups all rewards are the same, so there is nothing to compare: sample more responses to a",
                "prompt, mix difficulties, or drop such groups (dynamic sampling).");
        }

        return null;
    }

    // How far the updates go.
    private static LearningDiagnosis OfUpdates(StepStatistics[] last)
    {
        double reward = Mean(last, static s => s.Reward), rise = Rise(last);
        double divergence = Mean(last, static s => s.Divergence), clipped = Mean(last, static s => s.Clipped);
        if (clipped > 0.5)
        {
            return Say(
                LearningTrouble.Clipped,
                $"{clipped:P0} of the tokens are held at the clip: lower the learning rate, or make fewer updates on the same samples.");
        }

        if (last.Length >= Window && Math.Abs(rise) < 0.01 && divergence < 1e-4 && clipped == 0)
        {
            return Say(
                LearningTrouble.TooSlow,
                $"In {last.Length} steps the reward stayed at {reward:0.###} and the policy moved {divergence:0.######} nats a token:",
                "raise the learning rate.");
        }

        string direction = rise >= 0 ? "up" : "down";
        return Say(
            LearningTrouble.None, $"The reward is {reward:0.###}, {direction} {Math.Abs(rise):0.###} within the last {last.Length} steps.");
    }

    private static double Mean(StepStatistics[] steps, Func<StepStatistics, double> of) => steps.Length == 0 ? 0 : steps.Average(of);

    private static LearningDiagnosis Say(LearningTrouble trouble, FormattableString sentence, string rest = "") =>
        new(trouble, rest.Length == 0 ? Text(sentence) : $"{Text(sentence)} {rest}");

    private static string Text(FormattableString sentence) => sentence.ToString(CultureInfo.InvariantCulture);
}
