using Hadal.Reinforcement.Preferences;
using Hadal.Reinforcement.Rollouts;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>What the recipes have that learn from pairs of a better and a worse answer.</summary>
public abstract record PreferenceRecipe : StageRecipe
{
    /// <summary>Small models want more than the 5e-7 to 1e-6 that is usual for large ones.</summary>
    protected PreferenceRecipe() => (LearningRate, Checkpoints) = (new() { Kind = LearningRateKind.Cosine, Peak = 1e-5, FinalRatio = 0.1 }, new() { Every = 100 });

    /// <summary>The pairs.</summary>
    public required PreferenceOptions Data { get; init; }

    /// <summary>How prompts are written; by default with the chat template where the model has one, else as a line.</summary>
    public PromptStyle? Prompt { get; init; }

    /// <summary>How many make a step.</summary>
    public PairBatchOptions Batch { get; init; } = new();

    /// <summary>Steps to take. Exactly one of this and <see cref="Epochs"/> is given.</summary>
    public int? Steps { get; init; }

    /// <summary>Passes over the pairs, rounded up to whole steps.</summary>
    public double? Epochs { get; init; }

    /// <summary>When to measure on held-out pairs.</summary>
    public PairEvaluationOptions Evaluation { get; init; } = new();
}

/// <summary>The size of a step.</summary>
public sealed record PairBatchOptions
{
    /// <summary>Pairs of a step.</summary>
    public int Pairs { get; init; } = 16;

    /// <summary>Pairs that pass through the model at once; the gradients of a step are accumulated. By default all.</summary>
    public int? MicroPairs { get; init; }
}

/// <summary>Measuring on held-out pairs.</summary>
public sealed record PairEvaluationOptions
{
    /// <summary>Steps between measurements; 0 for only at the start and the end.</summary>
    public int Every { get; init; } = 50;

    /// <summary>Most pairs to measure on.</summary>
    public int Pairs { get; init; } = 256;
}

/// <summary>A loss on pairs.</summary>
public enum PreferenceLoss
{
    /// <summary>DPO.</summary>
    Dpo,

    /// <summary>IPO: a target for the margin instead of a push without end.</summary>
    Ipo,

    /// <summary>SLiC's hinge.</summary>
    Hinge,

    /// <summary>DPO where a share of the pairs is the wrong way round.</summary>
    Robust,
}

/// <summary>Everything that decides what a run of direct preference optimisation computes.</summary>
public sealed record DirectPreferenceRecipe : PreferenceRecipe
{
    /// <summary>The loss and its constants.</summary>
    public DirectPreferenceOptions Preference { get; init; } = new();

    internal override IReadOnlyList<string> ReadModels => [Model];
}

/// <summary>Direct preference optimisation.</summary>
public sealed record DirectPreferenceOptions
{
    /// <summary>The loss.</summary>
    public PreferenceLoss Loss { get; init; } = PreferenceLoss.Dpo;

    /// <summary>β: how dear it is to leave the reference.</summary>
    public double Beta { get; init; } = 0.1;

    /// <summary>For <see cref="PreferenceLoss.Robust"/>, the share of pairs that are the wrong way round.</summary>
    public double FlippedShare { get; init; } = 0.1;
}

/// <summary>Everything that decides what the training of a reward model computes.</summary>
public sealed record RewardModelRecipe : PreferenceRecipe
{
}
