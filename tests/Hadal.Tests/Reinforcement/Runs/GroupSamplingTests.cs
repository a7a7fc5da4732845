using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;
using Hadal.Tests.Checkpoints;
using Hadal.Tokenization;
using Hadal.Training;

namespace Hadal.Tests.Reinforcement.Runs;

/// <summary>Sampling again in place of groups that teach nothing, and what a run checks before its first step and leaves after its last.</summary>
public sealed class GroupSamplingTests(GroupPolicyTrainingTests.Base start) : IClassFixture<GroupPolicyTrainingTests.Base>
{
    [Fact]
    public void Groups_without_signal_are_replaced_until_there_are_enough_or_the_rounds_are_over()
    {
        using TemporaryFolder folder = new();

        // Two answers to a question differ in about three of eight cases, so one round of twelve groups is not enough.
        PolicyStepMetrics[] steps = Train(start.Recipe(folder, "steps=4", "rollouts.problems=12", "rollouts.groupSize=2", "policy.algorithm=dapo", "policy.klWeight=0", "policy.samplingRounds=4"));
        Assert.All(steps, step => Assert.InRange(step.SamplingRounds!.Value, 1, 4));
        Assert.Contains(steps, step => step.SamplingRounds > 1);
        Assert.All(steps, step => Assert.True(step.TrainedResponses == 24 || step.SamplingRounds == 4, $"{step.TrainedResponses} after {step.SamplingRounds} rounds"));
        Assert.All(steps, step => Assert.InRange(step.GroupsWithSignal, 0, 1));
    }

    [Fact]
    public void No_step_or_round_asks_what_another_has_asked()
    {
        using WorkerPool workers = new(2);
        using Transformer model = ModelReader.Read(start.Model);
        Tokenizer tokenizer = Tokenizer.Load(start.Model);
        RolloutSampler sampler = new(model, tokenizer, workers, new PromptWriter(PromptStyle.Plain, tokenizer));
        RolloutOptions options = new() { Problems = 3, GroupSize = 2, MaxTokens = 4 };
        GroupSampling groups = new(new ArithmeticTask { Digits = 6 }, new RewardFunction(), sampler, options, seed: 1) { DropsGroups = true, MostRounds = 3 };
        GroupRollouts[] sampled = [.. Enumerable.Range(0, 3).Select(step => groups.Sample(step, default))];

        // Nothing is right in four tokens: no group has signal, and every round is made.
        Assert.All(sampled, step => Assert.Equal((3, 18, 0), (step.Rounds, step.All.Count, step.Trained.Count)));
        Assert.Equal(27, sampled.SelectMany(step => step.All).Select(rollout => rollout.Problem.Prompt).Distinct().Count());
        GroupSampling once = new(new ArithmeticTask { Digits = 6 }, new RewardFunction(), sampler, options, seed: 1);
        GroupRollouts kept = once.Sample(0, default);
        Assert.Equal((1, 6, 6), (kept.Rounds, kept.All.Count, kept.Trained.Count));
    }

    [Fact]
    public void Evaluations_of_several_tasks_tell_each_and_the_run_leaves_a_report()
    {
        using TemporaryFolder folder = new();
        GroupPolicyRecipe recipe = start.Recipe(
            folder, "steps=1", "evaluation.problems=6", $"task={{\"name\":\"mix\",\"mix\":[{{\"name\":\"chain\"}},{{\"name\":\"chain\",\"size\":3}},{{\"name\":\"arithmetic\"}}]}}");
        Train(recipe);
        PolicyEvaluationMetrics[] measured = [.. MetricsLog.Read(Path.Combine(recipe.Output, "metrics.jsonl")).OfType<PolicyEvaluationMetrics>()];
        Assert.Equal([0, 1], measured.Select(e => e.Step));
        Assert.All(measured, e => Assert.All(e.AccuracyByTask!.Keys, task => Assert.Contains(task, (string[])["arithmetic", "modular", "modular 2"])));
        string report = File.ReadAllText(Path.Combine(recipe.Output, "report.html"));
        Assert.Contains("Held-out problems solved by task", report, StringComparison.Ordinal);
        Assert.Contains("Best and worst responses", report, StringComparison.Ordinal);
    }

    [Fact]
    public void Killed_before_its_first_saved_state_it_measures_the_beginning_once()
    {
        using TemporaryFolder whole = new(), parts = new();
        GroupPolicyRecipe recipe = start.Recipe(whole, "steps=2", "evaluation.problems=4"), other = start.Recipe(parts, "steps=2", "evaluation.problems=4");
        Train(recipe);
        Directory.CreateDirectory(other.Output);
        File.WriteAllText(Path.Combine(other.Output, "recipe.json"), RecipeReader.ToJson(other));
        File.WriteAllLines(Path.Combine(other.Output, "metrics.jsonl"), File.ReadLines(Path.Combine(recipe.Output, "metrics.jsonl")).Take(2));
        Train(other);
        Assert.Equal(Kinds(recipe), Kinds(other));

        static (Type, int)[] Kinds(GroupPolicyRecipe run) => [.. MetricsLog.Read(Path.Combine(run.Output, "metrics.jsonl")).Select(e => (e.GetType(), e.Step))];
    }

    [Fact]
    public void Too_little_memory_or_disk_is_said_before_the_first_step()
    {
        using TemporaryFolder folder = new();
        InsufficientMemoryException memory = Assert.Throws<InsufficientMemoryException>(() => Train(start.Recipe(folder, "rollouts.problems=100000000", "policy.microResponses=100000000")));
        Assert.Contains("policy.microResponses", memory.Message, StringComparison.Ordinal);
        CheckpointException disk = Assert.Throws<CheckpointException>(() => Train(start.Recipe(folder, "checkpoints.keep=1000000000")));
        Assert.Contains("the disk has", disk.Message, StringComparison.Ordinal);
    }

    private static PolicyStepMetrics[] Train(GroupPolicyRecipe recipe)
    {
        using SilentObserver observer = new();
        using (GroupPolicyTraining training = GroupPolicyTraining.Open(recipe, observer, resume: true)) training.Run();
        return [.. MetricsLog.Read(Path.Combine(recipe.Output, "metrics.jsonl")).OfType<PolicyStepMetrics>()];
    }
}
