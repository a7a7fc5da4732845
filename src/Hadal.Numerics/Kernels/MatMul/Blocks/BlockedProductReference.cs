namespace Hadal.Numerics;

/// <summary>
/// The definition of products with weights in blocks (docs/numerics.md), from the loose form of each block and in plain loops. Every kernel
/// gives these bits.
/// </summary>
internal static unsafe class BlockedProductReference
{
    /// <summary>c [M,N] = a [M,K] · b [N,K]ᵀ.</summary>
    public static void Nt(Matrix a, Matrix b, Matrix c, bool accumulate)
    {
        if (c.Rows == 0 || c.Columns == 0) return;
        float[] values = new float[a.Columns];
        sbyte[] bytes = new sbyte[a.Columns];
        ActivationScale[] scales = new ActivationScale[a.Columns / QuantisedRows.Block];
        for (int m = 0; m < c.Rows; m++)
        {
            ActivationRows.Read(a, m, values);
            fixed (float* from = values)
            {
                fixed (sbyte* to = bytes)
                {
                    for (int i = 0; i < scales.Length; i++) scales[i] = QuantisedRows.Reference(from + i * QuantisedRows.Block, to + i * QuantisedRows.Block);
                }
            }

            Row row = new(b, values, bytes, scales, c.Row(m), accumulate);
            BlockFormats.Apply(b.ElementType, ref row);
        }
    }

    private readonly ref struct Row(
        Matrix weights, ReadOnlySpan<float> values, ReadOnlySpan<sbyte> bytes, ReadOnlySpan<ActivationScale> scales, Span<float> results, bool accumulate)
        : IBlockAction
    {
        private readonly ReadOnlySpan<float> _values = values;
        private readonly ReadOnlySpan<sbyte> _bytes = bytes;
        private readonly ReadOnlySpan<ActivationScale> _scales = scales;
        private readonly Span<float> _results = results;

        public void Run<TFormat>() where TFormat : struct, IBlockFormat
        {
            Span<byte> head = stackalloc byte[TFormat.HeadBytes], elements = stackalloc byte[TFormat.Elements];
            for (int n = 0; n < _results.Length; n++)
            {
                PanelRow<TFormat> row = new(weights, n);
                float sum = accumulate ? _results[n] : 0;
                for (int block = 0; block < weights.Columns / TFormat.Elements; block++)
                {
                    row.Take(block, head, elements);
                    int column = block * TFormat.Elements;
                    sum = typeof(TFormat) == typeof(F8Format)
                        ? AddF8(sum, head, elements, _values[column..])
                        : AddIntegers<TFormat>(sum, head, elements, _bytes[column..], _scales[(column / QuantisedRows.Block)..]);
                }

                _results[n] = sum;
            }
        }
    }

    // For each 32 columns: one multiply-add of the integer sum, and another of the minimum.
    private static float AddIntegers<TFormat>(
        float sum, ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, ReadOnlySpan<sbyte> a, ReadOnlySpan<ActivationScale> scales)
        where TFormat : struct, IBlockFormat
    {
        float d = Float16.ToSingle((ushort)(head[0] | head[1] << 8));
        for (int part = 0; part < TFormat.Elements / 32; part++)
        {
            (int first, int second) = (0, 0);
            for (int i = 32 * part; i < 32 * part + 16; i++)
            {
                first += (elements[i] - TFormat.Bias) * a[i];
                second += (elements[i + 16] - TFormat.Bias) * a[i + 16];
            }

            ActivationScale scale = scales[part];
            if (TFormat.HasHalves)
            {
                int both = first * (sbyte)head[2 + 2 * part] + second * (sbyte)head[3 + 2 * part];
                sum = float.MultiplyAddEstimate(d * scale.Scale, both, sum);
            }
            else if (TFormat.HasMinima)
            {
                float dmin = Float16.ToSingle((ushort)(head[2] | head[3] << 8));
                sum = float.MultiplyAddEstimate(d * head[4 + 2 * part] * scale.Scale, first + second, sum);
                sum = float.MultiplyAddEstimate(dmin * head[5 + 2 * part], scale.NegativeSum, sum);
            }
            else
            {
                sum = float.MultiplyAddEstimate(d * scale.Scale, first + second, sum);
            }
        }

        return sum;
    }

    // Four chains over every fourth column, added in pairs; then the factor of the block.
    private static float AddF8(float sum, ReadOnlySpan<byte> head, ReadOnlySpan<byte> elements, ReadOnlySpan<float> a)
    {
        ReadOnlySpan<float> table = Float8E4M3.Values;
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (int i = 0; i < elements.Length; i += 4)
        {
            s0 = float.MultiplyAddEstimate(table[elements[i]], a[i], s0);
            s1 = float.MultiplyAddEstimate(table[elements[i + 1]], a[i + 1], s1);
            s2 = float.MultiplyAddEstimate(table[elements[i + 2]], a[i + 2], s2);
            s3 = float.MultiplyAddEstimate(table[elements[i + 3]], a[i + 3], s3);
        }

        return float.MultiplyAddEstimate(BitConverter.ToSingle(head), s0 + s1 + (s2 + s3), sum);
    }
}
