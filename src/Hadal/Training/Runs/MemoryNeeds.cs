using Hadal.Checkpoints;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Training;

/// <summary>What a run takes whatever its batches, known from the description of the model.</summary>
/// <param name="Weights">Bytes of the weights.</param>
/// <param name="Gradients">Bytes of their gradients, F32.</param>
/// <param name="Optimizer">Bytes of moments, master weights and scratch.</param>
/// <param name="Average">Bytes of the average of the weights.</param>
/// <param name="Frozen">Bytes of the weights of models that are only read, such as a teacher or a reference.</param>
internal sealed record MemoryNeeds(long Weights, long Gradients, long Optimizer, long Average, long Frozen)
{
    /// <summary>All of it.</summary>
    public long Total => Weights + Gradients + Optimizer + Average + Frozen;

    /// <summary>Bytes of a saved state on the disk.</summary>
    public long SavedState => Weights + Optimizer + Average;

    /// <summary>Adds up the parameters of a model that need not be in memory.</summary>
    /// <param name="model">The model that is trained.</param>
    /// <param name="optimizer">How.</param>
    /// <param name="precision">Decides the type of matrices.</param>
    /// <param name="workers">Threads.</param>
    /// <param name="isAveraged">Whether an average of the weights is kept.</param>
    /// <param name="frozen">Folders of models that are only read.</param>
    public static MemoryNeeds Of(Transformer model, OptimizerOptions optimizer, ProductPrecision precision, int workers, bool isAveraged, params ReadOnlySpan<string> frozen)
    {
        ElementType matrices = precision.WeightType();
        long read = 0;
        foreach (string folder in frozen)
        {
            using Transformer description = ModelReader.Describe(folder);
            read += WeightBytes(description, matrices);
        }

        return new MemoryNeeds(
            WeightBytes(model, matrices),
            model.Parameters.Where(p => p.IsTrainable).Sum(p => p.Count * sizeof(float)),
            Hadal.Training.Optimizer.StateBytes(optimizer, model.Parameters, matrices) + Hadal.Training.Optimizer.ScratchBytes(optimizer, model.Parameters, workers),
            isAveraged ? WeightAverage.StateBytes(model.Parameters) : 0,
            read);
    }

    private static long WeightBytes(Transformer model, ElementType matrices) =>
        model.Parameters.Sum(p => p.Count * (p.IsMatrix ? matrices : ElementType.F32).SizeInBytes());
}
