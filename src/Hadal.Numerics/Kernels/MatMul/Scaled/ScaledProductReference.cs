namespace Hadal.Numerics;

/// <summary>
/// The definition of a product of precision F8, in scalar code: y = fma(scaleA · scaleB, z, y) for each 128 values of k, ascending, where z is one chain of
/// multiply-adds over the codes, ascending from zero. Matrix tiles add the terms of z in an order of their own.
/// </summary>
internal static class ScaledProductReference
{
    private const int Block = BlockScaling.ReleasedBlock;

    /// <summary>c [M,N] (+)= sum over k of a(m,k) · b(n,k).</summary>
    /// <param name="a">An activation, or a gradient.</param>
    /// <param name="b">A weight, or where <paramref name="isWeighted"/> is false another activation.</param>
    /// <param name="inner">Values of k.</param>
    /// <param name="isWeighted">Whether b has a scale for 128 x 128 elements.</param>
    /// <param name="c">The result.</param>
    /// <param name="accumulate">Whether the product is added to what c holds.</param>
    public static void Compute(Factor a, Factor b, int inner, bool isWeighted, Matrix c, bool accumulate)
    {
        (float[,] codesA, float[,] scalesA) = Round(a, c.Rows, inner, isWeight: false);
        (float[,] codesB, float[,] scalesB) = Round(b, c.Columns, inner, isWeighted);
        for (int m = 0; m < c.Rows; m++)
        {
            Span<float> row = c.Row(m);
            for (int n = 0; n < c.Columns; n++)
            {
                float y = accumulate ? row[n] : 0;
                for (int first = 0; first < inner; first += Block)
                {
                    float z = 0;
                    for (int k = first; k < Math.Min(inner, first + Block); k++) z = SimdScalar.MultiplyAdd(codesA[m, k], codesB[n, k], z);
                    y = SimdScalar.MultiplyAdd(scalesA[m, first / Block] * scalesB[n, first / Block], z, y);
                }

                row[n] = y;
            }
        }
    }

    // The codes of elements (i, k), and the scale of each i for each 128 values of k.
    private static (float[,] Codes, float[,] Scales) Round(Factor factor, int outer, int inner, bool isWeight)
    {
        float[,] codes = new float[outer, inner], scales = new float[outer, (inner + Block - 1) / Block];
        int height = isWeight ? Block : 1;
        for (int i = 0; i < outer; i += height)
        {
            for (int k = 0; k < inner; k += Block)
            {
                int rows = Math.Min(height, outer - i), columns = Math.Min(Block, inner - k);
                float scale = Scale(factor.From(i, k), rows, columns);
                for (int row = i; row < i + rows; row++)
                {
                    scales[row, k / Block] = scale;
                    for (int column = k; column < k + columns; column++)
                    {
                        codes[row, column] = Float8E4M3.FromSingle(factor.Element(row, column) / scale, saturate: true).ToSingle();
                    }
                }
            }
        }

        return (codes, scales);
    }

    private static float Scale(Factor tile, int rows, int columns)
    {
        uint largest = 0;
        for (int i = 0; i < rows; i++)
        {
            for (int k = 0; k < columns; k++) largest = Math.Max(largest, BitConverter.SingleToUInt32Bits(MathF.Abs(tile.Element(i, k))));
        }

        return TileRounding.Scale(largest);
    }
}
