using Hadal.Reinforcement.Evaluation;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;

namespace Hadal.Tests.Reinforcement.Evaluation;

public sealed class TaskScoreTests
{
    private static readonly ProblemListTask s_task = new("letters", [new Problem("q", "R")], ProblemListTask.Text);

    [Fact]
    public void One_of_k_is_the_share_of_all_choices_of_k_answers_that_have_a_right_one()
    {
        Random random = new(1);
        for (int round = 0; round < 20; round++)
        {
            string[] answers = [.. Enumerable.Range(0, 8).Select(_ => random.Next(3) == 0 ? "R" : "W")];
            TaskScore score = TaskScore.Of(s_task, [.. answers.Select(Answered)], samples: 8);
            Assert.Equal([1, 2, 4, 8], score.PassAtK.Keys);
            foreach ((int k, double pass) in score.PassAtK)
            {
                int[] choices = [.. Enumerable.Range(0, 256).Where(bits => int.PopCount(bits) == k)];
                double expected = choices.Average(bits => Enumerable.Range(0, 8).Any(i => (bits >> i & 1) == 1 && answers[i] == "R") ? 1.0 : 0);
                Assert.Equal(expected, pass, 12);
            }
        }
    }

    [Fact]
    public void The_most_frequent_answer_wins_the_earliest_of_equals_and_silence_has_no_vote()
    {
        Assert.Equal(1, Vote("R", "W", "R", "X"));
        Assert.Equal(0, Vote("R", "W", "W", "X"));
        Assert.Equal(1, Vote("R", "W", "W", "R"));
        Assert.Equal(0, Vote("W", "R", "R", "W"));
        Assert.Equal(1, Vote(null, null, null, "R"));
        Assert.Equal(0, Vote(null, null, null, null));

        static double Vote(params string?[] answers) => TaskScore.Of(s_task, [.. answers.Select(Answered)], answers.Length).ConsensusAtK[answers.Length];
    }

    [Fact]
    public void Problems_count_the_same_each()
    {
        TaskScore score = TaskScore.Of(s_task, [.. "RRWWRW".Select(letter => Answered(letter.ToString()))], samples: 2);
        Assert.Equal((3, 2, 0.5), (score.Problems, score.Samples, score.Accuracy));
        Assert.Equal(2 / 3.0, score.PassAtK[2], 12);
        Assert.Equal(2 / 3.0, score.ConsensusAtK[1], 12);
        Assert.Throws<ArgumentException>(() => TaskScore.Of(s_task, [Answered("R")], samples: 2));
    }

    private static Rollout Answered(string? answer)
    {
        string text = answer is null ? "hm" : ResponseFormat.Compose("hm", answer);
        Problem problem = new("q", "R");
        return new Rollout(problem, [1], [2, 3], text, Truncated: false, new RewardFunction().Score(s_task, problem, text, 2));
    }
}
