using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Tests.Autograd;

/// <summary>Every operation refuses operands that do not fit before it touches memory that is not theirs.</summary>
public sealed class OperationShapeTests : IDisposable
{
    private static readonly SequenceRows[] s_four = [new(0, 4)];

    private readonly WorkerPool _pool = new(1);
    private readonly Graph _g;

    public OperationShapeTests() => _g = new Graph(_pool, recording: true);

    public void Dispose()
    {
        _g.Dispose();
        _pool.Dispose();
    }

    [Fact]
    public void Linear_needs_a_weight_and_a_bias_that_fit()
    {
        Refuses(() => _g.Linear(T(4, 5), T(3, 6)));
        Refuses(() => _g.Linear(T(4, 5), T(3, 5), T(1, 4)));
        Refuses(() => _g.Linear(T(4, 5), T(3, 5), T(3, 3)));
        Refuses(() => _g.Linear(T(4, 5), Tensor.Create(new Shape(2, 3, 5))));
        Refuses(() => _g.Linear(T(4, 5), Tensor.Create(new Shape(5))));
    }

    [Fact]
    public void Rowwise_operations_need_rows_that_fit()
    {
        Refuses(() => _g.RmsNorm(T(4, 5), T(1, 4), 1e-6f));
        Refuses(() => _g.RmsNorm(T(4, 5), T(2, 5), 1e-6f));
        Refuses(() => _g.SwiGlu(T(4, 5), T(4, 4)));
        Refuses(() => _g.SwiGlu(T(4, 5), T(5, 5)));
        Refuses(() => _g.Add(T(4, 5), T(5, 4)));
        Refuses(() => _g.Concatenate(T(4, 5), T(3, 5)));
        Refuses(() => _g.Columns(T(4, 5), 3, 3));
        Refuses(() => _g.Columns(T(4, 5), -1, 3));
        Refuses(() => _g.Columns(T(4, 5), 2, -1));
        Refuses(() => _g.Columns(T(4, 5), int.MaxValue, 1));
        Refuses(() => _g.Rows(T(4, 5), [0, 4]));
        Refuses(() => _g.Rows(T(4, 5), [-1]));
        Refuses(() => _g.CrossEntropy(T(4, 5), [0, 1, 2]));
        Refuses(() => _g.CrossEntropy(T(4, 5), [0, 1, 2, 5]));
        Refuses(() => _g.WeightedSum(T(4, 5), new float[19]));
        Refuses(() => _g.AddScaled(T(1, 1), T(1, 2), 1));
        Refuses(() => _g.AddScaled(T(2, 1), T(1, 1), 1));
    }

    [Fact]
    public void The_fused_head_needs_a_target_and_a_weight_for_each_row()
    {
        _ = _g.HeadCrossEntropy(T(4, 5), T(7, 5), [0, 1, 6, -1], new float[4]);
        Refuses(() => _g.HeadCrossEntropy(T(4, 5), T(7, 6), [0, 1, 6, -1], new float[4]));
        Refuses(() => _g.HeadCrossEntropy(T(4, 5), T(7, 5), [0, 1, 6], new float[4]));
        Refuses(() => _g.HeadCrossEntropy(T(4, 5), T(7, 5), [0, 1, 6, -1], new float[3]));
        Refuses(() => _g.HeadCrossEntropy(T(4, 5), T(7, 5), [0, 1, 7, -1], new float[4]));
    }

    [Fact]
    public void A_balance_loss_needs_scores_and_sequences_of_all_tokens()
    {
        RoutingRule rule = new(ScoreFunction.Sigmoid, ExpertSelection.Greedy, 2, 1, 1, true, 1);
        Routes routes = _g.RouteToExperts(T(4, 8), [], rule);
        BalanceWeights weights = BalanceWeights.V3;
        _ = _g.BalanceLoss(routes, rule, s_four, weights);
        Refuses(() => _g.BalanceLoss(routes with { Scores = null }, rule, s_four, weights));
        Refuses(() => _g.BalanceLoss(routes, rule, [new(0, 3)], weights));
        Refuses(() => _g.BalanceLoss(routes, rule, [new(0, 5)], weights));
        Refuses(() => _g.BalanceLoss(routes, rule, [new(0, 2), new(3, 1)], weights));
        Refuses(() => _g.BalanceLoss(routes, rule, [new(0, 5), new(5, -1)], weights));
    }

