using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Training;

/// <summary>What a run takes whatever its batches, known from the description of the model.</summary>
/// <param name="Weights">Bytes of the weights.</param>
/// <param name="Gradients">Bytes of their gradients, F32.</param>
/// <param name="Optimizer">Bytes of moments, master weights and scratch.</param>
/// <param name="Average">Bytes of the average of the weights.</param>
internal sealed record MemoryNeeds(long Weights, long Gradients, long Optimizer, long Average)
{
    /// <summary>All of it.</summary>
    public long Total => Weights + Gradients + Optimizer + Average;

    /// <summary>Bytes of a saved state on the disk.</summary>
    public long SavedState => Weights + Optimizer + Average;

    /// <summary>Adds up the parameters of a model that need not be in memory.</summary>
    public static MemoryNeeds Of(TrainingRecipe recipe, Transformer model, int workers)
    {
        ElementType matrices = recipe.Precision == ProductPrecision.BF16 ? ElementType.BF16 : ElementType.F32;
        return new MemoryNeeds(
            model.Parameters.Sum(p => p.Count * (p.IsMatrix ? matrices : ElementType.F32).SizeInBytes()),
            model.Parameters.Where(p => p.IsTrainable).Sum(p => p.Count * sizeof(float)),
            Hadal.Training.Optimizer.StateBytes(recipe.Optimizer, model.Parameters, matrices)
                + Hadal.Training.Optimizer.ScratchBytes(recipe.Optimizer, model.Parameters, workers),
            recipe.Average is null ? 0 : WeightAverage.StateBytes(model.Parameters));
    }
}
