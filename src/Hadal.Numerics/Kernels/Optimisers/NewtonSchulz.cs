namespace Hadal.Numerics;

/// <summary>
/// Brings all singular values of a matrix near 1 and keeps its singular vectors: an approximation of the polar factor U Vᵀ by the quintic
/// iteration of Keller Jordan's Muon (2024), X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X. Its coefficients make small singular values grow fastest;
/// in return the values end between about 0.7 and 1.2, not at 1.
/// </summary>
public static class NewtonSchulz
{
    /// <summary>Coefficient of X.</summary>
    public const float A = 3.4445f;

    /// <summary>Coefficient of (X Xᵀ) X.</summary>
    public const float B = -4.7750f;

    /// <summary>Coefficient of (X Xᵀ)² X.</summary>
    public const float C = 2.0315f;

    // A norm below this is rounding noise around zero; its reciprocal would leave binary32.
    private const double SmallestNorm = 1e-30;

    /// <summary>F32 elements of scratch memory that a matrix takes, besides itself.</summary>
    public static long ScratchElements(int rows, int columns)
    {
        long side = Math.Min(rows, columns);
        return (long)rows * columns + 2 * side * side;
    }

    /// <summary>
    /// Orthogonalises x. The Gram matrix is taken on the smaller side: X Xᵀ, or Xᵀ X of a tall matrix. The result does not change when x
    /// is scaled; of zeros it is zeros.
    /// </summary>
    /// <param name="pool">The threads of the products.</param>
    /// <param name="x">R x C, F32; overwritten.</param>
    /// <param name="scratch">At least <see cref="ScratchElements"/> F32 elements that do not overlap x, as one row.</param>
    /// <param name="steps">Iterations.</param>
    /// <param name="precision">
    /// Of the products. The iteration forgives rounding, since it is only to bring singular values near 1; Jordan runs it in BF16 too.
    /// </param>
    /// <returns>The view that holds the result: x, or the same shape at the start of the scratch memory.</returns>
    /// <exception cref="ArgumentException">A view is not F32, or the scratch memory is too small.</exception>
    public static Matrix Orthogonalise(WorkerPool pool, Matrix x, Matrix scratch, int steps, ProductPrecision precision = ProductPrecision.F32)
    {
        Shapes.Require(x, x.Rows, x.Columns);
        Shapes.Require(scratch, 1, scratch.Columns);
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        if (scratch.Columns < ScratchElements(x.Rows, x.Columns))
        {
            throw new ArgumentException(
                $"expected scratch memory of {ScratchElements(x.Rows, x.Columns)} elements, found {scratch.Columns}", nameof(scratch));
        }

        int side = Math.Min(x.Rows, x.Columns);
        bool tall = x.Rows > x.Columns;
        long count = (long)x.Rows * x.Columns, square = (long)side * side;
        Matrix next = new(scratch.Buffer, ElementType.F32, scratch.Offset, x.Rows, x.Columns);                     // [R, C]
        Matrix gram = new(scratch.Buffer, ElementType.F32, scratch.Offset + count, side, side);                    // [S, S]
        Matrix polynomial = new(scratch.Buffer, ElementType.F32, scratch.Offset + count + square, side, side);     // [S, S]

        // The iteration converges for singular values up to 1, which the Frobenius norm bounds.
        double norm = Math.Sqrt(Elementwise.SumOfSquares(pool, x));
        Elementwise.Scale(pool, x, norm > SmallestNorm ? (float)(1 / norm) : double.IsNaN(norm) ? float.NaN : 0, x);
        for (int step = 0; step < steps; step++)
        {
            // P = a I + b G + c G², then X ← P X, or X P of a tall matrix.
            if (tall) MatMul.Tn(pool, x, x, gram, precision: precision);
            else MatMul.Nt(pool, x, x, gram, precision: precision);
            MatMul.Nn(pool, gram, gram, polynomial, precision: precision);
            Elementwise.Scale(pool, polynomial, C, polynomial);
            Elementwise.Accumulate(pool, gram, polynomial, B);
            for (int i = 0; i < side; i++) polynomial.Row(i)[i] += A;
            if (tall) MatMul.Nn(pool, x, polynomial, next, precision: precision);
            else MatMul.Nn(pool, polynomial, x, next, precision: precision);
            (x, next) = (next, x);
        }

        return x;
    }
}
