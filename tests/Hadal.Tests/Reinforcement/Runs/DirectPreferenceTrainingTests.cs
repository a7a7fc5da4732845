using Hadal.Checkpoints;
using Hadal.Data;
using Hadal.Reinforcement;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Training.Runs;
using Hadal.Training;

namespace Hadal.Tests.Reinforcement.Runs;

/// <summary>A preference of A over B is learnt by every loss, from where the theory says it begins.</summary>
public sealed class DirectPreferenceTrainingTests(TinyPairs start) : IClassFixture<TinyPairs>
{
    [Theory]
    [InlineData("dpo")]
    [InlineData("ipo")]
    [InlineData("hinge")]
    [InlineData("robust")]
    public void Held_out_pairs_are_told_apart_afterwards(string loss)
    {
        using TemporaryFolder folder = new();
        DirectPreferenceRecipe recipe = Recipe(folder, $"preference.loss={loss}");
        Assert.Equal(TrainingOutcome.Completed, Train(recipe).Outcome);
        PreferenceEvaluationMetrics[] measured = TinyPairs.Evaluations(recipe);
        Assert.Equal([0, 12], measured.Select(m => m.Step));
        Assert.Equal((8, 0.5, 0), (measured[0].Pairs, measured[0].Accuracy, measured[0].Margin));
        Assert.Equal(1, measured[1].Accuracy);
        Assert.True(measured[1].Loss < measured[0].Loss, $"the held-out loss went from {measured[0].Loss} to {measured[1].Loss}");
        PreferenceStepMetrics last = TinyPairs.Steps(recipe)[^1];
        Assert.True(last.ChosenReward > last.RejectedReward && last.Margin > 0.01, $"margin {last.Margin}");
    }

    [Theory]
    [InlineData("precision=f32", "dpo", 0.69314718055994531)] // ln 2
    [InlineData("precision=bf16", "dpo", 0.69314718055994531)]
    [InlineData("precision=f32", "hinge", 1)]
    [InlineData("precision=f32", "ipo", 25)] // (0 - 1 / 0.2)²
    [InlineData("precision=f32", "robust", 0.69314718055994531)]
    public void Before_the_first_update_the_policy_is_the_reference(string precision, string loss, double expected)
    {
        using TemporaryFolder folder = new();
        DirectPreferenceRecipe recipe = Recipe(folder, precision, $"preference.loss={loss}", "steps=1");
        Train(recipe);
        PreferenceStepMetrics first = Assert.Single(TinyPairs.Steps(recipe));
        Assert.Equal(expected, first.Loss, 1e-12);
        Assert.Equal((0, 0, 0, 0.5), (first.ChosenReward, first.RejectedReward, first.Margin, first.Accuracy));
        Assert.True(first.GradientNorm > 0);
        Assert.True(first.ChosenLogProbability < 0 && first.RejectedLogProbability < 0);
    }

    [Theory]
    [InlineData]
    [InlineData("precision=bf16", "optimizer.kind=muon", "preference.loss=ipo")]
    public void Stopped_and_resumed_it_computes_the_bits_of_an_uninterrupted_run(params string[] settings)
    {
        using TemporaryFolder whole = new(), parts = new();
        DirectPreferenceRecipe recipe = Recipe(whole, ["steps=7", .. settings]), other = Recipe(parts, ["steps=7", .. settings]);
        Train(recipe);
        foreach (int stop in (int[])[2, 5])
        {
            using CancellationTokenSource cancellation = new();
            using WatchingObserver observer = WatchingObserver.StopAfter(stop, cancellation);
            using DirectPreferenceTraining training = DirectPreferenceTraining.Open(other, observer, resume: true);
            TrainingEnd end = training.Run(cancellation.Token);
            Assert.Equal((TrainingOutcome.Stopped, stop), (end.Outcome, end.Steps));
        }

        Train(other, resume: true);
        Assert.Equal(Weights(recipe), Weights(other));
        Assert.Equal(TinyPairs.Numbers(recipe), TinyPairs.Numbers(other));
    }

