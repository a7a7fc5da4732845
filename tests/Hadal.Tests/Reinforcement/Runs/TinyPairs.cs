using Hadal.Reinforcement;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Training.Runs;
using Hadal.Training;

namespace Hadal.Tests.Reinforcement.Runs;

/// <summary>A model of thousands of parameters that knows next to nothing, and pairs whose chosen answer is A and whose rejected is B.</summary>
public sealed class TinyPairs : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TinyPairs()
    {
        TrainingRecipe recipe = TinyRun.Recipe(_folder, "steps=2", "precision=f32", "evaluation.every=0", "checkpoints.every=0");
        using SilentObserver observer = new();
        using LanguageModelTraining training = LanguageModelTraining.Open(recipe, observer);
        training.Run();
        Model = Path.Combine(recipe.Output, "model");
        Pairs = Path.Combine(_folder.Path, "pairs.jsonl");
        File.WriteAllLines(Pairs, Enumerable.Range(0, 40).Select(i => $$"""{"prompt":"{{(char)('a' + i % 26)}}{{i}}","chosen":"{{new string('A', 1 + i % 4)}}","rejected":"{{new string('B', 1 + i % 3)}}"}"""));
    }

    public string Model { get; }

    public string Pairs { get; }

    public void Dispose() => _folder.Dispose();

    internal T Recipe<T>(string stage, TemporaryFolder folder, params string[] settings)
        where T : PreferenceRecipe => RecipeReader.Parse<T>(
        $$"""
        {
          "stage": "{{stage}}",
          "output": {{System.Text.Json.JsonSerializer.Serialize(Path.Combine(folder.Path, "run"))}},
          "model": {{System.Text.Json.JsonSerializer.Serialize(Model)}},
          "data": { "path": {{System.Text.Json.JsonSerializer.Serialize(Pairs)}}, "heldOutFraction": 0.2 },
          "batch": { "pairs": 8, "microPairs": 3 },
          "steps": 12,
          "learningRate": { "kind": "constant", "peak": 3e-3 },
          "evaluation": { "every": 0 },
          "checkpoints": { "every": 0 }
        }
        """, "tiny", settings);

    internal static PreferenceStepMetrics[] Steps(PreferenceRecipe recipe) =>
        [.. MetricsLog.Read(Path.Combine(recipe.Output, "metrics.jsonl")).OfType<PreferenceStepMetrics>()];

    internal static PreferenceEvaluationMetrics[] Evaluations(PreferenceRecipe recipe) =>
        [.. MetricsLog.Read(Path.Combine(recipe.Output, "metrics.jsonl")).OfType<PreferenceEvaluationMetrics>()];

    // All but what the clock decides.
    internal static IEnumerable<PreferenceStepMetrics> Numbers(PreferenceRecipe recipe) =>
        Steps(recipe).Select(step => step with { StepSeconds = 0, TokensPerSecond = 0 });
}
