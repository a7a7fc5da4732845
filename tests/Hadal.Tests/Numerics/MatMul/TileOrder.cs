using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

/// <summary>
/// The order of additions of TDPBF16PS, as Intel's Software Developer's Manual defines the instruction, in scalar code: within 32 values
/// of k even and odd ones are two chains of fused multiply-adds from zero, whose sum is added to the element. Denormals are zero, on the
/// way in and on the way out; a sum that is flushed loses its sign, which the manual leaves open. And that of VDPBF16PS, where this process multiplies
/// with it: one chain, of each pair the odd k before the even.
/// </summary>
internal static class TileOrder
{
    private const int Inner = 32;

    public static void Define(ProductKind kind, Matrix a, Matrix b, Matrix c, bool accumulate)
    {
        int inner = kind == ProductKind.Tn ? a.Rows : a.Columns;
        bool isUnit = GeneratedKernels.Tiles!.Instructions == TileInstructions.Amx;
        float[,] left = Rounded(a, kind == ProductKind.Tn), right = Rounded(b, kind != ProductKind.Nt);
        for (int m = 0; m < c.Rows; m++)
        {
            for (int n = 0; n < c.Columns; n++)
            {
                float sum = accumulate ? c.Row(m)[n] : 0;
                for (int k = 0; !isUnit && k < inner; k += 2)
                {
                    if (k + 1 < inner) sum = FlushSum(MathF.FusedMultiplyAdd(left[m, k + 1], right[n, k + 1], Flush(sum)));
                    sum = FlushSum(MathF.FusedMultiplyAdd(left[m, k], right[n, k], Flush(sum)));
                }

                for (int block = 0; isUnit && block < inner; block += Inner)
                {
                    float even = 0, odd = 0;
                    for (int k = block; k < Math.Min(inner, block + Inner); k += 2)
                    {
                        even = FlushSum(MathF.FusedMultiplyAdd(left[m, k], right[n, k], even));
                        if (k + 1 < inner) odd = FlushSum(MathF.FusedMultiplyAdd(left[m, k + 1], right[n, k + 1], odd));
                    }

                    sum = FlushSum(Flush(sum) + FlushSum(even + odd));
                }

                c.Row(m)[n] = sum;
            }
        }
    }

    // Elements (i, k), F32 denormals as zero, rounded to BF16, whose denormals are zero again.
    private static float[,] Rounded(Matrix matrix, bool innerIsRow)
    {
        float[,] rounded = innerIsRow ? new float[matrix.Columns, matrix.Rows] : new float[matrix.Rows, matrix.Columns];
        for (int row = 0; row < matrix.Rows; row++)
        {
            for (int column = 0; column < matrix.Columns; column++)
            {
                float value = Flush(BFloat16.FromSingle(Flush((float)Samples.Element(matrix, row, column))));
                if (innerIsRow) rounded[column, row] = value;
                else rounded[row, column] = value;
            }
        }

        return rounded;
    }

    private static float FlushSum(float value) => float.IsSubnormal(value) ? 0 : value;

    private static float Flush(float value) => float.IsSubnormal(value) ? MathF.CopySign(0, value) : value;
}
