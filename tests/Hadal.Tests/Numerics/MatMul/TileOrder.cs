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
        float[][] left = Rounded(a, kind == ProductKind.Tn), right = Rounded(b, kind != ProductKind.Nt);
        for (int m = 0; m < c.Rows; m++)
        {
            for (int n = 0; n < c.Columns; n++) c.Row(m)[n] = Continue(accumulate ? c.Row(m)[n] : 0, left[m], right[n]);
        }
    }

    /// <summary>Adds the products of elements that BF16 can hold, k ascending from a multiple of 32 on, to a sum.</summary>
    public static float Continue(float sum, ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        bool isUnit = GeneratedKernels.Tiles!.Instructions == TileInstructions.Amx;
        for (int k = 0; !isUnit && k < left.Length; k += 2)
        {
            if (k + 1 < left.Length) sum = FlushSum(MathF.FusedMultiplyAdd(left[k + 1], right[k + 1], Flush(sum)));
            sum = FlushSum(MathF.FusedMultiplyAdd(left[k], right[k], Flush(sum)));
        }

        for (int block = 0; isUnit && block < left.Length; block += Inner)
        {
            float even = 0, odd = 0;
            for (int k = block; k < Math.Min(left.Length, block + Inner); k += 2)
            {
                even = FlushSum(MathF.FusedMultiplyAdd(left[k], right[k], even));
                if (k + 1 < left.Length) odd = FlushSum(MathF.FusedMultiplyAdd(left[k + 1], right[k + 1], odd));
            }

            sum = FlushSum(Flush(sum) + FlushSum(even + odd));
        }

        return sum;
    }

    // Elements (i, k), F32 denormals as zero, rounded to BF16, whose denormals are zero again.
    private static float[][] Rounded(Matrix matrix, bool innerIsRow)
    {
        int outer = innerIsRow ? matrix.Columns : matrix.Rows, inner = innerIsRow ? matrix.Rows : matrix.Columns;
        float[][] rounded = new float[outer][];
        for (int i = 0; i < outer; i++)
        {
            rounded[i] = new float[inner];
            for (int k = 0; k < inner; k++)
            {
                float value = (float)(innerIsRow ? Samples.Element(matrix, k, i) : Samples.Element(matrix, i, k));
                rounded[i][k] = Flush(BFloat16.FromSingle(Flush(value)));
            }
        }

        return rounded;
    }

    private static float FlushSum(float value) => float.IsSubnormal(value) ? 0 : value;

    private static float Flush(float value) => float.IsSubnormal(value) ? MathF.CopySign(0, value) : value;
}