    [Fact]
    public void Rotary_needs_heads_lanes_and_tables_that_fit()
    {
        RotaryAngles Angles(int pairs, params int[] rows) => new(T(3, pairs), T(3, pairs), RotaryLayout.HalfSplit, rows);
        _ = _g.Rotary(T(2, 12), 2, 0, Angles(3, 0, 2));
        Refuses(() => _g.Rotary(T(2, 12), 5, 0, Angles(1, 0, 2)));
        Refuses(() => _g.Rotary(T(2, 12), 0, 0, Angles(3, 0, 2)));
        Refuses(() => _g.Rotary(T(2, 12), -2, 0, Angles(3, 0, 2)));
        Refuses(() => _g.Rotary(T(2, 12), 2, 1, Angles(3, 0, 2)));
        Refuses(() => _g.Rotary(T(2, 12), 2, -1, Angles(2, 0, 2)));
        Refuses(() => _g.Rotary(T(2, 12), 2, 0, Angles(3, 0, 3)));
        Refuses(() => _g.Rotary(T(2, 12), 2, 0, Angles(3, 0)));
        Refuses(() => _g.Rotary(T(2, 12), 2, 0, Angles(3, 0, 2) with { Sin = T(2, 3) }));
    }

    [Fact]
    public void Attention_needs_queries_keys_and_values_that_fit()
    {
        AttentionShape shape = new(4, 2, 3, 5, 1);
        _ = _g.Attention(shape, T(4, 12), T(4, 6), T(4, 10), s_four);
        Refuses(() => _g.Attention(shape, T(4, 11), T(4, 6), T(4, 10), s_four));
        Refuses(() => _g.Attention(shape, T(4, 12), T(4, 12), T(4, 10), s_four));
        Refuses(() => _g.Attention(shape, T(4, 12), T(4, 6), T(4, 6), s_four));
        Refuses(() => _g.Attention(shape, T(4, 12), T(3, 6), T(4, 10), s_four));
        Refuses(() => _g.Attention(shape, T(4, 12), T(4, 6), T(3, 10), s_four));
        Refuses(() => _g.Attention(shape with { KeyHeads = 3 }, T(4, 12), T(4, 9), T(4, 15), s_four));
        Refuses(() => _g.Attention(new AttentionShape(0, 0, 3, 5, 1), T(4, 12), T(4, 6), T(4, 10), s_four));
        Refuses(() => _g.Attention(new AttentionShape(65536, 65536, 65536, 65536, 1), T(4, 12), T(4, 6), T(4, 10), s_four));
    }

    [Theory]
    [InlineData(0, 3)]                   // the last row is left out
    [InlineData(1, 3)]                   // the first is
    [InlineData(0, 5)]
    [InlineData(0, 2, 3, 1)]             // a gap
    [InlineData(0, 3, 2, 2)]             // an overlap
    [InlineData(2, 2, 0, 2)]             // out of order
    [InlineData(0, -1, -1, 5)]
    [InlineData(0, 4, 4, int.MaxValue)]
    public void Sequences_must_follow_each_other_over_all_tokens(params int[] startsAndCounts)
    {
        SequenceRows[] sequences = [.. startsAndCounts.Chunk(2).Select(pair => new SequenceRows(pair[0], pair[1]))];
        AttentionShape shape = new(1, 1, 2, 2, 1);
        Tensor q = T(4, 2), k = T(4, 2), v = T(4, 2);
        Refuses(() => _g.Attention(shape, q, k, v, sequences));
        using Graph plain = new(_pool, recording: false);
        Refuses(() => plain.Attention(shape, q, [.. sequences.Select(s => new AttentionSequence(s.Start, s.Count, k.AsMatrix(), v.AsMatrix()))]));
    }

    [Fact]
    public void Latent_keys_need_columns_that_divide_among_the_heads()
    {
        _ = _g.LatentKeys(T(4, 18), T(4, 2), 3, 4);
        Refuses(() => _g.LatentKeys(T(4, 19), T(4, 2), 3, 4));
        Refuses(() => _g.LatentKeys(T(4, 18), T(4, 2), 3, 7));
        Refuses(() => _g.LatentKeys(T(4, 18), T(4, 2), 0, 4));
        Refuses(() => _g.LatentKeys(T(4, 18), T(4, 2), -3, 4));
        Refuses(() => _g.LatentKeys(T(4, 18), T(4, 2), 3, -1));
        Refuses(() => _g.LatentKeys(T(4, 18), T(3, 2), 3, 4));
        Refuses(() => _g.LatentKeys(T(3, 18), T(4, 2), 3, 4));
    }

