using Hadal.Numerics;

namespace Hadal.Tests.Numerics.MatMul;

/// <summary>Which of the three products a test case computes.</summary>
public enum ProductKind
{
    Nt,
    Nn,
    Tn,
}

/// <summary>The three products under one signature, by the public face and by the scalar definition.</summary>
internal static class ProductKinds
{
    public static readonly ProductKind[] All = Enum.GetValues<ProductKind>();

    public static void Compute(this ProductKind kind, WorkerPool pool, Matrix a, Matrix b, Matrix c, bool accumulate)
    {
        switch (kind)
        {
            case ProductKind.Nt: Hadal.Numerics.MatMul.Nt(pool, a, b, c, accumulate); break;
            case ProductKind.Nn: Hadal.Numerics.MatMul.Nn(pool, a, b, c, accumulate); break;
            default: Hadal.Numerics.MatMul.Tn(pool, a, b, c, accumulate); break;
        }
    }

    public static void Define(this ProductKind kind, Matrix a, Matrix b, Matrix c, bool accumulate)
    {
        switch (kind)
        {
            case ProductKind.Nt: MatMulReference.Nt(a, b, c, accumulate); break;
            case ProductKind.Nn: MatMulReference.Nn(a, b, c, accumulate); break;
            default: MatMulReference.Tn(a, b, c, accumulate); break;
        }
    }

    /// <summary>Random factors of an M x N x K product, as this kind stores them.</summary>
    public static (Matrix A, Matrix B) Factors(this ProductKind kind, Samples samples, int m, int n, int k, ElementType a, ElementType b) =>
        (kind == ProductKind.Tn ? samples.Matrix(k, m, a) : samples.Matrix(m, k, a),
            kind == ProductKind.Nt ? samples.Matrix(n, k, b) : samples.Matrix(k, n, b));
}
