using Hadal.Cli.Bench;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Models;

namespace Hadal.Tests.Cli;

/// <summary>What shared prompts and speculation change of a step's rollouts: the work, and no token.</summary>
public sealed class RolloutBenchTests
{
    [Theory]
    [InlineData(0, 2)]
    [InlineData(0, 5)]
    [InlineData(1, 2)]
    [InlineData(1, 5)]
    public void Samples_are_the_same_with_and_without_shared_prompts_and_speculation(float temperature, int atOnce)
    {
        using WorkerPool workers = new(2);
        using Transformer model = TinyModels.Create(ConfigText.V3.With("num_nextn_predict_layers", "1"));
        int[][] prompts = [TinyModels.Ids(7, 1), TinyModels.Ids(19, 2), TinyModels.Ids(3, 3)];
        RolloutBenchResult result = new RolloutBench(model, workers, ProductPrecision.BF16, atOnce).Run(prompts, samples: 3, maxTokens: 24, temperature, rounds: 1);
        Assert.True(result.SameSamples);
        Assert.Equal(4, result.Rows.Count);
        Assert.Equal(4, result.Rows.Select(row => (row.SharesPrompts, row.Speculates)).Distinct().Count());
        Assert.Single(result.Rows.Select(row => row.Tokens).Distinct());
        foreach (RolloutBenchRow row in result.Rows)
        {
            Assert.Equal(row.SharesPrompts ? 29 : 3 * 29, row.PromptTokens);
            Assert.True(row.Best >= row.Median && row.Median > 0);
        }
    }
}
