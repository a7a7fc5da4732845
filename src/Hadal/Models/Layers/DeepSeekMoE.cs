using Hadal.Autograd;
using Hadal.Numerics;

namespace Hadal.Models;

/// <summary>
/// DeepSeekMoE: shared experts that every token passes, and routed experts of which each token takes TopK. DeepSeek-V2 (2405.04434)
/// eqs. 20-22, DeepSeek-V3 (2412.19437) eqs. 12-16. What training needs to know of the routes goes to the pass's <see cref="ExpertBalance"/>.
/// </summary>
public sealed class DeepSeekMoE : IFeedForward
{
    internal DeepSeekMoE(ParameterScope scope, DeepSeekConfig config)
    {
        Rule = config.Routing;
        (int experts, int hidden, int width) = (config.NRoutedExperts, config.HiddenSize, config.MoeIntermediateSize);
        ParameterScope router = scope.In("gate"), routed = scope.In("experts");
        Router = router.Declare("weight", new Shape(experts, hidden), ParameterKind.Router);
        RoutingBias = Rule.Selection == ExpertSelection.NoAuxiliaryLoss
            ? router.Declare("e_score_correction_bias", new Shape(experts), ParameterKind.RoutingBias)
            : null;
        Gate = routed.Declare("gate_proj.weight", new Shape(experts, width, hidden), ParameterKind.Experts);
        Up = routed.Declare("up_proj.weight", new Shape(experts, width, hidden), ParameterKind.Experts);
        Down = routed.Declare("down_proj.weight", new Shape(experts, hidden, width), ParameterKind.Experts);
        SharedExperts = config.NSharedExperts > 0
            ? new SwiGluFeedForward(scope.In("shared_experts"), hidden, config.NSharedExperts * width)
            : null;
    }

    /// <summary>How experts are chosen.</summary>
    public RoutingRule Rule { get; }

    /// <summary>e_i: the centroids that tokens are compared with, [experts, hidden].</summary>
    public Parameter Router { get; }

    /// <summary>b_i: decides which experts are chosen, never how much they count, [experts].</summary>
    public Parameter? RoutingBias { get; }

    /// <summary>Gate projections of the routed experts, [experts, width, hidden].</summary>
    public Parameter Gate { get; }

    /// <summary>Up projections of the routed experts, [experts, width, hidden].</summary>
    public Parameter Up { get; }

    /// <summary>Down projections of the routed experts, [experts, hidden, width].</summary>
    public Parameter Down { get; }

    /// <summary>All shared experts as one feed-forward of their joint width.</summary>
    public SwiGluFeedForward? SharedExperts { get; }

    /// <inheritdoc/>
    public Tensor Forward(Graph g, Tensor x, ForwardPass pass, string name)
    {
        // What takes the same input is multiplied together: the router, and the first half of the shared experts.
        LinearLayer router = new(Router.Value, Precision: ProductPrecision.F32);
        Tensor[] first = SharedExperts is { } shared ? g.Linear(x, [router, shared.Gate.Layer(), shared.Up.Layer()]) : g.Linear(x, [router]);
        Tensor affinity = first[0];                                                               // [tokens, experts]
        Routes routes = g.RouteToExperts(affinity, RoutingBias is null ? [] : RoutingBias.Value.Span, Rule); // [tokens, TopK]
        pass.Balance?.Observe(g, this, routes, pass.Batch.SequenceArray);
        if (pass.Probe is { } probe)
        {
            probe($"{name}.topk_indices", routes.Experts);
            probe($"{name}.topk_weights", routes.Weights);
        }

        ExpertWeights experts = new(Gate.Value, Up.Value, Down.Value);
        if (SharedExperts is null) return g.RoutedExperts(x, routes, experts);                    // [tokens, hidden]
        Tensor activated = g.SwiGlu(first[1], first[2]);                                          // [tokens, shared width]
        (Tensor routed, Tensor fromShared) = g.RoutedExperts(x, routes, experts, activated, SharedExperts.Down.Layer(recomputes: true));
        return g.Add(routed, fromShared);                                                         // [tokens, hidden]
    }
}
