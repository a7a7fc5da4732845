using Hadal.Reinforcement.Diagnosis;
using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Rewards;

namespace Hadal.Tests.Reinforcement.Diagnosis;

/// <summary>Each cause of not learning is named where it is the cause, and not where nothing is wrong.</summary>
public sealed class LearningDiagnosisTests
{
    private static readonly StepStatistics s_healthy = new(
        Responses: 64, Reward: 1.2, Accuracy: 0.4, Format: 0.8, GroupsWithSignal: 0.7, Length: 60, Truncated: 0.05, Entropy: 0.9, Divergence: 0.02, Clipped: 0.03,
        Best: 0, Worst: 1);

    public static TheoryData<LearningTrouble, string> Causes => new()
    {
        { LearningTrouble.None, "The reward is 1.2" },
        { LearningTrouble.NotANumber, "not a number" },
        { LearningTrouble.Diverged, "lower the learning rate" },
        { LearningTrouble.Truncated, "raise the limit" },
        { LearningTrouble.NoFormat, "cold start" },
        { LearningTrouble.NoRightAnswer, "make the problems easier" },
        { LearningTrouble.Solved, "raise the difficulty" },
        { LearningTrouble.Collapsed, "raise the sampling temperature" },
        { LearningTrouble.NoSignal, "all rewards are the same" },
        { LearningTrouble.Clipped, "held at the clip" },
        { LearningTrouble.TooSlow, "raise the learning rate" },
    };

    [Theory]
    [MemberData(nameof(Causes))]
    public void The_cause_is_named(LearningTrouble cause, string advice)
    {
        StepStatistics step = cause switch
        {
            LearningTrouble.NotANumber => s_healthy with { Divergence = double.NaN },
            LearningTrouble.Diverged => s_healthy with { Divergence = 5 },
            LearningTrouble.Truncated => s_healthy with { Truncated = 0.9, Accuracy = 0, Format = 0 },
            LearningTrouble.NoFormat => s_healthy with { Accuracy = 0, Format = 0, Reward = 0, GroupsWithSignal = 0 },
            LearningTrouble.NoRightAnswer => s_healthy with { Accuracy = 0, GroupsWithSignal = 0 },
            LearningTrouble.Solved => s_healthy with { Accuracy = 1, GroupsWithSignal = 0 },
            LearningTrouble.Collapsed => s_healthy with { Entropy = 0.001, GroupsWithSignal = 0 },
            LearningTrouble.NoSignal => s_healthy with { GroupsWithSignal = 0 },
            LearningTrouble.Clipped => s_healthy with { Clipped = 0.8 },
            LearningTrouble.TooSlow => s_healthy with { Divergence = 1e-7, Clipped = 0 },
            _ => s_healthy,
        };
        LearningDiagnosis found = LearningDiagnosis.Of([.. Enumerable.Repeat(step, 25)]);
        Assert.Equal(cause, found.Trouble);
        Assert.Contains(advice, found.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reward_that_rises_is_no_divergence_and_old_steps_do_not_count()
    {
        StepStatistics[] rising = [.. Enumerable.Range(0, 20).Select(i => s_healthy with { Divergence = 2, Reward = 0.1 * i })];
        Assert.Equal(LearningTrouble.None, LearningDiagnosis.Of(rising).Trouble);
        StepStatistics[] recovered = [.. Enumerable.Repeat(s_healthy with { Format = 0, Accuracy = 0 }, 50), .. Enumerable.Repeat(s_healthy, 20)];
        Assert.Equal(LearningTrouble.None, LearningDiagnosis.Of(recovered).Trouble);
        Assert.Equal(LearningTrouble.TooEarly, LearningDiagnosis.Of([s_healthy, s_healthy]).Trouble);
        Assert.Equal(LearningTrouble.TooEarly, LearningDiagnosis.Of([]).Trouble);
    }

    [Fact]
    public void Statistics_are_counted_from_the_samples()
    {
        Reward right = new(1, 1, 0, 1, 2), formed = new(0, 1, 0, 1, 1), nothing = new(0, 0, 0, 1, 0);
        PolicyLoss loss = new(0.5, new float[6], ClippedLow: 0.1, ClippedHigh: 0.2, Divergence: 0.03);
        StepStatistics found = StepStatistics.Of([formed, formed, right, nothing], 2, [1, 2, 2, 1], [false, false, false, true], [0.5f, 0.5f, 1, 1, 0, 0], loss);
        Assert.Equal(new StepStatistics(4, 1, 0.25, 0.75, 0.5, 1.5, 0.25, 0.5, 0.03, 0.1 + 0.2, 2, 3), found);
        Assert.Throws<ArgumentException>(() => StepStatistics.Of([right, right], 2, [1], [false, false], [], loss));
    }
}
