using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>The stacked weights of a layer's routed experts.</summary>
/// <param name="Gate">[experts, width, hidden].</param>
/// <param name="Up">[experts, width, hidden].</param>
/// <param name="Down">[experts, hidden, width].</param>
public readonly record struct ExpertWeights(Tensor Gate, Tensor Up, Tensor Down);

/// <summary>
/// Σ_k weight_k · down(silu(gate(x)) · up(x)) over each token's experts: DeepSeekMoE (2401.06066) eqs. 3-5. Token copies are sorted
/// by expert once, so each expert multiplies all its rows at a time. Saves the three projections, and the sorted and the activated rows,
/// which can be recomputed.
/// </summary>
public static class RoutedExpertsOperation
{
    /// <summary>Sends every token through its experts and adds their weighted outputs.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">[tokens, hidden].</param>
    /// <param name="routes">Each token's experts and weights.</param>
    /// <param name="weights">The experts.</param>
    /// <returns>[tokens, hidden].</returns>
    /// <exception cref="ArgumentException">Shapes contradict each other, or a route leads to no expert.</exception>
    public static Tensor RoutedExperts(this Graph g, Tensor x, Routes routes, ExpertWeights weights) =>
        Run(g, x, routes, weights, null, default).Routed;

    /// <summary>The same, and beside it a linear layer that does not depend on it: with few tokens one parallel region less.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">[tokens, hidden].</param>
    /// <param name="routes">Each token's experts and weights.</param>
    /// <param name="weights">The experts.</param>
    /// <param name="besideInput">The layer's input, [tokens, inputs].</param>
    /// <param name="beside">The layer.</param>
    /// <returns>[tokens, hidden], and [tokens, outputs] of the layer.</returns>
    /// <inheritdoc cref="RoutedExperts(Graph, Tensor, Routes, ExpertWeights)"/>
    public static (Tensor Routed, Tensor Beside) RoutedExperts(
        this Graph g, Tensor x, Routes routes, ExpertWeights weights, Tensor besideInput, LinearLayer beside)
    {
        (Tensor routed, Tensor? output) = Run(g, x, routes, weights, besideInput, beside);
        return (routed, output!);
    }

    private static (Tensor Routed, Tensor? Beside) Run(
        Graph g, Tensor x, Routes routes, ExpertWeights weights, Tensor? besideInput, in LinearLayer beside)
    {
        Check(x, routes, weights);
        int tokens = x.Shape.Rows, hidden = x.Shape.Last, experts = weights.Gate.Shape[0], width = weights.Gate.Shape[1];
        int rows = checked(tokens * routes.Weights.Shape.Last);
        Tensor y = g.Allocate(x.Shape, g.Records(x, routes.Weights, weights.Gate) || g.Records(weights.Up, weights.Down));
        Tensor sources = g.Allocate(new Shape(rows), type: ElementType.I32);        // sorted row -> token
        Tensor slots = g.Allocate(new Shape(rows), type: ElementType.I32);          // token * TopK + k -> sorted row
        Tensor offsets = g.Allocate(new Shape(experts + 1), type: ElementType.I32); // expert -> its first sorted row
        SortByExpert(routes.Experts.Integers(), routes.Weights.Shape.Last, sources.Integers(), slots.Integers(), offsets.Integers());

        Tensor gate = g.Allocate(new Shape(rows, width));       // [rows, width]
        Tensor up = g.Allocate(gate.Shape);                     // [rows, width]
        Tensor activated = g.Allocate(gate.Shape);              // [rows, width]
        Tensor down = g.Allocate(new Shape(rows, hidden));      // [rows, hidden]
        Tensor? sorted = null;                                  // [rows, hidden]
        if (y.RequiresGradient || !weights.Gate.ElementType.IsBlocked())
        {
            sorted = g.Allocate(new Shape(rows, hidden));
            Sort(g, x, sources, sorted);
        }

        // Products with weights in blocks take rows by number, and round each once.
        Matrix input = (sorted ?? x).AsMatrix(), starts = offsets.AsMatrix();
        Matrix? taken = sorted is null ? sources.AsMatrix() : null;
        LinearProduct besideProduct = default;
        Tensor? besideOutput = besideInput is null ? null : g.Prepare(besideInput, beside, out besideProduct);
        ReadOnlySpan<LinearProduct> products =
        [
            new(input, weights.Gate.AsMatrix(), gate.AsMatrix(), g.Precision, starts, taken),
            new(input, weights.Up.AsMatrix(), up.AsMatrix(), g.Precision, starts, taken),
            besideProduct,
        ];
        JointMatMul.Nt(g.Workers, besideInput is null ? products[..2] : products);
        Activate(g, gate, up, activated);
        GroupedMatMul.Nt(g.Workers, activated.AsMatrix(), offsets.Integers(), weights.Down.AsMatrix(), down.AsMatrix(), accumulate: false, g.Precision);
        ExpertCombination.Combine(g.Workers, down.AsMatrix(), slots.Integers(), routes.Weights.AsMatrix(), y.AsMatrix());

        if (y.RequiresGradient)
        {
            g.Record(new Backpropagation(x, routes, weights, new Saved(sources, slots, offsets, sorted!, gate, up, activated, down), y));
        }

        if (besideInput is not null) g.Complete(besideInput, beside, besideOutput!);
        return (y, besideOutput);
    }

    private static void Sort(Graph g, Tensor x, Tensor sources, Tensor sorted) =>
        Embedding.Gather(g.Workers, x.AsMatrix(), sources.Integers(), sorted.AsMatrix());

