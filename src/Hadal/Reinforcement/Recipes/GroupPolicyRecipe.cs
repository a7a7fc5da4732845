using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;

namespace Hadal.Reinforcement;

/// <summary>The member of GRPO's family that trains.</summary>
public enum PolicyAlgorithm
{
    /// <summary>GRPO as published.</summary>
    Grpo,

    /// <summary>Without the biases of length and difficulty.</summary>
    DrGrpo,

    /// <summary>Clips higher above, counts every token the same, and samples again where a group shows nothing.</summary>
    Dapo,

    /// <summary>One ratio for a response.</summary>
    Gspo,

    /// <summary>Clips weights instead of gradients.</summary>
    Cispo,

    /// <summary>REINFORCE with the mean of the others as its baseline.</summary>
    Rloo,

    /// <summary>REINFORCE++: advantages normalised over the batch.</summary>
    ReinforcePlusPlus,
}

/// <summary>Everything that decides what a run of reinforcement learning from verified answers computes (R1-Zero's stage).</summary>
public sealed record GroupPolicyRecipe : StageRecipe
{
    /// <summary>What to learn.</summary>
    public TaskOptions Task { get; init; } = new();

    /// <summary>How questions become prompts.</summary>
    public PromptStyle Prompt { get; init; } = PromptStyle.Plain;

    /// <summary>What responses earn. Whether prompts open the reasoning is the prompt style's business.</summary>
    public RewardFunction Rewards { get; init; } = new();

    /// <summary>How responses are sampled.</summary>
    public RolloutOptions Rollouts { get; init; } = new();

    /// <summary>What is made of them.</summary>
    public PolicyOptions Policy { get; init; } = new();

    /// <summary>Steps: each samples anew.</summary>
    public required int Steps { get; init; }

    /// <summary>When to solve held-out problems.</summary>
    public PolicyEvaluationOptions Evaluation { get; init; } = new();

    internal override IReadOnlyList<string> ReadModels => Policy.KlWeight > 0 ? [Model] : [];
}

/// <summary>Sampling of responses.</summary>
public sealed record RolloutOptions
{
    /// <summary>Problems of a step.</summary>
    public int Problems { get; init; } = 16;

    /// <summary>Responses to each: G.</summary>
    public int GroupSize { get; init; } = 16;

    /// <summary>Most tokens of a response.</summary>
    public int MaxTokens { get; init; } = 256;

    /// <summary>Sampling temperature, above 0.</summary>
    public float Temperature { get; init; } = 1;
}

/// <summary>The update.</summary>
public sealed record PolicyOptions
{
    /// <summary>The loss and its advantages.</summary>
    public PolicyAlgorithm Algorithm { get; init; } = PolicyAlgorithm.Grpo;

    /// <summary>ε below 1; null for the algorithm's own.</summary>
    public double? ClipLow { get; init; }

    /// <summary>ε above 1; null for the algorithm's own.</summary>
    public double? ClipHigh { get; init; }

    /// <summary>β: weight of the divergence from the model that the run began with; 0 needs no reference.</summary>
    public double KlWeight { get; init; } = 0.001;

    /// <summary>Updates on the same responses.</summary>
    public int Updates { get; init; } = 1;

    /// <summary>Responses that pass through the model at once; the gradients of an update are accumulated.</summary>
    public int MicroResponses { get; init; } = 64;

    /// <summary>Whether groups whose rewards are all the same are left out of the update; DAPO always does.</summary>
    public bool DropGroupsWithoutSignal { get; init; }

    /// <summary>
    /// Most rounds of sampling in a step: in each but the first, other problems are asked in place of groups without signal, until there are as many
    /// groups as the recipe has (DAPO's dynamic sampling, arXiv 2503.14476, equation 11). Null for the algorithm's own: 3 for DAPO, else 1.
    /// </summary>
    public int? SamplingRounds { get; init; }

    internal bool DropsGroups => DropGroupsWithoutSignal || SamplingRounds > 1 || Algorithm == PolicyAlgorithm.Dapo;

    internal int MostRounds => SamplingRounds ?? (Algorithm == PolicyAlgorithm.Dapo ? 3 : 1);

    /// <summary>γ of the routing biases' update by load; 0 leaves them as the base model has them.</summary>
    public float BalancingSpeed { get; init; }
}

/// <summary>Measuring on held-out problems.</summary>
public sealed record PolicyEvaluationOptions
{
    /// <summary>Steps between measurements; 0 for only at the start and the end.</summary>
    public int Every { get; init; } = 20;

    /// <summary>Held-out problems, each answered once, greedily.</summary>
    public int Problems { get; init; } = 128;
}
