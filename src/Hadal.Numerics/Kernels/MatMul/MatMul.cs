namespace Hadal.Numerics;

/// <summary>
/// Matrix products over F32 and BF16 factors. Each element of the result is one chain of multiply-adds in F32 over k, ascending, from
/// zero or from the old value: its bits depend neither on the other rows and columns of the product nor on the number of workers.
/// BF16 is widened exactly. Weights in blocks are multiplied as docs/numerics.md says, with the same promises. The result must not overlap
/// a factor.
/// </summary>
public static unsafe class MatMul
{
    /// <summary>c [M,N] = a [M,K] · b [N,K]ᵀ, the product of a linear layer: x · Wᵀ.</summary>
    /// <param name="pool">The threads that compute.</param>
    /// <param name="a">Left factor, F32 or BF16.</param>
    /// <param name="b">Right factor: F32, BF16, or for this product of the three a type in blocks.</param>
    /// <param name="c">Result, F32.</param>
    /// <param name="accumulate">Whether the product is added to what <paramref name="c"/> holds.</param>
    /// <param name="precision">Whether F32 factors are rounded to BF16 first; products with blocks have a precision of their own.</param>
    /// <exception cref="ArgumentException">The shapes do not fit, or an element type is not one of those.</exception>
    public static void Nt(
        WorkerPool pool, Matrix a, Matrix b, Matrix c, bool accumulate = false, ProductPrecision precision = ProductPrecision.F32)
    {
        ProductArguments.CheckNt(pool, a, [], isGrouped: false, b, c);
        if (b.ElementType.IsBlocked()) ProductDispatch.RunBlocked(pool, a, [], b, c, accumulate);
        else if (ProductDispatch.UsesReference) MatMulReference.Nt(a, b, c, accumulate, precision);
        else Run(pool, Factor.AlongRows(a, precision), Factor.AlongRows(b, precision), a.Columns, c, accumulate, precision);
        KeepAlive(a, b, c);
    }

    /// <summary>c [M,N] = a [M,K] · b [K,N], the gradient with respect to a linear layer's input: dy · W.</summary>
    /// <inheritdoc cref="Nt"/>
    public static void Nn(
        WorkerPool pool, Matrix a, Matrix b, Matrix c, bool accumulate = false, ProductPrecision precision = ProductPrecision.F32)
    {
        ProductArguments.CheckTypes(pool, a, b, c);
        ProductArguments.CheckShapes("a [M,K] · b [K,N]", a, b, c, a.Columns == b.Rows && c.Rows == a.Rows && c.Columns == b.Columns);
        if (ProductDispatch.UsesReference) MatMulReference.Nn(a, b, c, accumulate, precision);
        else Run(pool, Factor.AlongRows(a, precision), Factor.DownColumns(b, precision), a.Columns, c, accumulate, precision);
        KeepAlive(a, b, c);
    }

    /// <summary>c [M,N] = a [K,M]ᵀ · b [K,N], the gradient with respect to a linear layer's weight: dyᵀ · x.</summary>
    /// <inheritdoc cref="Nt"/>
    public static void Tn(
        WorkerPool pool, Matrix a, Matrix b, Matrix c, bool accumulate = false, ProductPrecision precision = ProductPrecision.F32)
    {
        ProductArguments.CheckTypes(pool, a, b, c);
        ProductArguments.CheckShapes("a [K,M]ᵀ · b [K,N]", a, b, c, a.Rows == b.Rows && c.Rows == a.Columns && c.Columns == b.Columns);
        if (ProductDispatch.UsesReference) MatMulReference.Tn(a, b, c, accumulate, precision);
        else Run(pool, Factor.DownColumns(a, precision), Factor.DownColumns(b, precision), a.Rows, c, accumulate, precision);
        KeepAlive(a, b, c);
    }

    private static void Run(WorkerPool pool, Factor a, Factor b, int inner, Matrix c, bool accumulate, ProductPrecision precision)
    {
        if (c.Rows == 0 || c.Columns == 0) return;
        ProductDispatch.Run(pool, new Product
        {
            A = a,
            B = b,
            M = c.Rows,
            N = c.Columns,
            K = inner,
            C = c.F32,
            CStride = c.RowStride,
            Precision = precision,
            Accumulate = accumulate,
        });
    }

    private static void KeepAlive(Matrix a, Matrix b, Matrix c)
    {
        GC.KeepAlive(a.Buffer);
        GC.KeepAlive(b.Buffer);
        GC.KeepAlive(c.Buffer);
    }
}
