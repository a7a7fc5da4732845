using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;
using Hadal.Reinforcement.Tasks;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Training.Runs;
using Hadal.Tokenization;
using Hadal.Training;

namespace Hadal.Tests.Reinforcement.Runs;

/// <summary>
/// A model of thousands of parameters that has seen the form of answers, with one of four letters in them at random; that the third is
/// always right is only to be learnt from rewards.
/// </summary>
public sealed class GroupPolicyTrainingTests(GroupPolicyTrainingTests.Base start) : IClassFixture<GroupPolicyTrainingTests.Base>
{
    [Theory]
    [InlineData("grpo")]
    [InlineData("drGrpo", "policy.klWeight=0")]
    [InlineData("dapo", "policy.updates=2", "policy.klWeight=0")]
    [InlineData("gspo", "policy.updates=2")]
    [InlineData("cispo", "policy.microResponses=7")]
    [InlineData("rloo", "policy.klWeight=0")]
    [InlineData("reinforcePlusPlus", "policy.updates=2")]
    public void Right_answers_become_frequent(string algorithm, params string[] settings)
    {
        using TemporaryFolder folder = new();
        GroupPolicyRecipe recipe = start.Recipe(folder, [$"policy.algorithm={algorithm}", "steps=16", .. settings]);
        Train(recipe);
        PolicyStepMetrics[] steps = [.. MetricsLog.Read(Path.Combine(recipe.Output, "metrics.jsonl")).OfType<PolicyStepMetrics>()];
        double first = steps.Take(2).Average(step => step.Accuracy), last = steps.TakeLast(2).Average(step => step.Accuracy);
        Assert.InRange(first, 0.05, 0.5);
        Assert.True(last > first + 0.2, $"accuracy went from {first:F3} to {last:F3}: {string.Join(' ', steps.Select(s => s.Accuracy.ToString("F2", null)))}");
    }

    [Theory]
    [InlineData(ProductPrecision.F32)]
    [InlineData(ProductPrecision.BF16)]
    public void The_ratio_of_the_first_update_is_exactly_one(ProductPrecision precision)
    {
        using WorkerPool workers = new(2);
        using Transformer model = ModelReader.Read(start.Model, precision == ProductPrecision.BF16 ? ElementType.BF16 : ElementType.F32, trainable: true);
        Tokenizer tokenizer = Tokenizer.Load(start.Model);
        RolloutSampler sampler = new(model, tokenizer, workers, new PromptWriter(PromptStyle.Plain, tokenizer));
        VerifiableTask task = new TaskOptions { Name = "file", Path = start.Problems }.Create();
        Problem[] problems = [.. Enumerable.Range(0, 3).Select(i => task.Generate(ProblemSplit.Training, 1, i))];
        IReadOnlyList<Rollout> rollouts = sampler.Sample(task, new RewardFunction(), problems, groupSize: 4, maxTokens: 48, temperature: 1, seed: 5);

        using Graph scoring = new(workers, recording: false) { Precision = precision }, training = new(workers, recording: true) { Precision = precision };
        float[] old = PolicyScores.Of(scoring, model, rollouts, 1).LogProbabilities.Span.ToArray();
        float[] together = PolicyScores.Of(training, model, rollouts, 1).LogProbabilities.Span.ToArray();
        training.Reset();
        float[] apart = [.. rollouts.SelectMany(rollout => PolicyScores.Of(training, model, [rollout], 1).LogProbabilities.Span.ToArray())];
        Assert.All(old.Zip(together), pair => Assert.Equal(1.0, Math.Exp((double)pair.First - pair.Second)));
        Assert.Equal(together, apart);
    }

