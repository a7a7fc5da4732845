using System.Text.Json;
using Hadal.Autograd;
using Hadal.Numerics;
using Hadal.Reinforcement.Losses;
using static Hadal.Tests.Reinforcement.Losses.GoldenLosses;

namespace Hadal.Tests.Reinforcement.Losses;

/// <summary>DPO and its variants against what TRL computed, down to the logits; all against differences.</summary>
public sealed class PreferenceLossesTests
{
    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Loss_and_gradient_of_the_logits_are_those_of_TRL(int index)
    {
        JsonElement golden = Read("dpo_loss"), inputs = golden.GetProperty("inputs"), c = golden.GetProperty("cases")[index];
        float[] logits = Floats(inputs.GetProperty("logits")), expected = Floats(c.GetProperty("grad_logits"));
        int[] ids = Integers(inputs.GetProperty("input_ids"));
        bool[] mask = Mask(inputs.GetProperty("completion_mask"));
        int sequences = inputs.GetProperty("input_ids").GetArrayLength(), width = ids.Length / sequences, pairs = sequences / 2;
        int vocabulary = logits.Length / ids.Length;

        // Row t predicts token t + 1; rows whose next token is of a completion, sequence by sequence.
        int[] rows = [.. Enumerable.Range(0, ids.Length).Where(i => i % width != width - 1 && mask[i + 1])];
        int[] lengths = [.. Enumerable.Range(0, sequences).Select(s => rows.Count(row => row / width == s))];
        using WorkerPool workers = new(1);
        using Graph g = new(workers, recording: true);
        using Tensor all = Tensor.Create(new Shape(ids.Length, vocabulary), logits, requiresGradient: true);
        Tensor logProbabilities = g.LogProbabilities(g.Rows(all, rows), [.. rows.Select(row => ids[row + 1])]);
        Close(Floats(inputs.GetProperty("policy_seq_logps")), SequenceScores.Sums(logProbabilities.Span, lengths), 5e-6, "log-probabilities");

        string type = c.GetProperty("loss_type").GetString()!;
        bool means = type is "ipo" or "sigmoid_norm";
        float[] scores = means ? SequenceScores.Means(logProbabilities.Span, lengths) : SequenceScores.Sums(logProbabilities.Span, lengths);
        float[] reference = [.. Floats(inputs.GetProperty("ref_chosen_logps")), .. Floats(inputs.GetProperty("ref_rejected_logps"))];
        if (means) reference = [.. reference.Select((x, i) => x / lengths[i])];
        float[] margins = PreferenceLosses.Margins(scores.AsSpan(0, pairs), scores.AsSpan(pairs), reference.AsSpan(0, pairs), reference.AsSpan(pairs));
        double beta = Number(c, "beta");
        LossAndGradient loss = type switch
        {
            "sigmoid" or "sigmoid_norm" => PreferenceLosses.Dpo(margins, beta),
            "ipo" => PreferenceLosses.Ipo(margins, beta),
            "hinge" => PreferenceLosses.Hinge(margins, beta),
            "robust" => PreferenceLosses.Robust(margins, Number(c, "label_smoothing"), beta),
            _ => throw new InvalidOperationException(type),
        };
        Assert.Equal(Number(c, "loss"), loss.Value, 1e-5 * Math.Max(1, loss.Value));

        float[] tokenGradients = SequenceScores.TokenGradients(loss.Gradient.Span, lengths, means);
        g.Backward(g.LossOf(logProbabilities, loss.Value, tokenGradients));
        Close(expected, all.Gradient!.Span, 2e-6, "gradient of the logits");
    }

    [Theory]
    [InlineData("dpo")]
    [InlineData("ipo")]
    [InlineData("hinge")]
    [InlineData("robust")]
    [InlineData("reward")]
    public void Gradients_are_the_differences_of_the_values(string which)
    {
        float[] margins = [-30, -2.5f, -0.125f, 0, 0.75f, 4, 25];
        LossAndGradient Loss(float[] m) => which switch
        {
            "dpo" => PreferenceLosses.Dpo(m, 0.3),
            "ipo" => PreferenceLosses.Ipo(m, 0.3),
            "hinge" => PreferenceLosses.Hinge(m, 0.3),
            "robust" => PreferenceLosses.Robust(m, 0.2, 0.3),
            _ => PreferenceLosses.BradleyTerry(m),
        };
        float[] gradient = Loss(margins).Gradient.ToArray();
        for (int i = 0; i < margins.Length; i++)
        {
            // Steps of 1/64: the third derivative is below 0.1 for all but BradleyTerry, 1/8 there: an error below 1/64² / 6 / 8 / 7.
            float[] up = [.. margins], down = [.. margins];
            up[i] += 1 / 64f;
            down[i] -= 1 / 64f;
            Assert.Equal((Loss(up).Value - Loss(down).Value) * 32, gradient[i], 2e-6 * Math.Max(1, Math.Abs(gradient[i])));
        }
    }

    [Fact]
    public void A_reward_model_without_an_opinion_loses_log_two_and_one_that_is_sure_loses_nothing()
    {
        Assert.Equal(Math.Log(2), PreferenceLosses.BradleyTerry([0, 0]).Value, 1e-12);
        Assert.Equal(0, PreferenceLosses.BradleyTerry([800]).Value, 1e-12);
        LossAndGradient wrong = PreferenceLosses.BradleyTerry([-800]);
        Assert.Equal(800, wrong.Value, 1e-9);
        Assert.Equal(-1, wrong.Gradient.Span[0]);
    }
}
