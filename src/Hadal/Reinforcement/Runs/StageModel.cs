using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Reinforcement;

/// <summary>What a stage trains.</summary>
/// <param name="Load">Loads the model to be trained from a folder, its matrices held in a type.</param>
/// <param name="Heads">Makes the parameters that are trained beside it.</param>
internal sealed record StageModel(Func<string, ElementType, Transformer> Load, Func<ModelConfig, IReadOnlyList<Parameter>> Heads)
{
    /// <summary>A language model alone.</summary>
    public static StageModel Language { get; } = new((folder, matrices) => ModelReader.Read(folder, matrices, trainable: true), _ => []);
}
