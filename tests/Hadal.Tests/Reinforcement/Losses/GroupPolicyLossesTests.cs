using System.Text.Json;
using Hadal.Autograd;
using Hadal.Numerics;
using Hadal.Reinforcement.Losses;
using static Hadal.Tests.Reinforcement.Losses.GoldenLosses;

namespace Hadal.Tests.Reinforcement.Losses;

/// <summary>GRPO and its variants against what TRL computed, and against differences.</summary>
public sealed class GroupPolicyLossesTests
{
    public static TheoryData<int> Cases => [.. Enumerable.Range(0, 16)];

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Loss_gradient_and_clip_shares_are_those_of_TRL(int index)
    {
        JsonElement golden = Read("grpo_loss"), inputs = golden.GetProperty("inputs"), expected = golden.GetProperty("cases")[index];
        bool[] mask = Mask(inputs.GetProperty("completion_mask"));
        float[] logProbabilities = Unpadded(inputs.GetProperty("per_token_logps"), mask);
        PolicyLoss loss = Compute(expected, Batch(inputs, expected, logProbabilities));

        Assert.Equal(Number(expected, "loss"), loss.Value, 2e-6);
        Close(Unpadded(expected.GetProperty("grad_logps"), mask), loss.Gradient.Span, 1e-6, "gradient");
        JsonElement metrics = expected.GetProperty("metrics");
        if (metrics.TryGetProperty("clip_ratio/low_mean", out JsonElement low))
        {
            Assert.Equal(low.GetDouble(), loss.ClippedLow, 1e-6);
            Assert.Equal(Number(metrics, "clip_ratio/high_mean"), loss.ClippedHigh, 1e-6);
        }
        else
        {
            Assert.Equal(Number(metrics, "cispo_clip_ratio"), loss.ClippedHigh, 1e-6);
        }

        if (metrics.TryGetProperty("kl", out JsonElement kl)) Assert.Equal(kl.GetDouble(), loss.Divergence, 2e-6);
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void On_the_graph_the_gradient_reaches_the_logits_as_in_TRL(int index)
    {
        JsonElement golden = Read("grpo_loss"), inputs = golden.GetProperty("inputs"), expected = golden.GetProperty("cases")[index];
        bool[] mask = Mask(inputs.GetProperty("completion_mask"));
        float[] logits = Floats(inputs.GetProperty("logits")), expectedGradient = Floats(expected.GetProperty("grad_logits"));
        int vocabulary = logits.Length / mask.Length;
        Assert.Equal(logits.Length, expectedGradient.Length);

        using WorkerPool workers = new(2);
        using Graph g = new(workers, recording: true);
        using Tensor all = Tensor.Create(new Shape(mask.Length, vocabulary), logits, requiresGradient: true);
        int[] rows = [.. Enumerable.Range(0, mask.Length).Where(i => mask[i])], ids = Integers(inputs.GetProperty("completion_ids"));
        Tensor logProbabilities = g.LogProbabilities(g.Rows(all, rows), [.. rows.Select(i => ids[i])]);
        Close(Unpadded(inputs.GetProperty("per_token_logps"), mask), logProbabilities.Span, 2e-6, "log-probabilities");

        PolicyLoss loss = Compute(expected, Batch(inputs, expected, logProbabilities.Span.ToArray()));
        g.Backward(loss.OnGraph(g, logProbabilities));
        Close(expectedGradient, all.Gradient!.Span, 1e-6, "gradient of the logits");
    }

    [Fact]
    public void The_ratio_of_a_first_update_is_one_so_that_clips_and_ratios_do_not_matter()
    {
        PolicyBatch batch = RandomBatch(1, drift: 0);
        PolicyLoss grpo = GroupPolicyLosses.Grpo(batch, 0.2), wide = GroupPolicyLosses.Grpo(batch, 10), gspo = GroupPolicyLosses.Gspo(batch);
        Assert.Equal(wide.Gradient.ToArray(), grpo.Gradient.ToArray());
        Assert.Equal(0, grpo.ClippedHigh + grpo.ClippedLow);
        Close(grpo.Gradient.Span, gspo.Gradient.Span, 1e-7, "GSPO");

        // -A / (G |o|), the plain policy gradient.
        for (int i = 0; i < batch.Count; i++)
        {
            float expected = (float)(-(double)batch.Advantages.Span[i] / ((double)batch.Count * batch.Length(i)));
            for (int t = batch.Start(i); t < batch.Start(i + 1); t++) Assert.Equal(expected, grpo.Gradient.Span[t], 1e-7f);
        }
    }

    [Theory]
    [InlineData("grpo")]
    [InlineData("dr")]
    [InlineData("dapo")]
    [InlineData("gspo")]
    [InlineData("dual")]
    [InlineData("unbiased")]
    [InlineData("reinforce")]
    public void Gradients_are_the_differences_of_the_values(string which)
    {
        PolicyBatch batch = Enumerable.Range(7, 100).Select(static seed => RandomBatch(seed, drift: 0.4f)).First(IsAwayFromCorners);
        PolicyLoss Loss(PolicyBatch b) => which switch
        {
            "grpo" => GroupPolicyLosses.Grpo(b, 0.2, 0.05),
            "dr" => GroupPolicyLosses.DrGrpo(b, 9, 0.2, 0.05),
            "dapo" => GroupPolicyLosses.Dapo(b, 0.2, 0.28, 0.05),
            "gspo" => GroupPolicyLosses.Gspo(b, 0.1, 0.1, 0.05),
            "dual" => GroupPolicyLosses.DualClipped(b, 1.3, 0.2, 0.05),
            "unbiased" => GroupPolicyLosses.GrpoUnbiasedDivergence(b, 0.2, 0.05),
            _ => GroupPolicyLosses.Reinforce(b),
        };
        float[] gradient = Loss(batch).Gradient.ToArray(), point = batch.LogProbabilities.ToArray();
        int nonZero = 0;
        for (int t = 0; t < point.Length; t++)
        {
            // The loss is smooth but for the corners of the clip, and they are further away than the step.
            double difference = Loss(At(t, 1 / 1024f)).Value - Loss(At(t, -1 / 1024f)).Value;
            Assert.Equal(difference * 512, gradient[t], 2e-6);
            if (gradient[t] != 0) nonZero++;
        }

        Assert.True(nonZero > point.Length / 2);

        PolicyBatch At(int token, float step)
        {
            float[] moved = [.. point];
            moved[token] += step;
            return new PolicyBatch(moved, batch.OldLogProbabilities, batch.Advantages, Lengths(batch), batch.ReferenceLogProbabilities);
        }
    }

    private static bool IsAwayFromCorners(PolicyBatch batch)
    {
        double[] corners = [0.8, 0.9, 1.1, 1.2, 1.28, 1.3];
        for (int i = 0; i < batch.Count; i++)
        {
            double mean = 0;
            for (int t = batch.Start(i); t < batch.Start(i + 1); t++)
            {
                double logRatio = (double)batch.LogProbabilities.Span[t] - batch.OldLogProbabilities.Span[t];
                mean += logRatio / batch.Length(i);
                if (Array.Exists(corners, c => Math.Abs(Math.Log(c) - logRatio) < 1 / 512.0)) return false;
            }

            if (Array.Exists(corners, c => Math.Abs(Math.Log(c) - mean) < 1 / 512.0)) return false;
        }

        return true;
    }

    [Fact]
    public void The_parts_of_a_step_add_up_to_the_whole_under_DAPO_and_CISPO()
    {
        PolicyBatch batch = RandomBatch(3, drift: 0.3f);
        int half = batch.Count / 2, cut = batch.Start(half);
        PolicyBatch first = Part(0, half, 0, cut), second = Part(half, batch.Count, cut, batch.Tokens);
        Assert.Equal(GroupPolicyLosses.Dapo(batch).Value, GroupPolicyLosses.Dapo(first, totalTokens: batch.Tokens).Value + GroupPolicyLosses.Dapo(second, totalTokens: batch.Tokens).Value, 1e-12);
        Assert.Equal(GroupPolicyLosses.Cispo(batch, 1.2).Value, GroupPolicyLosses.Cispo(first, 1.2, 0, batch.Tokens).Value + GroupPolicyLosses.Cispo(second, 1.2, 0, batch.Tokens).Value, 1e-12);

        PolicyBatch Part(int from, int to, int start, int end) => new(
            batch.LogProbabilities[start..end], batch.OldLogProbabilities[start..end], batch.Advantages[from..to], Lengths(batch).AsMemory(from..to));
    }

    [Fact]
    public void What_does_not_fit_together_is_refused()
    {
        float[] three = [-1, -1, -1], one = [1], two = [1, 1];
        int[] tooFew = [2], whole = [3], empty = [3, 0];
        Assert.Throws<ArgumentException>(() => new PolicyBatch(three, three, one, tooFew));
        Assert.Throws<ArgumentException>(() => new PolicyBatch(three, two, one, whole));
        Assert.Throws<ArgumentException>(() => new PolicyBatch(three, three, two, empty));
        PolicyBatch batch = new(three, three, one, whole);
        Assert.Throws<ArgumentException>(() => GroupPolicyLosses.Grpo(batch, 0.2, klWeight: 0.1));
    }

    private static PolicyLoss Compute(JsonElement c, PolicyBatch batch)
    {
        double beta = Number(c, "beta"), low = Number(c, "epsilon_low"), high = Number(c, "epsilon_high");
        string type = c.GetProperty("loss_type").GetString()!;
        if (c.GetProperty("off_policy_mask_threshold").ValueKind == JsonValueKind.Number)
        {
            batch = GroupPolicyLosses.OffPolicyMask(batch, Number(c, "off_policy_mask_threshold"));
        }

        if (type == "grpo" && c.GetProperty("importance_sampling_level").GetString() == "sequence") return GroupPolicyLosses.Gspo(batch, low, high, beta);
        if (type == "grpo" && c.GetProperty("delta").ValueKind == JsonValueKind.Number) return GroupPolicyLosses.DualClipped(batch, Number(c, "delta"), low, beta);
        if (type == "grpo" && c.GetProperty("use_bias_correction_kl").GetBoolean()) return GroupPolicyLosses.GrpoUnbiasedDivergence(batch, low, beta);
        return type switch
        {
            // ε differs above and below in one case, which GRPO under DAPO's clip is.
            "grpo" when low != high => GrpoWithDapoClip(batch, low, high),
            "grpo" => GroupPolicyLosses.Grpo(batch, low, beta),
            "dr_grpo" => GroupPolicyLosses.DrGrpo(batch, c.GetProperty("max_completion_length").GetInt32(), low, beta),
            "bnpo" or "dapo" => GroupPolicyLosses.Dapo(batch, low, high, beta),
            "cispo" => GroupPolicyLosses.Cispo(batch, high, beta),
            _ => throw new InvalidOperationException(type),
        };
    }

    // The mean over responses of DAPO's loss of each: DAPO's token mean within one response is GRPO's.
    private static PolicyLoss GrpoWithDapoClip(PolicyBatch batch, double low, double high)
    {
        double value = 0, clippedLow = 0, clippedHigh = 0;
        float[] gradient = new float[batch.Tokens];
        for (int i = 0; i < batch.Count; i++)
        {
            int start = batch.Start(i), end = batch.Start(i + 1);
            PolicyLoss one = GroupPolicyLosses.Dapo(
                new PolicyBatch(batch.LogProbabilities[start..end], batch.OldLogProbabilities[start..end], batch.Advantages[i..(i + 1)], new[] { end - start }), low, high);
            value += one.Value / batch.Count;
            clippedLow += one.ClippedLow * (end - start) / batch.Tokens;
            clippedHigh += one.ClippedHigh * (end - start) / batch.Tokens;
            for (int t = start; t < end; t++) gradient[t] = one.Gradient.Span[t - start] / batch.Count;
        }

        return new PolicyLoss(value, gradient, clippedLow, clippedHigh, 0);
    }

    private static PolicyBatch Batch(JsonElement inputs, JsonElement c, float[] logProbabilities)
    {
        bool[] mask = Mask(inputs.GetProperty("completion_mask"));
        float[] advantages = Floats(inputs.GetProperty("advantages"));
        float[] old = c.GetProperty("old_logps_given").GetBoolean() ? Unpadded(inputs.GetProperty("old_per_token_logps"), mask) : logProbabilities;
        float[] reference = Number(c, "beta") == 0 ? [] : Unpadded(inputs.GetProperty("ref_per_token_logps"), mask);
        return new PolicyBatch(logProbabilities, old, advantages, GoldenLosses.Lengths(mask, advantages.Length), reference);
    }

    private static int[] Lengths(PolicyBatch batch) => [.. Enumerable.Range(0, batch.Count).Select(batch.Length)];

    private static PolicyBatch RandomBatch(int seed, float drift)
    {
        Random random = new(seed);
        int[] lengths = [5, 1, 9, 4];
        float[] old = new float[lengths.Sum()], current = new float[old.Length], reference = new float[old.Length];
        for (int t = 0; t < old.Length; t++)
        {
            // Multiples of 1/4096, so that the steps of the differences are exact.
            old[t] = Round(-3 * random.NextSingle());
            current[t] = Round(old[t] + drift * (random.NextSingle() - 0.5f));
            reference[t] = Round(old[t] + 0.3f * (random.NextSingle() - 0.5f));
        }

        float[] advantages = [1.2f, -0.7f, 0.4f, -0.9f];
        return new PolicyBatch(current, old, advantages, lengths, reference);

        static float Round(float x) => MathF.Round(x * 4096) / 4096;
    }
}
