using System.Text.Json;
using Hadal.Reinforcement.Losses;
using static Hadal.Tests.Reinforcement.Losses.GoldenLosses;

namespace Hadal.Tests.Reinforcement.Losses;

/// <summary>Advantages of groups against TRL and against their definitions.</summary>
public sealed class GroupAdvantagesTests
{
    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Advantages_are_those_of_TRL(int index)
    {
        JsonElement c = Read("grpo_advantages").GetProperty("cases")[index];
        float[] parts = Floats(c.GetProperty("rewards_per_func")), weights = Floats(c.GetProperty("reward_weights"));
        float[] rewards = [.. parts.Chunk(weights.Length).Select(row => row.Zip(weights, static (r, w) => r * w).Sum())];
        int group = c.GetProperty("num_generations").GetInt32();
        float[] found = c.GetProperty("scale_rewards").GetString() switch
        {
            "group" => GroupAdvantages.Normalised(rewards, group),
            "batch" => GroupAdvantages.ScaledByBatch(rewards, group),
            _ => GroupAdvantages.Centred(rewards, group),
        };
        Close(Floats(c.GetProperty("advantages")), found, 2e-6, "advantages");
    }

    [Fact]
    public void Leaving_one_out_compares_each_with_the_mean_of_the_others()
    {
        // 1 - (0 + 0 + 2) / 3, 0 - (1 + 0 + 2) / 3, ..., 2 - (1 + 0 + 0) / 3
        Close([1 / 3f, -1, -1, 5 / 3f], GroupAdvantages.LeaveOneOut([1, 0, 0, 2], 4), 1e-6, "advantages");

        // It is the centred reward times n / (n - 1).
        Random random = new(4);
        float[] rewards = [.. Enumerable.Range(0, 24).Select(_ => random.NextSingle())];
        float[] centred = GroupAdvantages.Centred(rewards, 8);
        Close([.. centred.Select(static a => a * 8 / 7)], GroupAdvantages.LeaveOneOut(rewards, 8), 1e-6, "advantages");
    }

    [Fact]
    public void ReinforcePlusPlus_gives_each_token_the_reward_less_the_KL_to_come_normalised_over_the_batch()
    {
        // Before normalising, with β = 0.5: second response 2 - 0.5·0.2 = 1.9 at its only token; first response at its last token
        // 1 - 0.5·(-0.4) = 1.2, before it 1.2 - 0.5·0.2 = 1.1.
        float[] found = GroupAdvantages.ReinforcePlusPlus([1, 2], [2, 1], [-1, -1.2f, -2], [-1.2f, -0.8f, -2.2f], 0.5);
        double mean = (1.1 + 1.2 + 1.9) / 3, deviation = Math.Sqrt((Math.Pow(1.1 - mean, 2) + Math.Pow(1.2 - mean, 2) + Math.Pow(1.9 - mean, 2)) / 2);
        Close([(float)((1.1 - mean) / deviation), (float)((1.2 - mean) / deviation), (float)((1.9 - mean) / deviation)], found, 1e-5, "advantages");
    }

    [Fact]
    public void Groups_without_a_difference_have_no_signal()
    {
        Assert.Equal([1, 3], GroupAdvantages.GroupsWithSignal([0, 0, 1, 0, 1, 1, 0.5f, 0], 2));
        Assert.Equal([0, 0, 0, 0], GroupAdvantages.Normalised([2, 2, 2, 2], 4));
    }

    [Fact]
    public void Rewards_that_are_not_whole_groups_are_refused()
    {
        Assert.Throws<ArgumentException>(() => GroupAdvantages.Normalised([1, 2, 3], 2));
        Assert.Throws<ArgumentException>(() => GroupAdvantages.LeaveOneOut([1, 2, 3], 1));
        Assert.Throws<ArgumentException>(() => GroupAdvantages.Centred([], 2));
    }
}
