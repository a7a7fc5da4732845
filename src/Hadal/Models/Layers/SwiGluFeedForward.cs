using Hadal.Autograd;

namespace Hadal.Models;

/// <summary>What follows attention in a layer: dense, or a mixture of experts.</summary>
public interface IFeedForward
{
    /// <summary>Transforms every token by itself.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="x">[tokens, hidden].</param>
    /// <param name="pass">The forward pass.</param>
    /// <param name="name">The layer's name for the probe.</param>
    /// <returns>[tokens, hidden].</returns>
    Tensor Forward(Graph g, Tensor x, ForwardPass pass, string name);
}

/// <summary>down(silu(gate(x)) · up(x)) (Shazeer 2020).</summary>
public sealed class SwiGluFeedForward : IFeedForward
{
    internal SwiGluFeedForward(ParameterScope scope, int hidden, int width, bool bias = false)
    {
        Gate = scope.Projection("gate_proj", hidden, width, bias);
        Up = scope.Projection("up_proj", hidden, width, bias);
        Down = scope.Projection("down_proj", width, hidden, bias);
    }

    /// <summary>hidden to width, through the activation.</summary>
    public Projection Gate { get; }

    /// <summary>hidden to width.</summary>
    public Projection Up { get; }

    /// <summary>width to hidden.</summary>
    public Projection Down { get; }

    /// <inheritdoc/>
    public Tensor Forward(Graph g, Tensor x, ForwardPass pass, string name) => Forward(g, x);

    internal Tensor Forward(Graph g, Tensor x)
    {
        Tensor[] gateAndUp = g.Linear(x, [Gate.Layer(), Up.Layer()]);     // [tokens, width] each
        Tensor activated = g.SwiGlu(gateAndUp[0], gateAndUp[1]);          // [tokens, width]
        return Down.Forward(g, activated, recomputes: true);              // [tokens, hidden]
    }
}
