using Hadal.Numerics;
using Hadal.Tests.Numerics.Kernels;

namespace Hadal.Tests.Numerics.Optimisers;

[Trait("Category", "Kernels")]
public sealed class NewtonSchulzTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 17)]
    [InlineData(9, 1)]
    [InlineData(5, 33)]
    [InlineData(33, 5)]
    [InlineData(24, 24)]
    [InlineData(40, 67)]
    public void Each_singular_value_becomes_what_the_scalar_iteration_makes_of_it(int rows, int columns)
    {
        Matrix x = Sample.Random(rows * 100 + columns, rows, columns);
        double[,] exact = Exact(x, out double[] singular, out double[] mapped);
        Matrix result = Orthogonalise(Sample.Pool, x);
        for (int i = 0; i < rows; i++)
        {
            // Products of up to 67 terms below 1, fifteen in a row, each amplified at most 3.4-fold for the smallest values.
            for (int j = 0; j < columns; j++) Sample.AssertNear(exact[i, j], result.Row(i)[j], 2e-4, $"[{i}, {j}]");
        }

        // Values of more than a hundredth of the norm end near 1.
        Assert.Contains(singular, s => s >= 0.01);
        for (int i = 0; i < singular.Length; i++)
        {
            if (singular[i] >= 0.01) Assert.InRange(mapped[i], 0.65, 1.25);
        }
    }

    [Theory]
    [InlineData(24, 24)]
    [InlineData(40, 67)]
    [InlineData(130, 96)]
    public void In_BF16_it_makes_the_same_of_them_but_for_rounding(int rows, int columns)
    {
        Matrix x = Sample.Random(rows * 100 + columns, rows, columns);
        double[,] exact = Exact(x, out _, out _);
        Matrix result = Orthogonalise(Sample.Pool, x, ProductPrecision.BF16);
        double error = 0, norm = 0;
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++) (error, norm) = (error + Math.Pow(result.Row(i)[j] - exact[i, j], 2), norm + Math.Pow(exact[i, j], 2));
        }

        // Factors are rounded by 2^-9 at most, fifteen times; not at all would be an error of 1e-5.
        Assert.InRange(Math.Sqrt(error / norm), 2e-4, 3e-2);
    }

    [Fact]
    public void Five_iterations_lie_near_a_polar_factor_known_beforehand()
    {
        // Columns of a Hadamard matrix are orthogonal: the polar factor of twice one is the matrix over its root of 8.
        Matrix x = Sample.Empty(8, 8);
        for (int i = 0; i < 8; i++)
        {
            for (int j = 0; j < 8; j++) x.Row(i)[j] = (int.PopCount(i & j) & 1) == 0 ? 2 : -2;
        }

        Matrix result = Orthogonalise(Sample.Pool, x);
        for (int i = 0; i < 8; i++)
        {
            for (int j = 0; j < 8; j++) Sample.AssertNear(Math.Sign(x.Row(i)[j]) / Math.Sqrt(8), result.Row(i)[j], 0.3 / Math.Sqrt(8), $"[{i}, {j}]");
        }
    }

    [Fact]
    public void The_transposed_matrix_gives_the_transposed_result()
    {
        Matrix x = Sample.Random(3, 19, 45), transposed = Sample.Empty(45, 19);
        for (int i = 0; i < 19; i++)
        {
            for (int j = 0; j < 45; j++) transposed.Row(j)[i] = x.Row(i)[j];
        }

        Matrix a = Orthogonalise(Sample.Pool, x), b = Orthogonalise(Sample.Pool, transposed);
        for (int i = 0; i < 19; i++)
        {
            for (int j = 0; j < 45; j++) Sample.AssertNear(a.Row(i)[j], b.Row(j)[i], 1e-4, $"[{i}, {j}]");
        }
    }

    [Fact]
    public void Scaling_by_powers_of_two_changes_no_bit_and_zeros_stay_zeros()
    {
        Matrix x = Sample.Random(4, 21, 30), expected = Orthogonalise(Sample.Pool, x);
        foreach (float scale in (float[])[1f / (1 << 30), 1 << 30])
        {
            Matrix scaled = Sample.CopyOf(x);
            Elementwise.Scale(Sample.Pool, x, scale, scaled);
            Sample.AssertSameBits(expected, Orthogonalise(Sample.Pool, scaled));
        }

        Matrix zeros = Orthogonalise(Sample.Pool, Sample.Empty(4, 6));
        for (int i = 0; i < 4; i++) Assert.Equal(new float[6], zeros.Row(i).ToArray());
        Matrix spoiled = Sample.CopyOf(x);
        spoiled.Row(3)[3] = float.NaN;
        Assert.True(float.IsNaN(Orthogonalise(Sample.Pool, spoiled).Row(0)[0]));
    }

    [Fact]
    public void Workers_change_no_bit() => Sample.AssertSameForAnyWorkerCount(pool => Orthogonalise(pool, Sample.Random(5, 130, 201)));

    [Fact]
    public void Too_little_scratch_memory_is_refused()
    {
        Matrix scratch = Sample.Empty(1, (int)NewtonSchulz.ScratchElements(5, 7) - 1);
        Assert.Equal(5 * 7 + 2 * 25, NewtonSchulz.ScratchElements(5, 7));
        Assert.Contains(
            "scratch memory of 85 elements, found 84",
            Assert.Throws<ArgumentException>(() => NewtonSchulz.Orthogonalise(Sample.Pool, Sample.Empty(5, 7), scratch, 5)).Message,
            StringComparison.Ordinal);
    }

    private static Matrix Orthogonalise(WorkerPool pool, Matrix x, ProductPrecision precision = ProductPrecision.F32)
    {
        Matrix scratch = Sample.Empty(1, (int)NewtonSchulz.ScratchElements(x.Rows, x.Columns), float.NaN);
        return Sample.CopyOf(NewtonSchulz.Orthogonalise(pool, Sample.CopyOf(x), scratch, 5, precision));
    }

    /// <summary>
    /// Σ f(σ/‖x‖) u vᵀ in binary64, with f the iteration on scalars: from the eigenvectors Q of x xᵀ it is Q f(σ)/σ Qᵀ x.
    /// </summary>
    internal static double[,] Exact(Matrix matrix, out double[] singular, out double[] mapped)
    {
        double[,] x = new double[matrix.Rows, matrix.Columns];
        double norm = 0;
        for (int i = 0; i < matrix.Rows; i++)
        {
            for (int j = 0; j < matrix.Columns; j++) norm += (double)matrix.Row(i)[j] * matrix.Row(i)[j];
        }

        for (int i = 0; i < matrix.Rows; i++)
        {
            for (int j = 0; j < matrix.Columns; j++) x[i, j] = matrix.Row(i)[j] / Math.Sqrt(norm);
        }

        bool tall = matrix.Rows > matrix.Columns;
        if (tall) x = SymmetricEigen.Transpose(x);
        (double[] squares, double[,] q) = SymmetricEigen.Decompose(SymmetricEigen.Multiply(x, SymmetricEigen.Transpose(x)));
        singular = [.. squares.Select(s => Math.Sqrt(Math.Max(s, 0)))];
        mapped = [.. singular.Select(Iterated)];
        double[,] scaled = (double[,])q.Clone();
        for (int i = 0; i < squares.Length; i++)
        {
            for (int k = 0; k < squares.Length; k++) scaled[k, i] *= singular[i] > 0 ? mapped[i] / singular[i] : 0;
        }

        double[,] result = SymmetricEigen.Multiply(SymmetricEigen.Multiply(scaled, SymmetricEigen.Transpose(q)), x);
        return tall ? SymmetricEigen.Transpose(result) : result;
    }

    private static double Iterated(double s)
    {
        for (int step = 0; step < 5; step++) s = 3.4445 * s - 4.7750 * Math.Pow(s, 3) + 2.0315 * Math.Pow(s, 5);
        return s;
    }
}
