using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Checkpoints;

/// <summary>The weights of a model in memory. The model stays its owner's.</summary>
internal sealed class LoadedWeights : WeightSource
{
    /// <summary>Takes a model.</summary>
    /// <exception cref="InvalidOperationException">A parameter has no memory.</exception>
    public LoadedWeights(Transformer model) : base("the model in memory", model)
    {
        foreach (Parameter parameter in model.Parameters) _ = parameter.Value;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<StoredTensors> Stored =>
    [
        .. Model.Parameters.GroupBy(parameter => parameter.Value.ElementType).Select(type => new StoredTensors(
            $"{type.Key}", type.Count(), type.Sum(p => p.Count), type.Sum(p => (long)p.Shape.Rows * RowBytes(p.Value.ElementType, p.Shape.Last)))),
    ];

    /// <inheritdoc/>
    public override ElementType? TypeOf(Parameter parameter) => parameter.Value.ElementType;

    /// <inheritdoc/>
    public override void ReadRows(Parameter parameter, int first, int count, Span<float> destination)
    {
        Tensor value = parameter.Value;
        destination = destination[..(count * parameter.Shape.Last)];
        if (value.ElementType.IsBlocked()) WeightPanels.Dequantise(value.AsMatrix(), first, destination);
        else ElementConversion.ToSingle(value.ElementType, Bytes(value, first, count), destination);
    }

    /// <inheritdoc/>
    public override bool TryReadStored(Parameter parameter, ElementType type, int first, int count, Span<byte> destination)
    {
        Tensor value = parameter.Value;
        if (value.ElementType != type) return false;
        destination = destination[..(count * RowBytes(type, parameter.Shape.Last))];
        if (type.IsBlocked()) WeightPanels.Unpack(value.AsMatrix(), first, destination);
        else Bytes(value, first, count).CopyTo(destination);
        return true;
    }

    /// <inheritdoc/>
    public override void CheckCopies()
    {
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
    }

    private static ReadOnlySpan<byte> Bytes(Tensor value, int first, int count)
    {
        int bytes = RowBytes(value.ElementType, value.Shape.Last);
        return value.Buffer.AsSpan<byte>((long)first * bytes, checked(count * bytes));
    }
}