    [Theory]
    [InlineData]
    [InlineData("policy.updates=2", "policy.algorithm=dapo", "precision=bf16", "optimizer.kind=muon")]
    public void Stopped_and_resumed_it_computes_the_bits_of_an_uninterrupted_run(params string[] settings)
    {
        using TemporaryFolder whole = new(), parts = new();
        GroupPolicyRecipe recipe = start.Recipe(whole, ["steps=5", .. settings]), other = start.Recipe(parts, ["steps=5", .. settings]);
        Train(recipe);
        foreach (int stop in (int[])[1, 3])
        {
            using CancellationTokenSource cancellation = new();
            using WatchingObserver observer = WatchingObserver.StopAfter(stop, cancellation);
            using GroupPolicyTraining training = GroupPolicyTraining.Open(other, observer, resume: true);
            Assert.Equal(TrainingOutcome.Stopped, training.Run(cancellation.Token).Outcome);
        }

        Assert.Equal(TrainingOutcome.Completed, Train(other, resume: true).Outcome);
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(recipe.Output, "model", "model.safetensors")), File.ReadAllBytes(Path.Combine(other.Output, "model", "model.safetensors")));
        Assert.Equal(Numbers(recipe), Numbers(other));
    }

    [Theory]
    [InlineData("stage=ppo", "stage")]
    [InlineData("rollouts.groupSize=1", "rollouts.groupSize")]
    [InlineData("task.name=chess", "chess")]
    [InlineData("policy.klWeight=-1", "policy.klWeight")]
    [InlineData("rollouts.temperature=0", "rollouts.temperature")]
    public void What_contradicts_itself_is_refused_with_a_sentence(string setting, string part)
    {
        using TemporaryFolder folder = new();
        RecipeException e = Assert.Throws<RecipeException>(() => Train(start.Recipe(folder, setting)));
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    private static TrainingEnd Train(GroupPolicyRecipe recipe, bool resume = false)
    {
        using SilentObserver observer = new();
        using GroupPolicyTraining training = GroupPolicyTraining.Open(recipe, observer, resume);
        return training.Run();
    }

    // All but what the clock decides.
    private static IEnumerable<(int, double, double, double, string, string)> Numbers(GroupPolicyRecipe recipe) =>
        MetricsLog.Read(Path.Combine(recipe.Output, "metrics.jsonl")).OfType<PolicyStepMetrics>().Select(s => (s.Step, s.Reward, s.Loss, s.GradientNorm, s.Best, s.Diagnosis));

    /// <summary>The base model, pretrained once for all tests of the class.</summary>
    public sealed class Base : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public Base()
        {
            Problems = Path.Combine(_folder.Path, "problems.jsonl");
            File.WriteAllLines(Problems, Enumerable.Range(0, 26).Select(i => $$"""{"prompt":"{{(char)('a' + i)}}?","answer":"{{Letter(2)}}"}"""));
            Random random = new(3);
            string documents = Path.Combine(_folder.Path, "documents.jsonl");
            File.WriteAllLines(documents, Enumerable.Range(0, 1500).Select(_ =>
            {
                string text = $"{(char)('a' + random.Next(26))}?\n{ResponseFormat.Compose("hm", Letter(random.Next(4)))}";
                return System.Text.Json.JsonSerializer.Serialize(new { text });
            }));
            TrainingRecipe recipe = TinyRun.Recipe(
                _folder, "steps=220", "learningRate.peak=1e-2", "model.config.max_position_embeddings=128", "batch.sequenceLength=64", "batch.packs=8",
                "precision=f32", "evaluation.every=0", "checkpoints.every=0");
            recipe = recipe with { Data = recipe.Data with { Sources = [new() { Path = documents }] } };
            using SilentObserver observer = new();
            using LanguageModelTraining training = LanguageModelTraining.Open(recipe, observer);
            training.Run();
            Model = Path.Combine(recipe.Output, "model");
        }

        public string Model { get; }

        public string Problems { get; }

        internal GroupPolicyRecipe Recipe(TemporaryFolder folder, params string[] settings) => RecipeReader.Parse<GroupPolicyRecipe>(
            $$"""
            {
              "stage": "grpo",
              "output": {{System.Text.Json.JsonSerializer.Serialize(Path.Combine(folder.Path, "run"))}},
              "model": {{System.Text.Json.JsonSerializer.Serialize(Model)}},
              "task": { "name": "file", "path": {{System.Text.Json.JsonSerializer.Serialize(Problems)}} },
              "rollouts": { "problems": 6, "groupSize": 8, "maxTokens": 48 },
              "steps": 3,
              "learningRate": { "kind": "constant", "peak": 2e-3 },
              "evaluation": { "every": 0, "problems": 0 },
              "checkpoints": { "every": 0 }
            }
            """, "tiny", settings);

        public void Dispose() => _folder.Dispose();

        private static string Letter(int index) => "WXYZ"[index].ToString();
    }
}