    private static void Activate(Graph g, Tensor gate, Tensor up, Tensor activated) =>
        Numerics.SwiGlu.Forward(g.Workers, gate.AsMatrix(), up.AsMatrix(), activated.AsMatrix());

    private static void Check(Tensor x, Routes routes, ExpertWeights weights)
    {
        Shape gate = weights.Gate.Shape;
        if (gate.Rank != 3 || gate[2] != x.Shape.Last || weights.Up.Shape != gate || weights.Down.Shape != new Shape(gate[0], gate[2], gate[1]))
        {
            throw new ArgumentException(
                $"gate {gate}, up {weights.Up.Shape} and down {weights.Down.Shape} are no experts for rows of {x.Shape.Last}", nameof(weights));
        }

        if (routes.Experts.Shape != routes.Weights.Shape || routes.Weights.Shape.Rows != x.Shape.Rows)
        {
            throw new ArgumentException(
                $"experts {routes.Experts.Shape} and weights {routes.Weights.Shape} are no routes of {x.Shape.Rows} tokens", nameof(routes));
        }

        foreach (int expert in routes.Experts.Integers())
        {
            if ((uint)expert >= (uint)gate[0]) throw new ArgumentException($"a route leads to expert {expert} of {gate[0]}", nameof(routes));
        }
    }

    // A counting sort: within an expert, rows keep the order of the tokens.
    private static void SortByExpert(ReadOnlySpan<int> experts, int topK, Span<int> sources, Span<int> slots, Span<int> offsets)
    {
        offsets.Clear();
        foreach (int expert in experts) offsets[expert + 1]++;
        for (int e = 1; e < offsets.Length; e++) offsets[e] += offsets[e - 1];
        for (int i = 0; i < experts.Length; i++)
        {
            // offsets[e] runs ahead while the expert's rows are dealt out, and ends as the start of the next expert.
            int row = offsets[experts[i]]++;
            sources[row] = i / topK;
            slots[i] = row;
        }

        for (int e = offsets.Length - 1; e > 0; e--) offsets[e] = offsets[e - 1];
        offsets[0] = 0;
    }

    private readonly record struct Saved(
        Tensor Sources, Tensor Slots, Tensor Offsets, Tensor Sorted, Tensor Gate, Tensor Up, Tensor Activated, Tensor Down);

    private sealed class Backpropagation(Tensor x, Routes routes, ExpertWeights weights, Saved saved, Tensor y) : RecomputableOperation
    {
        protected override (Tensor? First, Tensor? Second) Droppable => (saved.Sorted, saved.Activated);

        protected override void Recompute(Graph g)
        {
            Sort(g, x, saved.Sources, saved.Sorted);
            Activate(g, saved.Gate, saved.Up, saved.Activated);
        }

        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(y) is not { } dy) return;
            Span<int> offsets = saved.Offsets.Integers();
            Matrix slotWeights = routes.Weights.AsMatrix();

            // dDown_row = weight · dy_token, and dWeight = dy_token · down_row.
            using Tensor dDown = g.Borrow(saved.Down.Shape);
            ExpertCombination.Distribute(g.Workers, dy, saved.Slots.Integers(), slotWeights, dDown.AsMatrix());
            if (g.GradientOf(routes.Weights) is { } dWeights)
            {
                ExpertCombination.AddWeightGradient(g.Workers, dy, saved.Slots.Integers(), saved.Down.AsMatrix(), dWeights);
            }

            if (g.GradientOf(weights.Down) is { } dWeightDown)
            {
                GroupedMatMul.Tn(g.Workers, dDown.AsMatrix(), saved.Activated.AsMatrix(), offsets, dWeightDown, accumulate: true, g.Precision);
            }

            using Tensor dActivated = g.Borrow(saved.Activated.Shape);
            GroupedMatMul.Nn(g.Workers, dDown.AsMatrix(), offsets, weights.Down.AsMatrix(), dActivated.AsMatrix(), accumulate: false, g.Precision);
            using Tensor dGate = g.Borrow(saved.Gate.Shape), dUp = g.Borrow(saved.Up.Shape);
            Numerics.SwiGlu.Backward(
                g.Workers, saved.Gate.AsMatrix(), saved.Up.AsMatrix(), dActivated.AsMatrix(), dGate.AsMatrix(), dUp.AsMatrix(), accumulate: false);

            if (g.GradientOf(weights.Gate) is { } dWeightGate)
            {
                GroupedMatMul.Tn(g.Workers, dGate.AsMatrix(), saved.Sorted.AsMatrix(), offsets, dWeightGate, accumulate: true, g.Precision);
            }

            if (g.GradientOf(weights.Up) is { } dWeightUp)
            {
                GroupedMatMul.Tn(g.Workers, dUp.AsMatrix(), saved.Sorted.AsMatrix(), offsets, dWeightUp, accumulate: true, g.Precision);
            }

            if (g.TargetOf(x) is not { } dx) return;
            using Tensor dSorted = g.Borrow(saved.Sorted.Shape);
            GroupedMatMul.Nn(g.Workers, dGate.AsMatrix(), offsets, weights.Gate.AsMatrix(), dSorted.AsMatrix(), accumulate: false, g.Precision);
            GroupedMatMul.Nn(g.Workers, dUp.AsMatrix(), offsets, weights.Up.AsMatrix(), dSorted.AsMatrix(), accumulate: true, g.Precision);
            ExpertCombination.AddUp(g.Workers, dSorted.AsMatrix(), saved.Slots.Integers(), dx.Gradient, dx.Accumulate);
        }
    }
}
