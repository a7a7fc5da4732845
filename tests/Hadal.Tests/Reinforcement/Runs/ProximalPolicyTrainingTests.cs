using Hadal.Reinforcement;
using Hadal.Reinforcement.Rewards;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Training.Runs;
using Hadal.Training;

namespace Hadal.Tests.Reinforcement.Runs;

/// <summary>The model of <see cref="GroupPolicyTrainingTests"/>, which writes one of four letters at random, learns the wanted one by PPO.</summary>
public sealed class ProximalPolicyTrainingTests(GroupPolicyTrainingTests.Base start) : IClassFixture<GroupPolicyTrainingTests.Base>
{
    [Fact]
    public void Right_answers_become_frequent_and_values_approach_returns()
    {
        using TemporaryFolder folder = new();
        ProximalPolicyRecipe recipe = Verified(folder, "steps=14", "policy.lambda=1");
        Train(recipe);
        PolicyStepMetrics[] steps = Steps(recipe);
        double first = steps.Take(2).Average(step => step.Accuracy), last = steps.TakeLast(2).Average(step => step.Accuracy);
        Assert.InRange(first, 0.05, 0.5);
        Assert.True(last > first + 0.2, $"accuracy went from {first:F3} to {last:F3}: {string.Join(' ', steps.Select(s => s.Accuracy.ToString("F2", null)))}");

        // The value head begins at zero, and so foresees nothing.
        Assert.Equal(0, steps[0].ExplainedVariance);
        // With λ = 1 a return is what the response earns: values of zero would cost ½ E[R²] in each of the two updates.
        double nothing = steps[^1].Reward * steps[^1].Reward, loss = steps[^1].ValueLoss!.Value;
        Assert.True(loss < 0.7 * nothing, $"the value loss is {loss}, that of zeros {nothing} or more");
        Assert.True(double.IsNaN(steps[0].GroupsWithSignal));
    }

    [Fact]
    public void Too_little_memory_for_a_micro_batch_is_said_before_the_first_step()
    {
        using TemporaryFolder folder = new();
        InsufficientMemoryException e = Assert.Throws<InsufficientMemoryException>(
            () => Train(Verified(folder, "rollouts.problems=100000000", "policy.microResponses=100000000", "policy.minibatches=1")));
        Assert.Contains("policy.microResponses", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_ratio_of_the_first_update_is_one_and_nothing_is_clipped()
    {
        using TemporaryFolder folder = new();
        ProximalPolicyRecipe recipe = Verified(folder, "steps=1", "policy.updates=1");
        Train(recipe);
        PolicyStepMetrics step = Assert.Single(Steps(recipe));

        // With ratios of one the loss is minus the mean of advantages that are normalised: zero; the policy is still its reference.
        Assert.Equal(0, step.Loss, 1e-6);
        Assert.Equal((0, 0), (step.Clipped, step.Divergence));
        Assert.True(step.GradientNorm > 0 && step.ValueLoss > 0);
    }

    [Theory]
    [InlineData]
    [InlineData("policy.minibatches=3", "policy.whitenRewards=true", "policy.klWeight=0", "precision=bf16", "optimizer.kind=muon")]
    public void Stopped_and_resumed_it_computes_the_bits_of_an_uninterrupted_run(params string[] settings)
    {
        using TemporaryFolder whole = new(), parts = new();
        ProximalPolicyRecipe recipe = Verified(whole, ["steps=4", .. settings]), other = Verified(parts, ["steps=4", .. settings]);
        Train(recipe);
        foreach (int stop in (int[])[1, 3])
        {
            using CancellationTokenSource cancellation = new();
            using WatchingObserver observer = WatchingObserver.StopAfter(stop, cancellation);
            using ProximalPolicyTraining training = ProximalPolicyTraining.Open(other, observer, resume: true);
            Assert.Equal(TrainingOutcome.Stopped, training.Run(cancellation.Token).Outcome);
        }

        Train(other, resume: true);
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(recipe.Output, "model", "model.safetensors")), File.ReadAllBytes(Path.Combine(other.Output, "model", "model.safetensors")));
        Assert.Equal(Steps(recipe).Select(WithoutTimes), Steps(other).Select(WithoutTimes));
    }

