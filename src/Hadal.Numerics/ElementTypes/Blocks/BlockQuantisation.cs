namespace Hadal.Numerics;

/// <summary>
/// Between F32 and the blocks that files hold: ggml's Q8_0, Q4_0, Q4_K and Q6_K, and E4M3 with a factor for 128 columns. Reading is exact
/// but for one rounding; writing looks for the scales with the least error and depends on nothing but the block itself.
/// </summary>
public static class BlockQuantisation
{
    /// <summary>Bytes that <paramref name="elements"/> take in a file.</summary>
    /// <exception cref="ArgumentException">The type's elements don't come in blocks, or there is no whole number of blocks.</exception>
    public static long ByteLength(ElementType type, long elements)
    {
        if (!type.IsBlocked()) throw new ArgumentException($"{type} has no blocks", nameof(type));
        if (elements < 0 || elements % type.BlockElements() != 0)
        {
            throw new ArgumentException($"{elements} elements are no whole number of blocks of {type.BlockElements()} of {type}", nameof(elements));
        }

        return checked(elements / type.BlockElements() * type.BlockBytes());
    }

    /// <summary>Reads blocks.</summary>
    /// <param name="type">A type in blocks.</param>
    /// <param name="blocks">The blocks, as files have them.</param>
    /// <param name="values">Takes their elements.</param>
    /// <exception cref="ArgumentException">The type's elements don't come in blocks, or the spans don't match.</exception>
    public static void Dequantise(ElementType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        RequireLength(type, values.Length, blocks.Length, nameof(blocks));
        Reading reading = new(blocks, values);
        BlockFormats.Apply(type, ref reading);
    }

    /// <summary>Writes blocks.</summary>
    /// <param name="type">A type in blocks.</param>
    /// <param name="values">Finite values; in a row's order, so that no block spans two rows.</param>
    /// <param name="blocks">Takes the blocks, as files have them.</param>
    /// <exception cref="ArgumentException">
    /// The type's elements don't come in blocks, the spans don't match, or a value is not finite.
    /// </exception>
    public static void Quantise(ElementType type, ReadOnlySpan<float> values, Span<byte> blocks)
    {
        RequireLength(type, values.Length, blocks.Length, nameof(blocks));
        RequireFinite(type, values);
        Writing writing = new(values, blocks);
        BlockFormats.Apply(type, ref writing);
    }

    /// <exception cref="ArgumentException">A value is not finite.</exception>
    internal static void RequireFinite(ElementType type, ReadOnlySpan<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i])) throw new ArgumentException($"element {i} is {values[i]}, expected a finite number for {type}", nameof(values));
        }
    }

    private static void RequireLength(ElementType type, int elements, int bytes, string parameter)
    {
        long expected = ByteLength(type, elements);
        if (bytes != expected) throw new ArgumentException($"{elements} elements of {type} take {expected} bytes, found {bytes}", parameter);
    }

    private readonly ref struct Reading(ReadOnlySpan<byte> blocks, Span<float> values) : IBlockAction
    {
        private readonly ReadOnlySpan<byte> _blocks = blocks;
        private readonly Span<float> _values = values;

        public void Run<TFormat>() where TFormat : struct, IBlockFormat
        {
            Span<byte> head = stackalloc byte[TFormat.HeadBytes], elements = stackalloc byte[TFormat.Elements];
            for (int b = 0; b < _values.Length / TFormat.Elements; b++)
            {
                TFormat.Read(_blocks.Slice(b * TFormat.Bytes, TFormat.Bytes), head, elements);
                TFormat.Dequantise(head, elements, _values.Slice(b * TFormat.Elements, TFormat.Elements));
            }
        }
    }

    private readonly ref struct Writing(ReadOnlySpan<float> values, Span<byte> blocks) : IBlockAction
    {
        private readonly ReadOnlySpan<float> _values = values;
        private readonly Span<byte> _blocks = blocks;

        public void Run<TFormat>() where TFormat : struct, IBlockFormat
        {
            Span<byte> head = stackalloc byte[TFormat.HeadBytes], elements = stackalloc byte[TFormat.Elements];
            for (int b = 0; b < _values.Length / TFormat.Elements; b++)
            {
                TFormat.Quantise(_values.Slice(b * TFormat.Elements, TFormat.Elements), head, elements);
                TFormat.Write(head, elements, _blocks.Slice(b * TFormat.Bytes, TFormat.Bytes));
            }
        }
    }
}