    [Fact]
    public void Routing_needs_a_rule_that_suits_the_experts()
    {
        RoutingRule rule = new(ScoreFunction.Sigmoid, ExpertSelection.NoAuxiliaryLoss, TopK: 3, Groups: 4, TopGroups: 2, true, 1);
        float[] bias = new float[8];
        _ = _g.RouteToExperts(T(2, 8), bias, rule);
        Refuses(() => _g.RouteToExperts(T(2, 8), new float[7], rule));
        Refuses(() => _g.RouteToExperts(T(2, 8), new float[9], rule));
        Refuses(() => _g.RouteToExperts(T(2, 8), bias, rule with { TopK = 9 }));
        Refuses(() => _g.RouteToExperts(T(2, 8), bias, rule with { TopK = 0 }));
        Refuses(() => _g.RouteToExperts(T(2, 8), bias, rule with { Groups = 3 }));
        Refuses(() => _g.RouteToExperts(T(2, 8), bias, rule with { Groups = 16 }));
        Refuses(() => _g.RouteToExperts(T(2, 8), bias, rule with { TopGroups = 5 }));
        Refuses(() => _g.RouteToExperts(T(2, 8), bias, rule with { TopGroups = 0 }));

        // One group of two experts can't give three; groups of one have no two best.
        Refuses(() => _g.RouteToExperts(T(2, 8), bias, rule with { TopGroups = 1 }));
        Refuses(() => _g.RouteToExperts(T(2, 8), bias, rule with { Groups = 8, TopGroups = 3 }));
        _ = _g.RouteToExperts(T(2, 8), [], rule with { Groups = 8, TopGroups = 3, Selection = ExpertSelection.GroupLimitedGreedy });
        _ = _g.RouteToExperts(T(2, 8), [], rule with { Groups = 0, TopGroups = 0, Selection = ExpertSelection.Greedy });
    }

    [Fact]
    public void Routed_experts_need_weights_and_routes_that_fit()
    {
        // Four tokens of 3 lanes, six experts of width 5, two for each token.
        Tensor x = T(4, 3);
        ExpertWeights experts = new(T(6, 5, 3), T(6, 5, 3), T(6, 3, 5));
        Routes routes = new(Tensor.Create(new Shape(4, 2), ElementType.I32), T(4, 2));
        _ = _g.RoutedExperts(x, routes, experts);
        Refuses(() => _g.RoutedExperts(T(4, 4), routes, experts));
        Refuses(() => _g.RoutedExperts(T(3, 3), routes, experts));
        Refuses(() => _g.RoutedExperts(x, routes, experts with { Gate = T(5, 6, 3) }));
        Refuses(() => _g.RoutedExperts(x, routes, experts with { Up = T(5, 6, 3) }));
        Refuses(() => _g.RoutedExperts(x, routes, experts with { Up = T(7, 5, 3) }));
        Refuses(() => _g.RoutedExperts(x, routes, experts with { Down = T(6, 5, 3) }));
        Refuses(() => _g.RoutedExperts(x, routes, experts with { Down = T(5, 3, 5) }));
        Refuses(() => _g.RoutedExperts(x, routes, new ExpertWeights(T(30, 3), T(30, 3), T(18, 5))));
        Refuses(() => _g.RoutedExperts(x, routes with { Weights = T(2, 4) }, experts));
        Refuses(() => _g.RoutedExperts(x, routes with { Weights = T(4, 3) }, experts));
        Refuses(() => _g.RoutedExperts(x, routes with { Experts = Tensor.Create(new Shape(4, 1), ElementType.I32) }, experts));
        foreach (int wrong in (int[])[-1, 6, int.MaxValue, int.MinValue])
        {
            Tensor chosen = Tensor.Create(new Shape(4, 2), ElementType.I32);
            chosen.Integers()[7] = wrong;
            Refuses(() => _g.RoutedExperts(x, routes with { Experts = chosen }, experts));
        }
    }

    private static Tensor T(int rows, int columns) => FiniteDifferences.Input(1, new Shape(rows, columns));

    private static Tensor T(int d0, int d1, int d2) => FiniteDifferences.Input(1, new Shape(d0, d1, d2));

    // ArgumentException or ArgumentOutOfRangeException, and never a step recorded.
    private void Refuses(Action operation)
    {
        int recorded = _g.RecordedOperations;
        Assert.ThrowsAny<ArgumentException>(operation);
        Assert.Equal(recorded, _g.RecordedOperations);
    }
}
