using System.Text.Json;
using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Checkpoints.Safetensors;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Reinforcement;
using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Preferences;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Training.Runs;
using Hadal.Tokenization.Templates;
using Hadal.Training;

namespace Hadal.Tests.Reinforcement.Runs;

/// <summary>A preference of A over B becomes a score, and the folder is one that others open as a sequence classifier.</summary>
public sealed class RewardModelTrainingTests(TinyPairs start) : IClassFixture<TinyPairs>
{
    [Fact]
    public void Too_little_memory_for_a_micro_batch_is_said_before_the_first_step()
    {
        using TemporaryFolder folder = new();
        InsufficientMemoryException e = Assert.Throws<InsufficientMemoryException>(() => Train(Recipe(folder, "batch.pairs=100000000", "batch.microPairs=100000000")));
        Assert.Contains("batch.microPairs", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_better_answer_scores_higher_afterwards()
    {
        using TemporaryFolder folder = new();
        RewardModelRecipe recipe = Recipe(folder);
        TrainingEnd end = Train(recipe);
        PreferenceEvaluationMetrics[] measured = TinyPairs.Evaluations(recipe);
        Assert.Equal((0.5, 1), (measured[0].Accuracy, measured[^1].Accuracy));

        // The head begins at zero: no answer is better than another.
        PreferenceStepMetrics first = TinyPairs.Steps(recipe)[0];
        Assert.Equal(Math.Log(2), first.Loss, 1e-12);
        Assert.Equal((0, 0, 0.5), (first.ChosenReward, first.RejectedReward, first.Accuracy));

        using WorkerPool workers = new(2);
        using RewardModel model = RewardModel.Load(end.Folder, workers);
        double good = model.Score("q7", "AA"), bad = model.Score("q7", "BB");
        Assert.True(good > bad, $"{good} for A, {bad} for B");
        IReadOnlyList<ChatMessage> prompt = [new("user", "q7")];
        Assert.Equal([bad, good, bad], model.Score([(prompt, "BB"), (prompt, "AA"), (prompt, "BB")]));
    }

    [Fact]
    public void The_folder_is_a_sequence_classifier_of_one_label()
    {
        using TemporaryFolder folder = new();
        string model = Train(Recipe(folder, "steps=1")).Folder;
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(Path.Combine(model, "config.json")));
        Assert.Equal("DeepseekV3ForSequenceClassification", config.RootElement.GetProperty("architectures")[0].GetString());
        Assert.Equal("LABEL_0", config.RootElement.GetProperty("id2label").GetProperty("0").GetString());
        Assert.Equal(0, config.RootElement.GetProperty("num_nextn_predict_layers").GetInt32());
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(model, "model.safetensors"));
        Assert.Equal([1, 32], file.Entry("score.weight").Shape);
        Assert.Contains("model.embed_tokens.weight", file.Tensors.Keys);
        Assert.DoesNotContain("lm_head.weight", file.Tensors.Keys);
        Assert.Contains("it is a reward model, expected a language model", Assert.Throws<CheckpointException>(() => ModelReader.Read(model)).Message, StringComparison.Ordinal);
        using WorkerPool workers = new(1);
        Assert.Contains("it is a language model, expected a reward model", Assert.Throws<CheckpointException>(() => RewardModel.Load(start.Model, workers)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Its_gradient_is_that_of_finite_differences()
    {
        using WorkerPool workers = new(2);
        using Transformer model = RewardModel.LoadToTrain(start.Model, ElementType.F32);
        Random random = new(2);
        foreach (ref float weight in model.Head.Value.Span) weight = (float)(random.NextDouble() - 0.5);
        int[][] texts = [[3, 70, 9, 65], [3, 70, 9, 66, 66], [8, 65], [8, 66]];
        using Graph g = new(workers, recording: true), measuring = new(workers, recording: false);
        (double _, float[] slopes) = Loss(RewardModel.Scores(measuring, model, texts));
        Tensor scores = RewardModel.Scores(g, model, texts);
        g.Backward(g.LossOf(scores, 0, slopes));
        g.Reset();
        foreach (Parameter parameter in (Parameter[])[model.Head, model.Embedding, model.FinalNorm])
        {
            // The direction of the gradient itself, so that the difference is as large as can be.
            float[] gradient = parameter.Value.Gradient!.Span.ToArray(), before = parameter.Value.Span.ToArray();
            double norm = Math.Sqrt(gradient.Sum(x => (double)x * x)), step = 1e-3 / norm;
            double Moved(double by)
            {
                for (int i = 0; i < before.Length; i++) parameter.Value.Span[i] = (float)(before[i] + by * gradient[i]);
                measuring.Reset();
                return Loss(RewardModel.Scores(measuring, model, texts)).Value;
            }

            double slope = (Moved(step) - Moved(-step)) / (2 * step);
            _ = Moved(0);
            Assert.True(Math.Abs(slope - norm * norm) <= 2e-2 * norm * norm, $"{parameter.Name}: {slope} by differences, {norm * norm} by backward");
        }

        // Texts 0 and 2 are chosen, 1 and 3 rejected.
        static (double Value, float[] Slopes) Loss(Tensor scores)
        {
            float[] s = scores.Span.ToArray();
            LossAndGradient loss = PreferenceLosses.BradleyTerry([s[0] - s[1], s[2] - s[3]]);
            return (loss.Value, [loss.Gradient.Span[0], -loss.Gradient.Span[0], loss.Gradient.Span[1], -loss.Gradient.Span[1]]);
        }
    }

    [Theory]
    [InlineData]
    [InlineData("precision=bf16")]
    public void Stopped_and_resumed_it_computes_the_bits_of_an_uninterrupted_run(params string[] settings)
    {
        using TemporaryFolder whole = new(), parts = new();
        RewardModelRecipe recipe = Recipe(whole, ["steps=6", .. settings]), other = Recipe(parts, ["steps=6", .. settings]);
        Train(recipe);
        using (CancellationTokenSource cancellation = new())
        using (WatchingObserver observer = WatchingObserver.StopAfter(4, cancellation))
        using (RewardModelTraining training = RewardModelTraining.Open(other, observer))
        {
            Assert.Equal(TrainingOutcome.Stopped, training.Run(cancellation.Token).Outcome);
        }

        Train(other, resume: true);
        Assert.Equal(Weights(recipe), Weights(other));
        Assert.Equal(TinyPairs.Numbers(recipe), TinyPairs.Numbers(other));
    }

    private RewardModelRecipe Recipe(TemporaryFolder folder, params string[] settings) => start.Recipe<RewardModelRecipe>("reward", folder, settings);

    private static TrainingEnd Train(RewardModelRecipe recipe, bool resume = false)
    {
        using SilentObserver observer = new();
        using RewardModelTraining training = RewardModelTraining.Open(recipe, observer, resume);
        return training.Run();
    }

    private static byte[] Weights(RewardModelRecipe recipe) => File.ReadAllBytes(Path.Combine(recipe.Output, "model", "model.safetensors"));
}
