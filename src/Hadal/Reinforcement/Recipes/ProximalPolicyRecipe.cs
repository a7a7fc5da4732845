using Hadal.Reinforcement.Losses;
using Hadal.Reinforcement.Rewards;
using Hadal.Reinforcement.Rollouts;

namespace Hadal.Reinforcement;

/// <summary>Everything that decides what a run of PPO computes: from verified answers, or from a reward model (RLHF).</summary>
public sealed record ProximalPolicyRecipe : StageRecipe
{
    /// <summary>What to learn from verified answers. Exactly one of this and <see cref="RewardModel"/> is given.</summary>
    public TaskOptions? Task { get; init; }

    /// <summary>What verified answers earn. Whether prompts open the reasoning is the prompt style's business.</summary>
    public RewardFunction Rewards { get; init; } = new();

    /// <summary>What judges answers to prompts of a file.</summary>
    public RewardModelOptions? RewardModel { get; init; }

    /// <summary>
    /// How questions become prompts. By default <see cref="PromptStyle.Plain"/> for a task, and for a reward model the chat template where
    /// the model has one, else <see cref="PromptStyle.Line"/>.
    /// </summary>
    public PromptStyle? Prompt { get; init; }

    /// <summary>How responses are sampled. They are not compared with each other, so one to a prompt is enough.</summary>
    public RolloutOptions Rollouts { get; init; } = new() { Problems = 64, GroupSize = 1 };

    /// <summary>What is made of them.</summary>
    public ProximalPolicyOptions Policy { get; init; } = new();

    /// <summary>Steps: each samples anew.</summary>
    public required int Steps { get; init; }

    /// <summary>When to answer held-out problems.</summary>
    public PolicyEvaluationOptions Evaluation { get; init; } = new();

    internal override IReadOnlyList<string> ReadModels =>
        [.. Policy.KlWeight > 0 ? [Model] : Array.Empty<string>(), .. RewardModel is { } judge ? [judge.Path] : Array.Empty<string>()];
}

/// <summary>Rewards by a model.</summary>
public sealed record RewardModelOptions
{
    /// <summary>The folder that the stage <c>reward</c> wrote.</summary>
    public required string Path { get; init; }

    /// <summary>A file of prompts; see <see cref="Preferences.PreferenceFile"/>. Answers in it are not read.</summary>
    public required string Prompts { get; init; }

    /// <summary>The share of prompts held out, of which <c>evaluation.problems</c> are answered.</summary>
    public double HeldOutFraction { get; init; } = 0.1;

    /// <summary>What is taken off the score of a response that the limit of tokens cut off.</summary>
    public double MissingEndPenalty { get; init; }
}

/// <summary>The update of PPO.</summary>
public sealed record ProximalPolicyOptions
{
    /// <summary>ε: the ratio counts between 1 - ε and 1 + ε.</summary>
    public double Clip { get; init; } = 0.2;

    /// <summary>β: weight of the divergence from the model that the run began with, token by token; 0 needs no reference.</summary>
    public double KlWeight { get; init; } = 0.05;

    /// <summary>How the divergence is estimated.</summary>
    public DivergenceEstimator KlEstimator { get; init; } = DivergenceEstimator.K1;

    /// <summary>γ: how much later rewards count; 1 for responses of language models.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>λ of generalised advantage estimation.</summary>
    public double Lambda { get; init; } = 0.95;

    /// <summary>Whether rewards are brought to unit variance over the step, their mean kept.</summary>
    public bool WhitenRewards { get; init; }

    /// <summary>How far a value may move from its old estimate.</summary>
    public double ValueClip { get; init; } = 0.2;

    /// <summary>Weight of the value loss: policy and values share all layers.</summary>
    public double ValueWeight { get; init; } = 0.1;

    /// <summary>Passes over the responses of a step.</summary>
    public int Updates { get; init; } = 4;

    /// <summary>Parts of the responses in a pass, with an update after each.</summary>
    public int Minibatches { get; init; } = 1;

    /// <summary>Responses that pass through the model at once; the gradients of an update are accumulated.</summary>
    public int MicroResponses { get; init; } = 64;
}
