using System.Text.Json;
using Hadal.Autograd;
using Hadal.Numerics;
using Hadal.Training.Distillation;
using static Hadal.Tests.Autograd.FiniteDifferences;
using static Hadal.Tests.Reinforcement.Losses.GoldenLosses;

namespace Hadal.Tests.Training.Distillation;

/// <summary>Soft labels and the generalised Jensen-Shannon divergence against other implementations and against differences.</summary>
public sealed class DistillationLossesTests
{
    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Soft_labels_together_with_cross_entropy_are_Hinton_distillation(int index)
    {
        JsonElement golden = Read("kd_hinton"), inputs = golden.GetProperty("inputs"), c = golden.GetProperty("cases")[index];
        float[] student = Floats(inputs.GetProperty("student_logits")), teacher = Floats(inputs.GetProperty("teacher_logits"));
        bool[] mask = Mask(inputs.GetProperty("attention_mask"));
        int[] labels = Integers(inputs.GetProperty("labels"));
        int vocabulary = student.Length / mask.Length, width = mask.Length / 2;
        float softWeight = (float)Number(c, "alpha_ce"), hardWeight = (float)Number(c, "alpha_clm");

        using WorkerPool workers = new(2);
        using Graph g = new(workers, recording: true);
        using Tensor s = Tensor.Create(new Shape(mask.Length, vocabulary), student, requiresGradient: true), t = Tensor.Create(s.Shape, teacher);
        Tensor soft = Mean(g, g.SoftLabels(s, t, (float)Number(c, "temperature")), mask);
        Assert.Equal(Number(c, "loss_ce"), soft.Item, 2e-6);

        // The label of a row is the next row's, within a sequence.
        int[] next = [.. Enumerable.Range(0, labels.Length).Select(i => i % width == width - 1 ? -1 : Math.Max(labels[i + 1], -1))];
        Tensor hard = Mean(g, g.CrossEntropy(s, next), [.. next.Select(static id => id >= 0)]);
        if (c.GetProperty("loss_clm").ValueKind == JsonValueKind.Number) Assert.Equal(Number(c, "loss_clm"), hard.Item, 2e-6);
        Tensor loss = g.AddScaled(g.WeightedSum(soft, [softWeight]), hard, hardWeight);
        Assert.Equal(Number(c, "loss"), loss.Item, 3e-6);
        g.Backward(loss);
        Close(Floats(c.GetProperty("grad_student_logits")), s.Gradient!.Span, 1e-6, "gradient");
    }

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    public void The_Jensen_Shannon_divergence_is_that_of_TRL(int index)
    {
        JsonElement golden = Read("gkd_jsd"), inputs = golden.GetProperty("inputs"), c = golden.GetProperty("cases")[index];
        float[] student = Floats(inputs.GetProperty("student_logits")), teacher = Floats(inputs.GetProperty("teacher_logits"));
        bool[] mask = [.. Integers(inputs.GetProperty("labels")).Select(static id => id != -100)];
        using WorkerPool workers = new(1);
        using Graph g = new(workers, recording: true);
        using Tensor s = Tensor.Create(new Shape(mask.Length, student.Length / mask.Length), student, requiresGradient: true), t = Tensor.Create(s.Shape, teacher);
        Tensor loss = Mean(g, g.JensenShannon(s, t, Number(c, "beta"), (float)Number(c, "temperature")), mask);
        Assert.Equal(Number(c, "loss"), loss.Item, 2e-6);
        g.Backward(loss);
        Close(Floats(c.GetProperty("grad_student_logits")), s.Gradient!.Span, 1e-6, "gradient");
    }

    [Fact]
    public void Gradients_are_the_differences_of_the_values()
    {
        Tensor student = Input(1, new Shape(3, 9)), teacher = Input(2, new Shape(3, 9), requiresGradient: false);
        Check(g => g.SoftLabels(student, teacher, 1.5f), student, teacher);
        foreach (double beta in (double[])[0, 0.25, 1])
        {
            Tensor s = Input(3, new Shape(2, 8));
            Check(g => g.JensenShannon(s, Input(4, new Shape(2, 8), requiresGradient: false), beta, 0.8f), s);
        }
    }

    [Fact]
    public void Equal_distributions_have_no_loss_and_tokens_without_probability_are_no_trouble()
    {
        using WorkerPool workers = new(1);
        using Graph g = new(workers, recording: true);
        float never = float.NegativeInfinity;
        using Tensor s = Tensor.Create(new Shape(1, 3), [1, 2, never], requiresGradient: true), t = Tensor.Create(new Shape(1, 3), [3, 4, never]);
        foreach (double beta in (double[])[0, 0.5, 1])
        {
            Tensor loss = g.JensenShannon(s, t, beta);
            Assert.Equal(0, loss.Item, 1e-6f);
            s.ZeroGradient();
            g.Backward(loss);
            Assert.All(s.Gradient!.Span.ToArray(), static x => Assert.Equal(0, x, 1e-6f));
        }
    }

    [Fact]
    public void What_makes_no_sense_is_refused()
    {
        using WorkerPool workers = new(1);
        using Graph g = new(workers, recording: false);
        using Tensor a = Tensor.Create(new Shape(2, 3)), b = Tensor.Create(new Shape(3, 2));
        Assert.Throws<ArgumentException>(() => g.SoftLabels(a, b));
        Assert.Throws<ArgumentOutOfRangeException>(() => g.SoftLabels(a, a, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => g.JensenShannon(a, a, 1.5));
    }

    private static Tensor Mean(Graph g, Tensor losses, bool[] mask) =>
        g.WeightedSum(losses, [.. mask.Select(kept => kept ? 1f / mask.Count(static k => k) : 0)]);
}
