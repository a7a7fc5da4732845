using System.Text.Json;
using Hadal.Autograd;
using Hadal.Numerics;
using static Hadal.Tests.Autograd.FiniteDifferences;

namespace Hadal.Tests.Autograd;

/// <summary>The balance losses against DeepSeek's own code, the papers' equations and differences of their values.</summary>
public sealed class BalanceLossTests : IDisposable
{
    private static readonly SequenceRows[] s_sequences = [new(0, 3), new(3, 0), new(3, 2)];

    private readonly WorkerPool _pool = new(2);

    public void Dispose() => _pool.Dispose();

    [SkippableFact]
    public void Losses_and_gradients_are_those_of_DeepSeeks_gate()
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require("losses/moe_aux_loss.json")));
        JsonElement inputs = golden.RootElement.GetProperty("inputs");
        JsonElement[] sequences = [.. inputs.GetProperty("x").EnumerateArray()];
        int length = sequences[0].GetArrayLength();
        using Tensor x = Rows([.. sequences.SelectMany(s => s.EnumerateArray())]), weight = Rows([.. inputs.GetProperty("weight").EnumerateArray()]);
        SequenceRows[] rows = [.. sequences.Select((_, s) => new SequenceRows(s * length, length))];
        int cases = 0;
        foreach (JsonElement item in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            RoutingRule rule = new(
                ScoreFunction.Softmax,
                item.GetProperty("topk_method").GetString() == "greedy" ? ExpertSelection.Greedy : ExpertSelection.GroupLimitedGreedy,
                item.GetProperty("topk").GetInt32(), item.GetProperty("n_group").GetInt32(), item.GetProperty("topk_group").GetInt32(),
                item.GetProperty("norm_topk_prob").GetBoolean(), 1);
            float alpha = item.GetProperty("aux_loss_alpha").GetSingle();
            BalanceWeights weights = item.GetProperty("seq_aux").GetBoolean() ? new(Sequence: alpha) : new(Expert: alpha);
            using Graph g = new(_pool, recording: true);
            x.ZeroGradient();
            weight.ZeroGradient();
            Tensor loss = g.BalanceLoss(g.RouteToExperts(g.Linear(x, weight), [], rule), rule, rows, weights);

            // Some 50 roundings on either side.
            Assert.Equal(item.GetProperty("aux_loss").GetDouble(), loss.Item, 1e-7);
            g.Backward(loss);
            AssertNear([.. item.GetProperty("grad_x").EnumerateArray().SelectMany(s => s.EnumerateArray())], x.Gradient!, $"case {cases}, x");
            AssertNear([.. item.GetProperty("grad_weight").EnumerateArray()], weight.Gradient!, $"case {cases}, weight");
            cases++;
        }

        Assert.Equal(6, cases);
    }

    public static TheoryData<ScoreFunction, ExpertSelection, BalanceWeights> Kinds
    {
        get
        {
            TheoryData<ScoreFunction, ExpertSelection, BalanceWeights> kinds = [];
            foreach (ScoreFunction score in Enum.GetValues<ScoreFunction>())
            {
                foreach (ExpertSelection selection in Enum.GetValues<ExpertSelection>())
                {
                    foreach (BalanceWeights weights in (BalanceWeights[])
                        [new(Sequence: 1), new(Expert: 1), new(Device: 1), new(Communication: 1), new(0.5f, 0.25f, 2, 1)])
                    {
                        kinds.Add(score, selection, weights);
                    }
                }
            }

            return kinds;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_loss_is_the_papers_and_its_gradient_reaches_the_logits(ScoreFunction score, ExpertSelection selection, BalanceWeights weights)
    {
        // Logits lie 0.375 apart and biased scores more than 0.4, so no step of the differences changes a choice.
        Random random = new(1);
        using Tensor logits = Tensor.Create(new Shape(5, 8), requiresGradient: true);
        for (int t = 0; t < 5; t++)
        {
            float[] row = [.. Enumerable.Range(-4, 8).Select(i => i * 0.375f)];
            random.Shuffle(row);
            row.CopyTo(logits.AsMatrix().Row(t));
        }

        float[] bias = selection == ExpertSelection.NoAuxiliaryLoss ? [-3, 2, 0, -1, 1, 3, -2, 4] : [];
        RoutingRule rule = new(score, selection, TopK: 3, Groups: 4, TopGroups: 2, Normalise: true, Scale: 1.5f);
        using Graph g = new(_pool, recording: false);
        Routes routes = g.RouteToExperts(logits, bias, rule);
        int[][] chosen = [.. routes.Experts.Integers().ToArray().Chunk(3)];
        double[][] shares = [.. Enumerable.Range(0, 5).Select(t => Shares(logits.AsMatrix().Row(t).ToArray(), score))];
        double expected = 0.75 * ByTheEquations(chosen, shares, weights, rule);
        Assert.Equal(expected, g.BalanceLoss(routes, rule, s_sequences, weights, 0.75f).Item, 1e-6 * expected);
        Check(g => g.BalanceLoss(g.RouteToExperts(logits, bias, rule), rule, s_sequences, weights, 0.75f), logits);
    }

    [Fact]
    public void Even_use_costs_the_weight_itself()
    {
        // f_i = 1 everywhere, and the shares of a token add up to 1.
        RoutingRule rule = new(ScoreFunction.Sigmoid, ExpertSelection.NoAuxiliaryLoss, 2, 2, 1, true, 1);
        using Graph g = new(_pool, recording: false);
        using Tensor logits = Tensor.Create(new Shape(2, 4), [1, 1, 0, 0, 0, 0, 2, 2]);
        Routes routes = g.RouteToExperts(logits, [], rule);
        foreach (BalanceWeights weights in (BalanceWeights[])[new(Expert: 3), new(Device: 3), new(Communication: 3)])
        {
            Assert.Equal(3, g.BalanceLoss(routes, rule, [new(0, 2)], weights).Item, 1e-6);
        }
    }

    // 2412.19437 eqs. 17-20 and 2405.04434 eqs. 23-31, as they are printed.
    private static double ByTheEquations(int[][] chosen, double[][] shares, BalanceWeights weights, RoutingRule rule)
    {
        int all = chosen.Length, experts = shares[0].Length, size = experts / rule.Groups;
        double F(int expert, IEnumerable<int> tokens) => (double)experts / (rule.TopK * tokens.Count()) * tokens.Count(t => chosen[t].Contains(expert));
        double P(int expert, IEnumerable<int> tokens) => tokens.Average(t => shares[t][expert]);
        double loss = 0;
        foreach (SequenceRows rows in s_sequences.Where(rows => rows.Count > 0))
        {
            int[] tokens = [.. Enumerable.Range(rows.Start, rows.Count)];
            loss += weights.Sequence * rows.Count / all * Enumerable.Range(0, experts).Sum(i => F(i, tokens) * P(i, tokens));
        }

        int[] batch = [.. Enumerable.Range(0, all)];
        loss += weights.Expert * Enumerable.Range(0, experts).Sum(i => F(i, batch) * P(i, batch));
        for (int d = 0; d < rule.Groups; d++)
        {
            int[] device = [.. Enumerable.Range(d * size, size)];
            double p = device.Sum(i => P(i, batch));
            int reach = rule.Selection == ExpertSelection.Greedy ? Math.Min(rule.Groups, rule.TopK) : rule.TopGroups;
            double sent = (double)rule.Groups / (reach * all) * batch.Count(t => chosen[t].Any(device.Contains));
            loss += weights.Device * device.Average(i => F(i, batch)) * p + weights.Communication * sent * p;
        }

        return loss;
    }

    private static double[] Shares(float[] logits, ScoreFunction score)
    {
        double[] scores = [.. logits.Select(x => score == ScoreFunction.Sigmoid ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x))];
        return [.. scores.Select(s => s / scores.Sum())];
    }

    private static Tensor Rows(JsonElement[] rows) => Tensor.Create(
        new Shape(rows.Length, rows[0].GetArrayLength()), [.. rows.SelectMany(Floats)], requiresGradient: true);

    private static IEnumerable<float> Floats(JsonElement row) => row.EnumerateArray().Select(value => value.GetSingle());

    private static void AssertNear(JsonElement[] rows, Tensor found, string what)
    {
        float[] expected = [.. rows.SelectMany(Floats)];
        Assert.Equal(expected.Length, found.Shape.Count);
        double largest = expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - found.Span[i]) <= 1e-5 * largest, $"{what}, element {i}: {found.Span[i]:R}, expected {expected[i]:R}");
        }
    }
}
