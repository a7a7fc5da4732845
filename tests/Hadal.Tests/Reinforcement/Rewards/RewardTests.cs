using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Tasks;
using Hadal.Reinforcement.Tasks.Countdown;

namespace Hadal.Tests.Reinforcement.Rewards;

/// <summary>What R1's rewards pay for, and what they don't.</summary>
public sealed class RewardTests
{
    private static readonly CountdownTask s_task = new();
    private static readonly Problem s_problem = s_task.ToProblem([3, 7, 25], 46);

    [Theory]
    [InlineData("<think>7*3=21</think><answer>25+7*3</answer>", 1, 1)]
    [InlineData(" <think>7*3=21</think>\n\n<answer> 25+7*3 </answer>\n", 1, 1)]
    [InlineData("<think>7*3=21</think><answer>25+7+3</answer>", 0, 1)]
    [InlineData("25+7*3", 0, 0)] // outside of the tags
    [InlineData("<answer>25+7*3</answer>", 1, 0)] // without reasoning
    [InlineData("7*3=21</think><answer>25+7*3</answer>", 1, 0)] // the tag that opens is missing
    [InlineData("<think>a</think><answer>25+7*3</answer> hope that helps", 1, 0)]
    [InlineData("<think></think><answer>25+7*3</answer>", 1, 0)] // empty reasoning
    [InlineData("<think>a</think><answer></answer>", 0, 0)]
    [InlineData("<think>a</think><answer>1</answer><answer>25+7*3</answer>", 0, 0)] // two answers
    [InlineData("<think><answer>25+7*3</answer></think>", 0, 0)] // within the reasoning
    [InlineData("<think>a<answer>25+7*3</answer>", 0, 0)] // reasoning without an end
    [InlineData("<think>a</think><answer>25+7*3", 0, 0)] // cut off
    [InlineData("<think>a</think></answer>25+7*3<answer>", 0, 0)]
    [InlineData("<think>a</think><think>b</think><answer>25+7*3</answer>", 1, 0)]
    [InlineData("<THINK>a</THINK><ANSWER>25+7*3</ANSWER>", 0, 0)]
    [InlineData("<think>a</think><answer>25+7*3</answer><think>", 0, 0)]
    [InlineData("", 0, 0)]
    public void Accuracy_and_format_are_paid_apart(string response, double accuracy, double format)
    {
        Reward reward = new RewardFunction().Score(s_task, s_problem, response, 10);
        Assert.Equal((accuracy, format, accuracy + format), (reward.Accuracy, reward.Format, reward.Total));
    }

    [Fact]
    public void A_prompt_that_opens_the_reasoning_expects_the_rest()
    {
        Assert.True(ResponseFormat.IsWellFormed("7*3=21</think><answer>25+7*3</answer>", thinkOpened: true));
        Assert.False(ResponseFormat.IsWellFormed("<think>7*3=21</think><answer>25+7*3</answer>", thinkOpened: true));
        Assert.Equal("7*3=21", ResponseFormat.Reasoning("<think>7*3=21</think><answer>25+7*3</answer>"));
        Assert.Equal("7*3=", ResponseFormat.Reasoning(" 7*3="));
    }

    [Fact]
    public void Length_is_punished_between_the_limits_in_proportion()
    {
        RewardFunction rewards = new() { LengthWeight = 1, SoftLength = 100, HardLength = 200 };
        double[] found = [.. ((int[])[0, 100, 150, 200, 999]).Select(n => rewards.Score(s_task, s_problem, "", n).Length)];
        Assert.Equal([0, 0, -0.5, -1, -1], found);
        Assert.Throws<InvalidOperationException>(() => (rewards with { HardLength = 100 }).Score(s_task, s_problem, "", 1));
    }

    [Theory]
    [InlineData("Let me try seven times three.", WritingSystem.Latin, 1)]
    [InlineData("It's well-known.", WritingSystem.Latin, 1)]
    [InlineData("我们 try 一下", WritingSystem.Han, 4 / 5.0)] // four characters and a word
    [InlineData("我们 try 一下", WritingSystem.Latin, 1 / 5.0)]
    [InlineData("да yes да yes", WritingSystem.Cyrillic, 0.5)]
    [InlineData("1 + 2 = 3", WritingSystem.Latin, 1)] // nothing is mixed
    [InlineData("helloмир", WritingSystem.Latin, 0.5)]
    [InlineData("これは", WritingSystem.Kana, 1)]
    [InlineData("한국어 text", WritingSystem.Hangul, 0.5)]
    public void The_language_reward_is_the_share_of_words(string text, WritingSystem target, double share) =>
        Assert.Equal(share, LanguageConsistency.Share(text, target), 1e-12);

    [Fact]
    public void The_prompt_of_R1_Zero_is_the_papers()
    {
        string prompt = ResponseFormat.R1ZeroPrompt("What is {0}?");
        Assert.StartsWith("A conversation between User and Assistant. The user asks a question, and the Assistant solves it.", prompt, StringComparison.Ordinal);
        Assert.EndsWith(" User: What is {0}?. Assistant:", prompt, StringComparison.Ordinal);
        Assert.Contains("i.e., <think> reasoning process here </think> <answer> answer here </answer>.", prompt, StringComparison.Ordinal);
        Assert.True(ResponseFormat.IsWellFormed(ResponseFormat.Compose("a", "b")));
        Assert.Equal("b", ResponseFormat.Answer(ResponseFormat.Compose("a", "b")));
    }
}
