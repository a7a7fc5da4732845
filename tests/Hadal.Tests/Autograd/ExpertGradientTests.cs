using Hadal.Autograd;
using Hadal.Numerics;
using static Hadal.Tests.Autograd.FiniteDifferences;

namespace Hadal.Tests.Autograd;

/// <summary>Routing and routed experts against differences of their values.</summary>
public sealed class ExpertGradientTests
{
    public static TheoryData<ScoreFunction, ExpertSelection, bool> Rules
    {
        get
        {
            TheoryData<ScoreFunction, ExpertSelection, bool> rules = [];
            foreach (ScoreFunction score in Enum.GetValues<ScoreFunction>())
            {
                foreach (ExpertSelection selection in Enum.GetValues<ExpertSelection>())
                {
                    rules.Add(score, selection, true);
                    rules.Add(score, selection, false);
                }
            }

            return rules;
        }
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public void Routing_passes_the_gradient_through_scores_normalisation_and_scale(
        ScoreFunction score, ExpertSelection selection, bool normalise)
    {
        // Logits lie 0.375 apart and biased scores more than 0.4 (biases lie 1 apart, scores are between 0.18 and 0.76), so no step of
        // 2/32 changes the order of experts or groups; that is checked.
        Random random = new(1);
        Tensor logits = Tensor.Create(new Shape(3, 8), requiresGradient: true);
        for (int t = 0; t < 3; t++)
        {
            float[] row = [.. Enumerable.Range(-4, 8).Select(i => i * 0.375f)];
            random.Shuffle(row);
            row.CopyTo(logits.AsMatrix().Row(t));
        }

        float[] bias = selection == ExpertSelection.NoAuxiliaryLoss ? [-3, 2, 0, -1, 1, 3, -2, 4] : [];
        RoutingRule rule = new(score, selection, TopK: 3, Groups: 4, TopGroups: 2, normalise, Scale: 1.5f);
        int[]? chosen = null;
        Check(Weights, logits);

        Tensor Weights(Graph g)
        {
            Routes routes = g.RouteToExperts(logits, bias, rule);
            int[] experts = routes.Experts.Integers().ToArray();
            chosen ??= experts;
            Assert.Equal(chosen, experts);
            return routes.Weights;
        }
    }

    [Fact]
    public void Routed_experts_pass_the_gradient_to_tokens_routes_and_weights()
    {
        // Expert 1 has no token, expert 3 has one of every token but the second.
        (Tensor x, Routes routes, ExpertWeights experts) = Sample(true, true, true, true, true);
        Check(g => g.RoutedExperts(x, routes, experts), x, routes.Weights, experts.Gate, experts.Up, experts.Down);
        Assert.All(experts.Gate.Gradient!.AsMatrix(4, 15).Row(1).ToArray(), value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Routed_experts_leave_out_what_is_frozen(int required)
    {
        (Tensor x, Routes routes, ExpertWeights experts) = Sample(required == 0, required == 1, required == 2, required == 3, required == 4);
        Check(g => g.RoutedExperts(x, routes, experts), x, routes.Weights, experts.Gate, experts.Up, experts.Down);
    }

    [Fact]
    public void Experts_with_BF16_weights_pass_the_gradient()
    {
        (Tensor x, Routes routes, _) = Sample(true, true, true, true, true);
        ExpertWeights experts = new(
            Input(3, new Shape(4, 5, 3), type: ElementType.BF16), Input(4, new Shape(4, 5, 3), type: ElementType.BF16),
            Input(5, new Shape(4, 3, 5), type: ElementType.BF16));
        Check(g => g.RoutedExperts(x, routes, experts), x, routes.Weights, experts.Gate, experts.Up, experts.Down);
    }

    [Fact]
    public void The_gradient_flows_from_experts_through_their_routes_to_the_router()
    {
        Tensor x = Input(1, new Shape(4, 3)), router = Input(6, new Shape(4, 3));
        (_, _, ExpertWeights experts) = Sample(true, true, true, true, true);
        RoutingRule all = new(ScoreFunction.Sigmoid, ExpertSelection.Greedy, TopK: 4, Groups: 1, TopGroups: 1, Normalise: true, Scale: 2);

        // With all experts chosen, no step can change the choice: only the order of summation.
        Check(g => g.RoutedExperts(x, g.RouteToExperts(g.Linear(x, router), [], all), experts), x, router, experts.Gate, experts.Down);
    }

    [Fact]
    public void No_tokens_give_no_rows()
    {
        using WorkerPool pool = new(1);
        using Graph g = new(pool, recording: false);
        (_, _, ExpertWeights experts) = Sample(false, false, false, false, false);
        Routes none = new(Tensor.Create(new Shape(0, 2), ElementType.I32), Tensor.Create(new Shape(0, 2)));
        Assert.Equal(new Shape(0, 3), g.RoutedExperts(Tensor.Create(new Shape(0, 3)), none, experts).Shape);
    }

    private static (Tensor X, Routes Routes, ExpertWeights Experts) Sample(bool x, bool routes, bool gate, bool up, bool down)
    {
        Tensor experts = Tensor.Create(new Shape(4, 2), ElementType.I32);
        ((int[])[3, 0, 2, 0, 0, 3, 3, 2]).CopyTo(experts.Integers());
        return (
            Input(1, new Shape(4, 3), x),
            new Routes(experts, Input(2, new Shape(4, 2), routes)),
            new ExpertWeights(Input(3, new Shape(4, 5, 3), gate), Input(4, new Shape(4, 5, 3), up), Input(5, new Shape(4, 3, 5), down)));
    }
}