    [Fact]
    public void A_reward_model_teaches_what_its_pairs_prefer()
    {
        using TemporaryFolder judged = new(), folder = new();
        string pairs = Path.Combine(judged.Path, "pairs.jsonl");
        Random random = new(4);
        File.WriteAllLines(pairs, Enumerable.Range(0, 120).Select(i => System.Text.Json.JsonSerializer.Serialize(new
        {
            prompt = $"{(char)('a' + i % 26)}?",
            chosen = ResponseFormat.Compose("hm", "Y"),
            rejected = ResponseFormat.Compose("hm", "WXZ"[random.Next(3)].ToString()),
        })));
        RewardModelRecipe judge = RecipeReader.Parse<RewardModelRecipe>(
            $$"""
            {
              "stage": "reward", "output": {{Json(Path.Combine(judged.Path, "run"))}}, "model": {{Json(start.Model)}}, "data": { "path": {{Json(pairs)}} },
              "prompt": "line", "batch": { "pairs": 12 }, "steps": 30, "learningRate": { "kind": "constant", "peak": 3e-3 }, "evaluation": { "every": 0 }
            }
            """, "judge");
        using (SilentObserver observer = new())
        using (RewardModelTraining training = RewardModelTraining.Open(judge, observer))
        {
            training.Run();
        }

        ProximalPolicyRecipe recipe = RecipeReader.Parse<ProximalPolicyRecipe>(
            $$"""
            {
              "stage": "ppo", "output": {{Json(Path.Combine(folder.Path, "run"))}}, "model": {{Json(start.Model)}}, "prompt": "line",
              "rewardModel": { "path": {{Json(Path.Combine(judge.Output, "model"))}}, "prompts": {{Json(pairs)}}, "missingEndPenalty": 1 },
              "rollouts": { "problems": 24, "groupSize": 2, "maxTokens": 48 }, "policy": { "updates": 2, "klWeight": 0.01 }, "steps": 12,
              "learningRate": { "kind": "constant", "peak": 2e-3 }, "evaluation": { "every": 0, "problems": 2 }, "checkpoints": { "every": 0 }
            }
            """, "rlhf");
        Train(recipe);
        PolicyStepMetrics[] steps = Steps(recipe);
        double first = steps.Take(2).Average(step => step.Reward), last = steps.TakeLast(2).Average(step => step.Reward);
        Assert.True(last > first, $"the reward went from {first:F3} to {last:F3}");
        PolicyEvaluationMetrics[] measured = [.. MetricsLog.Read(Path.Combine(recipe.Output, "metrics.jsonl")).OfType<PolicyEvaluationMetrics>()];
        Assert.Equal([0, 12], measured.Select(m => m.Step));
        Assert.All(measured, m => Assert.True(double.IsNaN(m.Accuracy) && m.Problems == 2 && m.Reward is not null));
    }

    [Theory]
    [InlineData("stage=grpo", "stage")]
    [InlineData("task=null", "task")]
    [InlineData("rewardModel={\"path\":\"x\",\"prompts\":\"y\"}", "task")]
    [InlineData("policy.clip=1", "policy.clip")]
    [InlineData("policy.lambda=1.5", "policy.lambda")]
    [InlineData("policy.minibatches=100", "policy.minibatches")]
    [InlineData("rollouts.problems=1", "rollouts.problems")]
    public void What_contradicts_itself_is_refused_with_a_sentence(string setting, string part)
    {
        using TemporaryFolder folder = new();
        string[] settings = setting.StartsWith("rollouts", StringComparison.Ordinal) ? [setting, "rollouts.groupSize=1"] : [setting];
        RecipeException e = Assert.Throws<RecipeException>(() => Train(Verified(folder, settings)));
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    private ProximalPolicyRecipe Verified(TemporaryFolder folder, params string[] settings) => RecipeReader.Parse<ProximalPolicyRecipe>(
        $$"""
        {
          "stage": "ppo", "output": {{Json(Path.Combine(folder.Path, "run"))}}, "model": {{Json(start.Model)}},
          "task": { "name": "file", "path": {{Json(start.Problems)}} },
          "rollouts": { "problems": 24, "groupSize": 2, "maxTokens": 48 }, "policy": { "updates": 2, "klWeight": 0.01, "microResponses": 20 }, "steps": 3,
          "learningRate": { "kind": "constant", "peak": 2e-3 }, "evaluation": { "every": 0, "problems": 0 }, "checkpoints": { "every": 0 }
        }
        """, "tiny", settings);

    private static string Json(string text) => System.Text.Json.JsonSerializer.Serialize(text);

    private static TrainingEnd Train(ProximalPolicyRecipe recipe, bool resume = false)
    {
        using SilentObserver observer = new();
        using ProximalPolicyTraining training = ProximalPolicyTraining.Open(recipe, observer, resume);
        return training.Run();
    }

    private static PolicyStepMetrics[] Steps(ProximalPolicyRecipe recipe) =>
        [.. MetricsLog.Read(Path.Combine(recipe.Output, "metrics.jsonl")).OfType<PolicyStepMetrics>()];

    // All but what the clock decides.
    private static PolicyStepMetrics WithoutTimes(PolicyStepMetrics step) => step with { RolloutSeconds = 0, UpdateSeconds = 0, RolloutTokensPerSecond = 0 };
}
