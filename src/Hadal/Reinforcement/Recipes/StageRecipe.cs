using Hadal.Numerics;
using Hadal.Training;

namespace Hadal.Reinforcement;

/// <summary>What the recipe of every stage has that trains a model further: what to start from, where to, and how weights are updated.</summary>
public abstract record StageRecipe
{
    /// <summary>What tells the kinds of recipes apart: <c>grpo</c>, <c>ppo</c>, <c>dpo</c>, <c>reward</c>.</summary>
    public required string Stage { get; init; }

    /// <summary>What the recipe is for, in words.</summary>
    public string? Description { get; init; }

    /// <summary>The folder that the run makes.</summary>
    public required string Output { get; init; }

    /// <summary>Decides all that is drawn, and its order.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The folder of the model to start from, with its tokenizer.</summary>
    public required string Model { get; init; }

    /// <summary>The type that matrices and the factors of products are rounded to; see <see cref="TrainingRecipe.Precision"/>.</summary>
    public ProductPrecision Precision { get; init; } = ProductPrecision.F32;

    /// <summary>The optimiser.</summary>
    public OptimizerOptions Optimizer { get; init; } = new();

    /// <summary>The learning rate by step.</summary>
    public LearningRateOptions LearningRate { get; init; } = new() { Kind = LearningRateKind.Constant, Peak = 1e-6 };

    /// <summary>When to save.</summary>
    public CheckpointOptions Checkpoints { get; init; } = new() { Every = 20 };

    /// <summary>Folders of models that the run only reads, beside the one that it trains.</summary>
    internal virtual IReadOnlyList<string> ReadModels => [];
}
