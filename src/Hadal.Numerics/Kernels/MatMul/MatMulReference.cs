namespace Hadal.Numerics;

/// <summary>
/// The definition of a matrix product: each element is one chain of multiply-adds over k, ascending, from zero or from what c holds.
/// Every other path gives these bits. Precision F8 has a definition of its own, <see cref="ScaledProductReference"/>.
/// </summary>
internal static unsafe class MatMulReference
{
    /// <summary>c [M,N] = a [M,K] · b [N,K]ᵀ.</summary>
    public static void Nt(Matrix a, Matrix b, Matrix c, bool accumulate, ProductPrecision precision = ProductPrecision.F32)
    {
        if (precision == ProductPrecision.F8)
        {
            ScaledProductReference.Compute(Factor.AlongRows(a), Factor.AlongRows(b), a.Columns, isWeighted: true, c, accumulate);
            return;
        }

        for (int m = 0; m < c.Rows; m++)
        {
            Span<float> row = c.Row(m);
            for (int n = 0; n < c.Columns; n++)
            {
                float sum = accumulate ? row[n] : 0;
                for (int k = 0; k < a.Columns; k++) sum = float.MultiplyAddEstimate(Element(a, m, k, precision), Element(b, n, k, precision), sum);
                row[n] = sum;
            }
        }
    }

    /// <summary>c [M,N] = a [M,K] · b [K,N].</summary>
    public static void Nn(Matrix a, Matrix b, Matrix c, bool accumulate, ProductPrecision precision = ProductPrecision.F32)
    {
        if (precision == ProductPrecision.F8)
        {
            ScaledProductReference.Compute(Factor.AlongRows(a), Factor.DownColumns(b), a.Columns, isWeighted: true, c, accumulate);
            return;
        }

        for (int m = 0; m < c.Rows; m++)
        {
            Span<float> row = c.Row(m);
            for (int n = 0; n < c.Columns; n++)
            {
                float sum = accumulate ? row[n] : 0;
                for (int k = 0; k < a.Columns; k++) sum = float.MultiplyAddEstimate(Element(a, m, k, precision), Element(b, k, n, precision), sum);
                row[n] = sum;
            }
        }
    }

    /// <summary>c [M,N] = a [K,M]ᵀ · b [K,N].</summary>
    public static void Tn(Matrix a, Matrix b, Matrix c, bool accumulate, ProductPrecision precision = ProductPrecision.F32)
    {
        if (precision == ProductPrecision.F8)
        {
            ScaledProductReference.Compute(Factor.DownColumns(a), Factor.DownColumns(b), a.Rows, isWeighted: false, c, accumulate);
            return;
        }

        for (int m = 0; m < c.Rows; m++)
        {
            Span<float> row = c.Row(m);
            for (int n = 0; n < c.Columns; n++)
            {
                float sum = accumulate ? row[n] : 0;
                for (int k = 0; k < a.Rows; k++) sum = float.MultiplyAddEstimate(Element(a, k, m, precision), Element(b, k, n, precision), sum);
                row[n] = sum;
            }
        }
    }

    private static float Element(Matrix matrix, int row, int column, ProductPrecision precision)
    {
        long index = row * matrix.RowStride + column;
        if (matrix.ElementType == ElementType.BF16) return BitConverter.UInt32BitsToSingle((uint)((ushort*)matrix.Data)[index] << 16);
        float element = ((float*)matrix.Data)[index];
        return precision == ProductPrecision.BF16 ? BFloat16Rounding.Round(element) : element;
    }
}
