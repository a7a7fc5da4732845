using System.Text.Json.Nodes;
using Hadal.Autograd;
using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Checkpoints;
using Hadal.Tests.Training.Runs;
using Hadal.Tokenization;
using Hadal.Training;
using Hadal.Training.Distillation;

namespace Hadal.Tests.Training.Distillation;

/// <summary>A run that learns a teacher's distributions: the loss by hand, nothing to learn from itself, and a student that comes near.</summary>
public sealed class TeacherTests(TeacherTests.Taught taught) : IClassFixture<TeacherTests.Taught>
{
    private static readonly JsonObject s_student = JsonNode.Parse(
        """
        { "model_type": "llama", "hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 48, "max_position_embeddings": 64 }
        """)!.AsObject();

    [Theory]
    [InlineData(null, 1f)]
    [InlineData(null, 2f)]
    [InlineData(0.3, 1f)]
    public void The_loss_is_the_weighted_mean_of_divergences_over_targets_and_its_gradient_that_of_differences(double? beta, float temperature)
    {
        using WorkerPool workers = new(2);
        using Transformer teacherModel = ModelReader.Read(taught.Model), student = ModelReader.Read(taught.Model, trainable: true);
        Random random = new(3);
        foreach (Parameter parameter in student.Parameters) Nudge(parameter, random);
        using Teacher teacher = new(
            new TeacherOptions { Model = taught.Model, Weight = 0.7, Temperature = temperature, JensenShannon = beta }, student.Config,
            Tokenizer.Load(taught.Model), 16, ProductPrecision.F32, workers);
        TokenBatch tokens = TokenBatch.Of([5, 9, 100, 7, 31], [1, 2, 3]);
        TrainingBatch batch = new(tokens, [9, -1, 7, 31, 8, 2, 3, -1], [1, 1, 0.5f, 1, 0, 2, 1, 1]);
        TargetTotals totals = TargetTotals.Of(batch, student.Modules.Count);
        ObjectiveOptions silent = new() { MainWeight = 0, MtpWeight = 0, Balance = BalanceWeights.None };

        using Graph g = new(workers, recording: true), plain = new(workers, recording: false);
        double Loss()
        {
            plain.Reset();
            float[] s = student.Logits(plain, student.Forward(plain, tokens)).Span.ToArray(), t = teacherModel.Logits(plain, teacherModel.Forward(plain, tokens)).Span.ToArray();
            double sum = 0;
            for (int row = 0; row < tokens.Count; row++)
            {
                if (batch.Targets[row] < 0) continue;
                sum += batch.Weights![row] * Divergence(Row(s, row, temperature), Row(t, row, temperature), beta) * (beta is null ? temperature * temperature : 1);
            }

            return 0.7 * sum / 5.5; // targets at rows 0, 2, 3, 5 and 6; that of row 4 has no weight
        }

        (Tensor loss, LossSum divergence) = teacher.Add(g, student, batch, TrainingObjective.Build(g, student, batch, totals, silent), totals);
        Assert.Equal(Loss(), loss.Item, 1e-6);
        Assert.Equal(loss.Item, 0.7 * divergence.Mean, 1e-6);
        g.Backward(loss);
        foreach (Parameter parameter in (Parameter[])[student.Head, student.FinalNorm, student.Embedding])
        {
            float[] gradient = parameter.Value.Gradient!.Span.ToArray();
            foreach (int i in Enumerable.Range(0, 6).Select(_ => random.Next(Math.Min(gradient.Length, 320))))
            {
                float before = parameter.Value.Span[i];
                parameter.Value.Span[i] = before + 1e-3f;
                double above = Loss();
                parameter.Value.Span[i] = before - 1e-3f;
                double below = Loss();
                parameter.Value.Span[i] = before;
                Assert.Equal((above - below) / 2e-3, gradient[i], 5e-3 * Math.Max(1, Math.Abs(gradient[i])));
            }
        }
    }

    [Theory]
    [InlineData("precision=f32")]
    [InlineData("precision=bf16")]
    public void From_itself_a_model_has_nothing_to_learn(string precision)
    {
        using TemporaryFolder folder = new();
        StepMetrics first = Train(Recipe(folder, "steps=1", "objective.mainWeight=0", "objective.mtpWeight=0", "objective.balance.sequence=0", precision) with
        {
            Model = new ModelSource { Path = taught.Model },
        })[0];
        Assert.Equal(0, first.TeacherDivergence!.Value, 1e-9);
        Assert.Equal(0, first.GradientNorm, 1e-6);
    }

    [Fact]
    public void A_smaller_dense_student_comes_near_its_teacher_by_soft_labels_alone()
    {
        using TemporaryFolder folder = new();
        StepMetrics[] steps = Train(Recipe(folder, "steps=120", "objective.mainWeight=0", "learningRate.peak=1e-2"));
        Assert.InRange(steps[0].TeacherDivergence!.Value, 2, 6);
        Assert.InRange(steps[^1].TeacherDivergence!.Value, 0, 0.35);
        Assert.True(steps[^1].Loss < 1.2, $"the cross entropy, which was not trained on, is {steps[^1].Loss}");
    }

