namespace Hadal.Numerics;

/// <summary>
/// The products of routed experts: rows are sorted by group, and group g owns the rows offsets[g] to offsets[g+1]. Groups may be
/// empty. All groups are computed in one parallel region, each with the bits that <see cref="MatMul"/> gives for it alone.
/// </summary>
public static unsafe class GroupedMatMul
{
    /// <summary>c[rows of g] [.,N] = a[rows of g] [.,K] · W_g [N,K]ᵀ.</summary>
    /// <param name="pool">The threads that compute.</param>
    /// <param name="a">Left factors, F32 or BF16, one below the other.</param>
    /// <param name="offsets">Where groups start, and the number of rows at the end: one entry more than there are groups.</param>
    /// <param name="weights">
    /// Right factors, one below the other: G·N rows of K. F32, BF16, or for this product of the three a type in blocks, where N is a multiple
    /// of 16.
    /// </param>
    /// <param name="c">Results, F32.</param>
    /// <param name="accumulate">Whether the products are added to what <paramref name="c"/> holds.</param>
    /// <param name="precision">Whether F32 factors are rounded to BF16 first; products with blocks have a precision of their own.</param>
    /// <exception cref="ArgumentException">Shapes or offsets do not fit, or an element type is not one of those.</exception>
    public static void Nt(
        WorkerPool pool, Matrix a, ReadOnlySpan<int> offsets, Matrix weights, Matrix c, bool accumulate = false,
        ProductPrecision precision = ProductPrecision.F32)
    {
        ProductArguments.CheckNt(pool, a, offsets, isGrouped: true, weights, c);
        int groups = offsets.Length - 1;
        if (weights.ElementType.IsBlocked())
        {
            ProductDispatch.RunBlocked(pool, a, offsets, weights, c, accumulate);
        }
        else if (ProductDispatch.UsesReference)
        {
            for (int g = 0; g < groups; g++)
            {
                int rows = offsets[g + 1] - offsets[g];
                MatMulReference.Nt(
                    a.RowRange(offsets[g], rows), weights.RowRange(g * c.Columns, c.Columns), c.RowRange(offsets[g], rows), accumulate,
                    precision);
            }
        }
        else
        {
            Run(
                pool, Factor.AlongRows(a, precision), Factor.AlongRows(weights, precision), a.Columns, offsets, GroupAxis.Rows, c.Rows,
                c.Columns, c, accumulate, precision);
        }

        KeepAlive(a, weights, c);
    }

    /// <summary>c[rows of g] [.,K] = a[rows of g] [.,N] · W_g [N,K].</summary>
    /// <inheritdoc cref="Nt"/>
    public static void Nn(
        WorkerPool pool, Matrix a, ReadOnlySpan<int> offsets, Matrix weights, Matrix c, bool accumulate = false,
        ProductPrecision precision = ProductPrecision.F32)
    {
        ProductArguments.CheckTypes(pool, a, weights, c);
        ProductArguments.CheckOffsets(offsets, a.Rows);
        int groups = offsets.Length - 1;
        ProductArguments.CheckShapes(
            "groups of a [.,N] · b [N,K]", a, weights, c,
            weights.Rows == (long)groups * a.Columns && c.Rows == a.Rows && c.Columns == weights.Columns, groups);
        if (ProductDispatch.UsesReference)
        {
            for (int g = 0; g < groups; g++)
            {
                int rows = offsets[g + 1] - offsets[g];
                MatMulReference.Nn(
                    a.RowRange(offsets[g], rows), weights.RowRange(g * a.Columns, a.Columns), c.RowRange(offsets[g], rows),
                    accumulate, precision);
            }
        }
        else
        {
            Run(
                pool, Factor.AlongRows(a, precision), Factor.DownColumns(weights, precision), a.Columns, offsets, GroupAxis.Rows, c.Rows,
                a.Columns, c, accumulate, precision);
        }

        KeepAlive(a, weights, c);
    }

    /// <summary>C_g [M,N] = a[rows of g] [.,M]ᵀ · b[rows of g] [.,N].</summary>
    /// <param name="pool">The threads that compute.</param>
    /// <param name="a">Left factors, F32 or BF16, one below the other.</param>
    /// <param name="b">Right factors, F32 or BF16, one below the other.</param>
    /// <param name="offsets">Where groups start, and the number of rows at the end: one entry more than there are groups.</param>
    /// <param name="c">Results, F32, one below the other: G·M rows of N.</param>
    /// <param name="accumulate">Whether the products are added to what <paramref name="c"/> holds; empty groups are set to zero otherwise.</param>
    /// <param name="precision">Whether F32 factors are rounded to BF16 first.</param>
    /// <exception cref="ArgumentException">Shapes or offsets do not fit, or an element type is not one of those.</exception>
    public static void Tn(
        WorkerPool pool, Matrix a, Matrix b, ReadOnlySpan<int> offsets, Matrix c, bool accumulate = false,
        ProductPrecision precision = ProductPrecision.F32)
    {
        ProductArguments.CheckTypes(pool, a, b, c);
        ProductArguments.CheckOffsets(offsets, a.Rows);
        int groups = offsets.Length - 1;
        ProductArguments.CheckShapes(
            "groups of a [.,M]ᵀ · b [.,N]", a, b, c,
            a.Rows == b.Rows && c.Rows == (long)groups * a.Columns && c.Columns == b.Columns, groups);
        if (ProductDispatch.UsesReference)
        {
            for (int g = 0; g < groups; g++)
            {
                int rows = offsets[g + 1] - offsets[g];
                MatMulReference.Tn(
                    a.RowRange(offsets[g], rows), b.RowRange(offsets[g], rows), c.RowRange(g * a.Columns, a.Columns), accumulate,
                    precision);
            }
        }
        else
        {
            Run(
                pool, Factor.DownColumns(a, precision), Factor.DownColumns(b, precision), 0, offsets, GroupAxis.Inner, a.Columns, a.Columns,
                c, accumulate, precision);
        }

        KeepAlive(a, b, c);
    }

    private static void Run(
        WorkerPool pool, Factor a, Factor b, int inner, ReadOnlySpan<int> offsets, GroupAxis axis, int rows, int stackStride, Matrix c,
        bool accumulate, ProductPrecision precision)
    {
        if (offsets.Length == 1 || c.Rows == 0 || c.Columns == 0) return;
        Product whole = new()
        {
            A = a,
            B = b,
            M = rows,
            N = c.Columns,
            K = inner,
            C = c.F32,
            CStride = c.RowStride,
            Precision = precision,
            Accumulate = accumulate,
        };
        fixed (int* pinned = offsets)
        {
            ProductDispatch.Run(pool, new ProductGroups(whole, offsets.Length - 1, pinned, axis, stackStride));
        }
    }

    private static void KeepAlive(Matrix a, Matrix b, Matrix c)
    {
        GC.KeepAlive(a.Buffer);
        GC.KeepAlive(b.Buffer);
        GC.KeepAlive(c.Buffer);
    }
}
