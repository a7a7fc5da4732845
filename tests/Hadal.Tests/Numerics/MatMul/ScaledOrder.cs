using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

/// <summary>
/// What a product of precision F8 is, in scalar code of its own: E4M3 with a scale of max(max|x|, 2^-100) / 448 for 128 values along k, or for 128 x 128 of a
/// weight; sums over 128 values of k from zero, y = fma(scaleA · scaleB, sum, y).
/// </summary>
internal static class ScaledOrder
{
    private const int Block = 128;

    /// <summary>With sums in the order of matrix tiles, or else as one chain.</summary>
    public static void Define(ProductKind kind, Matrix a, Matrix b, Matrix c, bool accumulate, bool onTiles)
    {
        (float[][] codesA, float[][] scalesA) = Round(a, kind == ProductKind.Tn, height: 1);
        (float[][] codesB, float[][] scalesB) = Round(b, kind != ProductKind.Nt, height: kind == ProductKind.Tn ? 1 : Block);
        for (int m = 0; m < c.Rows; m++)
        {
            for (int n = 0; n < c.Columns; n++)
            {
                float y = accumulate ? c.Row(m)[n] : 0;
                for (int k = 0; k < codesA[m].Length; k += Block)
                {
                    int count = Math.Min(Block, codesA[m].Length - k);
                    ReadOnlySpan<float> left = codesA[m].AsSpan(k, count), right = codesB[n].AsSpan(k, count);
                    float sum = 0;
                    if (onTiles) sum = TileOrder.Continue(sum, left, right);
                    else for (int i = 0; i < count; i++) sum = SimdScalar.MultiplyAdd(left[i], right[i], sum);
                    y = SimdScalar.MultiplyAdd(scalesA[m][k / Block] * scalesB[n][k / Block], sum, y);
                }

                c.Row(m)[n] = y;
            }
        }
    }

    private static (float[][] Codes, float[][] Scales) Round(Matrix matrix, bool innerIsRow, int height)
    {
        int outer = innerIsRow ? matrix.Columns : matrix.Rows, inner = innerIsRow ? matrix.Rows : matrix.Columns, blocks = (inner + Block - 1) / Block;
        float[][] codes = new float[outer][], scales = new float[outer][];
        for (int i = 0; i < outer; i++)
        {
            codes[i] = new float[inner];
            scales[i] = new float[blocks];
            for (int block = 0; block < blocks; block++)
            {
                scales[i][block] = i % height != 0 ? scales[i - 1][block] : Scale(i, block);
                for (int k = block * Block; k < Math.Min(inner, (block + 1) * Block); k++)
                {
                    codes[i][k] = Float8E4M3.FromSingle(Element(i, k) / scales[i][block], saturate: true).ToSingle();
                }
            }
        }

        return (codes, scales);

        float Element(int i, int k) => (float)(innerIsRow ? Samples.Element(matrix, k, i) : Samples.Element(matrix, i, k));

        float Scale(int first, int block)
        {
            float largest = MathF.ScaleB(1, -100);
            for (int i = first; i < Math.Min(outer, first + height); i++)
            {
                for (int k = block * Block; k < Math.Min(inner, (block + 1) * Block); k++)
                {
                    float element = MathF.Abs(Element(i, k));
                    largest = float.IsFinite(element) ? MathF.Max(largest, element) : float.NaN;
                }
            }

            return largest / 448;
        }
    }
}
