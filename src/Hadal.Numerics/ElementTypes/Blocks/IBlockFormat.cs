namespace Hadal.Numerics;

/// <summary>
/// A format of blocks. Between its bytes in files and the panels of products lies a loose form: the scales of the block, and one unsigned
/// byte for each element, its value plus the format's bias.
/// </summary>
internal interface IBlockFormat
{
    /// <summary>Elements of a block.</summary>
    static abstract int Elements { get; }

    /// <summary>Bytes of a block in files.</summary>
    static abstract int Bytes { get; }

    /// <summary>Bytes of the scales in the loose form: first <see cref="WideFields"/> of <see cref="WideBytes"/> each, then single bytes.</summary>
    static abstract int HeadBytes { get; }

    /// <summary>Scales that are wider than a byte.</summary>
    static abstract int WideFields { get; }

    /// <summary>Bytes of each of those.</summary>
    static abstract int WideBytes { get; }

    /// <summary>Bits of an element: 4, 6 or 8.</summary>
    static abstract int Bits { get; }

    /// <summary>What the bytes of the loose form are above the values.</summary>
    static abstract int Bias { get; }

    /// <summary>Whether each 32 elements have a minimum that is subtracted; scale and minimum are then bytes that follow each other.</summary>
    static abstract bool HasMinima { get; }

    /// <summary>Whether each 16 elements have a scale of their own, a signed byte.</summary>
    static abstract bool HasHalves { get; }

    /// <summary>Takes a block of a file apart.</summary>
    static abstract void Read(ReadOnlySpan<byte> block, Span<byte> head, Span<byte> elements);

    /// <summary>Puts a block of a file together: the inverse of <see cref="Read"/>.</summary>
    static abstract void Write(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<byte> block);

    /// <summary>The values of a loose block.</summary>
    static abstract void Dequantise(ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, Span<float> values);

    /// <summary>A loose block near finite values.</summary>
    static abstract void Quantise(ReadOnlySpan<float> values, Span<byte> head, Span<byte> elements);
}