    [Fact]
    public void Too_little_memory_for_a_micro_batch_is_said_before_the_first_step()
    {
        using TemporaryFolder folder = new();
        InsufficientMemoryException e = Assert.Throws<InsufficientMemoryException>(() => Train(Recipe(folder, "batch.pairs=100000000", "batch.microPairs=100000000")));
        Assert.Contains("batch.microPairs", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Results_do_not_depend_on_how_a_step_is_cut()
    {
        using TemporaryFolder one = new(), many = new();
        DirectPreferenceRecipe recipe = Recipe(one, "steps=1", "batch.microPairs=8"), other = Recipe(many, "steps=1", "batch.microPairs=1");
        Train(recipe);
        Train(other);
        (PreferenceStepMetrics a, PreferenceStepMetrics b) = (TinyPairs.Steps(recipe)[0], TinyPairs.Steps(other)[0]);
        Assert.Equal(a.ChosenLogProbability!.Value, b.ChosenLogProbability!.Value, 1e-9);
        Assert.Equal(a.GradientNorm, b.GradientNorm, 1e-5 * a.GradientNorm);
    }

    [Theory]
    [InlineData("stage=sft", "stage")]
    [InlineData("preference.beta=0", "preference.beta")]
    [InlineData("preference.flippedShare=0.5", "preference.flippedShare")]
    [InlineData("epochs=2", "steps")]
    [InlineData("batch.pairs=0", "batch.pairs")]
    [InlineData("data.heldOutFraction=1", "data.heldOutFraction")]
    public void What_contradicts_itself_is_refused_with_a_sentence(string setting, string part)
    {
        using TemporaryFolder folder = new();
        RecipeException e = Assert.Throws<RecipeException>(() => Train(Recipe(folder, setting)));
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_does_not_go_on_with_other_pairs()
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "pairs.jsonl");
        File.Copy(start.Pairs, path);
        DirectPreferenceRecipe recipe = Recipe(folder, "steps=2", $"data.path={path}");
        using (CancellationTokenSource cancellation = new())
        using (WatchingObserver observer = WatchingObserver.StopAfter(1, cancellation))
        using (DirectPreferenceTraining training = DirectPreferenceTraining.Open(recipe, observer))
        {
            training.Run(cancellation.Token);
        }

        File.WriteAllText(path, File.ReadAllText(path).Replace("AA", "AC", StringComparison.Ordinal));
        Assert.Contains("not as it was when the run began", Assert.Throws<CheckpointException>(() => Train(recipe, resume: true)).Message, StringComparison.Ordinal);
        File.Copy(start.Pairs, path, overwrite: true);
        Assert.Equal(TrainingOutcome.Completed, Train(recipe, resume: true).Outcome);
    }

    [Fact]
    public void Pairs_that_are_too_long_or_equal_are_left_out_and_said()
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "pairs.jsonl");
        File.WriteAllLines(path, [
            """{"prompt":"a","chosen":"A","rejected":"B"}""", """{"prompt":"b","chosen":"A","rejected":"A"}""",
            $$"""{"prompt":"c","chosen":"{{new string('A', 80)}}","rejected":"B"}"""]);
        List<string> messages = [];
        DirectPreferenceRecipe recipe = Recipe(folder, "steps=1", "data.heldOutFraction=0", $"data.path={path}");
        using WatchingObserver observer = new() { OnMessage = messages.Add };
        using (DirectPreferenceTraining training = DirectPreferenceTraining.Open(recipe, observer)) training.Run();
        Assert.Contains(messages, message => message.Contains("of 3 pairs 1 are left out for having more than 64 tokens, 1 for equal answers", StringComparison.Ordinal));

        File.WriteAllLines(path, ["""{"prompt":"b","chosen":"A","rejected":"A"}"""]);
        using TemporaryFolder next = new();
        Assert.Throws<DataException>(() => Train(Recipe(next, "data.heldOutFraction=0", $"data.path={path}")));
    }

    private DirectPreferenceRecipe Recipe(TemporaryFolder folder, params string[] settings) => start.Recipe<DirectPreferenceRecipe>("dpo", folder, settings);

    private static TrainingEnd Train(DirectPreferenceRecipe recipe, bool resume = false)
    {
        using SilentObserver observer = new();
        using DirectPreferenceTraining training = DirectPreferenceTraining.Open(recipe, observer, resume);
        return training.Run();
    }

    private static byte[] Weights(DirectPreferenceRecipe recipe) => File.ReadAllBytes(Path.Combine(recipe.Output, "model", "model.safetensors"));
}
