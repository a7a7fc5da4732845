using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Training;

/// <summary>A parameter and what its optimiser remembers of it. Moments are null where the other rule trains it.</summary>
/// <param name="Parameter">The parameter.</param>
/// <param name="Master">Its weights in F32, where its value is BF16; null where the value is F32 itself.</param>
/// <param name="FirstMoment">AdamW's m.</param>
/// <param name="SecondMoment">AdamW's v.</param>
/// <param name="Momentum">Muon's.</param>
/// <param name="Decays">Whether weight decay shrinks it.</param>
internal sealed record TrainedParameter(
    Parameter Parameter, Tensor? Master, Tensor? FirstMoment, Tensor? SecondMoment, Tensor? Momentum, bool Decays) : IDisposable
{
    /// <summary>The weights that steps add to, F32.</summary>
    public Tensor Weights => Master ?? Parameter.Value;

    /// <summary>Names as PyTorch has them, for those who look into a checkpoint.</summary>
    public IEnumerable<(string Name, Tensor Value)> State
    {
        get
        {
            if (Master is not null) yield return ($"{Parameter.Name}.master", Master);
            if (FirstMoment is not null) yield return ($"{Parameter.Name}.exp_avg", FirstMoment);
            if (SecondMoment is not null) yield return ($"{Parameter.Name}.exp_avg_sq", SecondMoment);
            if (Momentum is not null) yield return ($"{Parameter.Name}.momentum", Momentum);
        }
    }

    public static TrainedParameter Create(OptimizerOptions options, Parameter parameter, WorkerPool workers)
    {
        Tensor value = parameter.Value;
        Tensor? master = null;
        if (value.ElementType != ElementType.F32)
        {
            master = Tensor.Create(parameter.Shape);
            Elementwise.Copy(workers, value.AsMatrix(), master.AsMatrix());
        }

        Tensor Zeros() => Tensor.Create(parameter.Shape, options.Moments);
        bool decays = options.Decayed switch
        {
            DecayedParameters.All => true,
            DecayedParameters.MatricesExceptEmbedding => parameter.IsMatrix && parameter.Kind != ParameterKind.Embedding,
            _ => parameter.IsMatrix,
        };
        return UsesMuon(options, parameter)
            ? new TrainedParameter(parameter, master, null, null, Zeros(), decays)
            : new TrainedParameter(parameter, master, Zeros(), Zeros(), null, decays);
    }

    /// <summary>Bytes that <see cref="Create"/> takes for a parameter whose value is of a given type.</summary>
    public static long StateBytes(OptimizerOptions options, Parameter parameter, ElementType type)
    {
        long each = (type == ElementType.F32 ? 0 : sizeof(float)) + (UsesMuon(options, parameter) ? 1 : 2) * options.Moments.SizeInBytes();
        return checked(parameter.Count * each);
    }

    public static bool UsesMuon(OptimizerOptions options, Parameter parameter) =>
        options.Kind == OptimizerKind.Muon && parameter.Kind is (ParameterKind.Projection or ParameterKind.Experts);

    public void Dispose()
    {
        foreach ((_, Tensor value) in State) value.Dispose();
    }
}
