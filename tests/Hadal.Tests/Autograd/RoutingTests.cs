using System.Text.Json;
using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Tests.Autograd;

/// <summary>The router against DeepSeek's own code.</summary>
public sealed class RoutingTests
{
    [SkippableFact]
    public void Every_row_is_routed_as_by_DeepSeeks_gate()
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require("routing/routing.json")));
        int cases = 0, rows = 0, negative = 0, zeroMaskDiffers = 0;
        foreach (JsonElement item in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            ScoreFunction score = item.GetProperty("scoring_func").GetString() == "sigmoid" ? ScoreFunction.Sigmoid : ScoreFunction.Softmax;
            float[] bias = item.GetProperty("e_score_correction_bias") is { ValueKind: JsonValueKind.Array } values ? Floats(values) : [];
            RoutingRule rule = new(
                score,
                score == ScoreFunction.Sigmoid ? ExpertSelection.NoAuxiliaryLoss : ExpertSelection.GroupLimitedGreedy,
                item.GetProperty("top_k").GetInt32(), item.GetProperty("n_group").GetInt32(), item.GetProperty("topk_group").GetInt32(),
                item.GetProperty("norm_topk_prob").GetBoolean(), item.GetProperty("routed_scaling_factor").GetSingle());
            float[][] logits = [.. item.GetProperty("router_logits").EnumerateArray().Select(Floats)];
            Compare($"case {cases}", Route(logits, bias, rule), item.GetProperty("topk_indices"), item.GetProperty("topk_weights"));
            cases++;
            rows += logits.Length;
            if (bias.Length > 0 && bias.Min() < -1) negative += logits.Length;
            if (item.GetProperty("rows_where_hf_zero_mask_differs") is { ValueKind: JsonValueKind.Array } differing)
            {
                zeroMaskDiffers += differing.GetArrayLength();
                Assert.All(differing.EnumerateArray(), row => Assert.InRange(row.GetInt32(), 0, logits.Length - 1));
            }
        }

        // 24 + 24 + 16 + 12 + 16 + 16 + 12 rows; in the second case five where masking groups with 0 goes wrong.
        Assert.Equal((7, 120), (cases, rows));
        Assert.Equal((24, 5), (negative, zeroMaskDiffers));
    }

    [SkippableFact]
    public void Every_row_is_routed_as_by_the_gate_that_trains_with_a_balance_loss()
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require("losses/moe_aux_loss.json")));
        JsonElement inputs = golden.RootElement.GetProperty("inputs");
        float[][] weight = [.. inputs.GetProperty("weight").EnumerateArray().Select(Floats)];
        float[][] x = [.. inputs.GetProperty("x").EnumerateArray().SelectMany(sequence => sequence.EnumerateArray().Select(Floats))];

        // The logits in double precision, rounded once: no choice hangs on the order of a sum.
        float[][] logits = [.. x.Select(row => weight.Select(w => (float)row.Zip(w, (a, b) => (double)a * b).Sum()).ToArray())];
        int cases = 0;
        foreach (JsonElement item in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            RoutingRule rule = new(
                ScoreFunction.Softmax,
                item.GetProperty("topk_method").GetString() == "greedy" ? ExpertSelection.Greedy : ExpertSelection.GroupLimitedGreedy,
                item.GetProperty("topk").GetInt32(), item.GetProperty("n_group").GetInt32(), item.GetProperty("topk_group").GetInt32(),
                item.GetProperty("norm_topk_prob").GetBoolean(), 1);
            using JsonDocument indices = Flatten(item.GetProperty("topk_indices")), weights = Flatten(item.GetProperty("topk_weights"));
            Compare($"case {cases}", Route(logits, [], rule), indices.RootElement, weights.RootElement);
            cases++;
        }

        Assert.Equal(6, cases);
    }

    [Fact]
    public void A_masked_group_loses_even_to_negative_scores()
    {
        // sigmoid(0) = 0.5 everywhere. Biased: group 0 -1.5 -1.5, group 1 -0.5 -2.5, group 2 -9.5 -9.5. Sums -3, -3, -19: the tie goes to
        // group 0, and its two experts are taken although zeros in place of the other groups would beat them.
        using WorkerPool pool = new(1);
        using Graph g = new(pool, recording: false);
        RoutingRule rule = new(ScoreFunction.Sigmoid, ExpertSelection.NoAuxiliaryLoss, 2, 3, 1, Normalise: false, 1);
        Routes routes = g.RouteToExperts(Tensor.Create(new Shape(1, 6)), [-2, -2, -1, -3, -10, -10], rule);
        Assert.Equal([0, 1], routes.Experts.Integers().ToArray());
        Assert.Equal([0.5f, 0.5f], routes.Weights.Span.ToArray());
    }

    [Fact]
    public void Groups_count_by_their_best_expert_or_by_their_two_best()
    {
        // Softmax keeps the order of logits. Group 0 has the best expert, group 1 the best pair: e^1 + e^-9 < 2 e^0.9.
        using WorkerPool pool = new(1);
        using Graph g = new(pool, recording: false);
        Tensor logits = Tensor.Create(new Shape(1, 4), [1, -9, 0.9f, 0.9f]);
        RoutingRule rule = new(ScoreFunction.Softmax, ExpertSelection.GroupLimitedGreedy, 2, 2, 1, Normalise: true, 1);
        Assert.Equal([0, 1], g.RouteToExperts(logits, [], rule).Experts.Integers().ToArray());
        Assert.Equal([2, 3], g.RouteToExperts(logits, [], rule with { Selection = ExpertSelection.NoAuxiliaryLoss }).Experts.Integers().ToArray());
        Assert.Equal([0, 2], g.RouteToExperts(logits, [], rule with { Selection = ExpertSelection.Greedy }).Experts.Integers().ToArray());
    }

    private static (int[][] Experts, float[][] Weights) Route(float[][] logits, float[] bias, RoutingRule rule)
    {
        using WorkerPool pool = new(2);
        using Graph g = new(pool, recording: false);
        using Tensor rows = Tensor.Create(new Shape(logits.Length, logits[0].Length), logits.SelectMany(row => row).ToArray());
        Routes routes = g.RouteToExperts(rows, bias, rule);
        return ([.. routes.Experts.Integers().ToArray().Chunk(rule.TopK)], [.. routes.Weights.Span.ToArray().Chunk(rule.TopK)]);
    }

    private static void Compare(string what, (int[][] Experts, float[][] Weights) found, JsonElement indices, JsonElement weights)
    {
        Assert.Equal(indices.GetArrayLength(), found.Experts.Length);
        for (int t = 0; t < found.Experts.Length; t++)
        {
            int[] experts = [.. indices[t].EnumerateArray().Select(e => e.GetInt32())];
            Assert.Equal(experts.Order(), found.Experts[t].Order());
            for (int k = 0; k < experts.Length; k++)
            {
                double expected = weights[t][k].GetDouble(), actual = found.Weights[t][Array.IndexOf(found.Experts[t], experts[k])];

                // An exponential, a division, a sum of up to eight and another division: some 10 roundings of 6e-8.
                Assert.True(
                    Math.Abs(expected - actual) <= 1e-6 * expected, $"{what}, row {t}, expert {experts[k]}: {actual:R}, expected {expected:R}");
            }
        }
    }

    private static JsonDocument Flatten(JsonElement sequences) =>
        JsonDocument.Parse($"[{string.Join(',', sequences.EnumerateArray().SelectMany(s => s.EnumerateArray()).Select(row => row.GetRawText()))}]");

    private static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetSingle())];
}
