namespace Hadal.Tests.Numerics.Optimisers;

/// <summary>Eigenvalues and eigenvectors of a symmetric matrix by Jacobi rotations, in binary64: the oracle of orthogonalisation.</summary>
internal static class SymmetricEigen
{
    /// <returns>The eigenvalues, and the eigenvectors as columns.</returns>
    public static (double[] Values, double[,] Vectors) Decompose(double[,] symmetric)
    {
        int n = symmetric.GetLength(0);
        double[,] a = (double[,])symmetric.Clone(), q = new double[n, n];
        for (int i = 0; i < n; i++) q[i, i] = 1;
        for (int sweep = 0; sweep < 30; sweep++)
        {
            for (int i = 0; i < n; i++)
            {
                for (int j = i + 1; j < n; j++) Rotate(a, q, i, j);
            }
        }

        return ([.. Enumerable.Range(0, n).Select(i => a[i, i])], q);
    }

    public static double[,] Multiply(double[,] a, double[,] b)
    {
        double[,] c = new double[a.GetLength(0), b.GetLength(1)];
        for (int i = 0; i < c.GetLength(0); i++)
        {
            for (int j = 0; j < c.GetLength(1); j++)
            {
                for (int k = 0; k < a.GetLength(1); k++) c[i, j] += a[i, k] * b[k, j];
            }
        }

        return c;
    }

    public static double[,] Transpose(double[,] a)
    {
        double[,] t = new double[a.GetLength(1), a.GetLength(0)];
        for (int i = 0; i < a.GetLength(0); i++)
        {
            for (int j = 0; j < a.GetLength(1); j++) t[j, i] = a[i, j];
        }

        return t;
    }

    // Makes a[i, j] zero; the rotation's angle from Golub and Van Loan, section 8.5.
    private static void Rotate(double[,] a, double[,] q, int i, int j)
    {
        if (a[i, j] == 0) return;
        double tau = (a[j, j] - a[i, i]) / (2 * a[i, j]);
        double tangent = (tau >= 0 ? 1 : -1) / (Math.Abs(tau) + Math.Sqrt(1 + tau * tau));
        double cosine = 1 / Math.Sqrt(1 + tangent * tangent), sine = tangent * cosine;
        for (int k = 0; k < a.GetLength(0); k++) (a[k, i], a[k, j]) = (cosine * a[k, i] - sine * a[k, j], sine * a[k, i] + cosine * a[k, j]);
        for (int k = 0; k < a.GetLength(0); k++)
        {
            (a[i, k], a[j, k]) = (cosine * a[i, k] - sine * a[j, k], sine * a[i, k] + cosine * a[j, k]);
            (q[k, i], q[k, j]) = (cosine * q[k, i] - sine * q[k, j], sine * q[k, i] + cosine * q[k, j]);
        }
    }
}
