using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Reinforcement;

/// <summary>PPO's value head: one linear output on the policy's final hidden states, in F32, which begins at zero.</summary>
internal static class ValueHead
{
    private const string Name = "value_head.weight";

    /// <summary>A language model with the head beside it.</summary>
    public static StageModel WithPolicy { get; } = StageModel.Language with { Heads = config => [Create(config)] };

    /// <summary>What is expected to be earned from each state on.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="states">[states, hidden].</param>
    /// <param name="head">[1, hidden].</param>
    /// <returns>[states, 1].</returns>
    public static Tensor Values(Graph g, Tensor states, Parameter head) => g.Linear(states, head.Value, precision: ProductPrecision.F32);

    private static Parameter Create(ModelConfig config)
    {
        Parameter head = new(Name, new Shape(1, config.HiddenSize), ParameterKind.Head);
        head.Assign(Tensor.Create(head.Shape, requiresGradient: true));
        return head;
    }
}
