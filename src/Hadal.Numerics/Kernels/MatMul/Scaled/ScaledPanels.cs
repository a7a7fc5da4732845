namespace Hadal.Numerics;

/// <summary>A part of a scaled product in vector registers.</summary>
internal static unsafe class ScaledPanels<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    // Rows and panels of columns that are packed at a time: with 512-bit registers 48 KB and 123 KB.
    private const int PackedRows = 96, PackedPanels = 5;

    /// <summary>Computes a block of the result.</summary>
    public static void Compute(Product product)
    {
        int tileRows = TileKernel<TSimd, TVector>.Rows, most = PackedPanels * TileKernel<TSimd, TVector>.Columns;
        float* b = PackingScratch.Local((long)Factor.ScaledInner * (most + PackedRows) + (long)tileRows * most);
        float* a = b + Factor.ScaledInner * most, sums = a + Factor.ScaledInner * PackedRows;
        for (int n = 0; n < product.N; n += most)
        {
            int columns = Math.Min(most, product.N - n);
            for (int k = 0; k < product.K; k += Factor.ScaledInner)
            {
                int inner = Math.Min(Factor.ScaledInner, product.K - k);
                Factor right = product.B.From(n, k);
                PanelPacking<TSimd, TVector>.Pack(right, columns, inner, TileKernel<TSimd, TVector>.Columns, b);
                for (int m = 0; m < product.M; m += PackedRows)
                {
                    int rows = Math.Min(PackedRows, product.M - m);
                    RowPacking.Pack(product.A.From(m, k), rows, inner, tileRows, a);
                    for (int i = 0; i < rows; i += tileRows)
                    {
                        int height = Math.Min(tileRows, rows - i);
                        PackedBlock<TSimd, TVector>.Multiply(height, columns, inner, a + i * inner, tileRows, b, sums, most, fromZero: true);
                        ScaledSums<TSimd, TVector>.Add(
                            height, columns, sums, most, product.A.From(m + i, k).Scales, right.Scales, product.C + (m + i) * product.CStride + n, product.CStride,
                            fromZero: k == 0 && !product.Accumulate);
                    }
                }
            }
        }
    }
}