    [Fact]
    public void Stopped_and_resumed_it_computes_the_bits_of_an_uninterrupted_run()
    {
        using TemporaryFolder whole = new(), parts = new();
        TrainingRecipe recipe = Recipe(whole, "steps=6", "teacher.temperature=2", "recompute=true", "batch.microPacks=3");
        TrainingRecipe other = Recipe(parts, "steps=6", "teacher.temperature=2", "recompute=true", "batch.microPacks=3") with { Data = recipe.Data };
        Train(recipe);
        using CancellationTokenSource cancellation = new();
        using (WatchingObserver observer = new() { OnStep = step => Stop(step, cancellation) })
        using (LanguageModelTraining training = LanguageModelTraining.Open(other, observer))
        {
            Assert.Equal(TrainingOutcome.Stopped, training.Run(cancellation.Token).Outcome);
        }

        Train(other, resume: true);
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(recipe.Output, "model", "model.safetensors")), File.ReadAllBytes(Path.Combine(other.Output, "model", "model.safetensors")));

        static void Stop(TrainingEvent step, CancellationTokenSource cancellation)
        {
            if (step.Step == 2) cancellation.Cancel();
        }
    }

    [Theory]
    [InlineData("teacher.weight=-1", "teacher.weight")]
    [InlineData("teacher.temperature=0", "teacher.temperature")]
    [InlineData("teacher.jensenShannon=1.5", "teacher.jensenShannon")]
    [InlineData("objective.mainWeight=-1", "objective.mainWeight")]
    [InlineData("model.config.vocab_size=300", "the teacher has a vocabulary of 257, expected the student's 300")]
    [InlineData("batch.sequenceLength=128", "the teacher has a context of 64 tokens, expected at least the 128", "model.config.max_position_embeddings=128")]
    public void What_can_not_be_compared_is_refused_with_a_sentence(string setting, string part, params string[] more)
    {
        using TemporaryFolder folder = new();
        RecipeException e = Assert.Throws<RecipeException>(() => Train(Recipe(folder, [setting, .. more])));
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_teacher_of_another_vocabulary_of_the_same_size_is_refused()
    {
        using TemporaryFolder folder = new();
        string other = Path.Combine(folder.Path, "other"), tokenizer = Path.Combine(other, "tokenizer.json");
        Directory.CreateDirectory(other);
        foreach (string file in Directory.GetFiles(taught.Model)) File.Copy(file, Path.Combine(other, Path.GetFileName(file)));
        JsonNode json = JsonNode.Parse(File.ReadAllText(tokenizer))!;
        JsonObject vocabulary = json["model"]!["vocab"]!.AsObject();
        int a = vocabulary["a"]!.GetValue<int>(), b = vocabulary["b"]!.GetValue<int>();
        (vocabulary["a"], vocabulary["b"]) = (b, a);
        File.WriteAllText(tokenizer, json.ToJsonString());
        RecipeException e = Assert.Throws<RecipeException>(() => Train(Recipe(folder, $"teacher.model={System.Text.Json.JsonSerializer.Serialize(other)}")));
        Assert.Contains($"tokenizer differs from the student's at token {Math.Min(a, b)}", e.Message, StringComparison.Ordinal);
    }

    private TrainingRecipe Recipe(TemporaryFolder folder, params string[] settings) => TinyRun.Recipe(
        folder,
        [
            $"model.config={s_student.ToJsonString()}", $"teacher.model={System.Text.Json.JsonSerializer.Serialize(taught.Model)}", "evaluation.every=0", "checkpoints.every=0",
            .. settings,
        ]);

    private static StepMetrics[] Train(TrainingRecipe recipe, bool resume = false)
    {
        using SilentObserver observer = new();
        using (LanguageModelTraining training = LanguageModelTraining.Open(recipe, observer, resume)) training.Run();
        return [.. MetricsLog.Read(Path.Combine(recipe.Output, "metrics.jsonl")).OfType<StepMetrics>()];
    }

    private static void Nudge(Parameter parameter, Random random)
    {
        foreach (ref float value in parameter.Value.Span) value += 0.1f * ((float)random.NextDouble() - 0.5f);
    }

    private static double[] Row(float[] logits, int row, double temperature)
    {
        const int Vocabulary = 257;
        double[] scaled = [.. logits.AsSpan(row * Vocabulary, Vocabulary).ToArray().Select(x => x / temperature)];
        double largest = scaled.Max(), sum = scaled.Sum(x => Math.Exp(x - largest));
        return [.. scaled.Select(x => Math.Exp(x - largest) / sum)];
    }

    // KL(T || S), or β KL(T || M) + (1 - β) KL(S || M) with M = β T + (1 - β) S.
    private static double Divergence(double[] s, double[] t, double? beta)
    {
        if (beta is not { } b) return Kl(t, s);
        double[] m = [.. t.Zip(s, (x, y) => b * x + (1 - b) * y)];
        return b * Kl(t, m) + (1 - b) * Kl(s, m);
    }

    private static double Kl(double[] p, double[] q) => p.Zip(q, (x, y) => x * Math.Log(x / y)).Sum();

    /// <summary>A model of thousands of parameters that has read some text.</summary>
    public sealed class Taught : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public Taught()
        {
            TrainingRecipe recipe = TinyRun.Recipe(_folder, "steps=120", "learningRate.peak=1e-2", "precision=f32", "evaluation.every=0", "checkpoints.every=0");
            TeacherTests.Train(recipe);
            Model = Path.Combine(recipe.Output, "model");
        }

        public string Model { get; }

        public void Dispose() => _folder.Dispose();
    }
}
