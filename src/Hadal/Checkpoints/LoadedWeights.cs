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
        foreach (Parameter array in model.HeldArrays) _ = array.Value;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<StoredTensors> Stored =>
    [
        .. Model.HeldArrays.GroupBy(array => array.Value.ElementType).Select(type => new StoredTensors(
            $"{type.Key}", type.Count(), type.Sum(p => p.Count), type.Sum(p => (long)p.Shape.Rows * RowBytes(p.Value.ElementType, p.Shape.Last)))),
    ];

    /// <inheritdoc/>
    public override bool Stores(Parameter array) => array.IsLoaded;

    /// <inheritdoc/>
    public override ElementType? TypeOf(Parameter array)
    {
        ElementType[] types = [.. array.Held.Where(held => held.IsLoaded).Select(held => held.Value.ElementType).Distinct()];
        return types.Length == 1 ? types[0] : null;
    }

    /// <inheritdoc/>
    protected override void ReadStoredRows(Parameter array, int first, int count, Span<float> destination)
    {
        Tensor value = array.Value;
        if (value.ElementType.IsBlocked()) WeightPanels.Dequantise(value.AsMatrix(), first, destination);
        else ElementConversion.ToSingle(value.ElementType, Bytes(value, first, count), destination);
    }

    /// <inheritdoc/>
    public override bool TryReadStored(Parameter array, ElementType type, int first, int count, Span<byte> destination)
    {
        if (!Stores(array) || array.Value.ElementType != type) return false;
        Tensor value = array.Value;
        destination = destination[..(count * RowBytes(type, array.Shape.Last))];
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
