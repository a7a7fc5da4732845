namespace Hadal.Checkpoints.Gguf;

/// <summary>A tensor as the head of a GGUF file describes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Dimensions">Its dimensions, the fastest first, unlike everywhere else.</param>
/// <param name="Type">How its elements are stored.</param>
/// <param name="Offset">Where its data lies, from <see cref="GgufMetadata.DataStart"/> on.</param>
public sealed record GgufTensor(string Name, IReadOnlyList<long> Dimensions, GgmlType Type, long Offset)
{
    /// <summary>Product of the dimensions.</summary>
    public long ElementCount => Dimensions.Aggregate(1L, (product, dimension) => product * dimension);

    /// <summary>Elements of a row: the fastest dimension, 1 for a scalar.</summary>
    public long RowLength => Dimensions.Count == 0 ? 1 : Dimensions[0];

    /// <summary>Bytes of all elements; the type must be one that <see cref="GgmlTypes.IsKnown"/>.</summary>
    public long ByteLength => ElementCount / Type.BlockLength() * Type.BlockBytes();
}
