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

    public static void Compute(
        this ProductKind kind, WorkerPool pool, Matrix a, Matrix b, Matrix c, bool accumulate, ProductPrecision precision = default)
    {
        switch (kind)
        {
            case ProductKind.Nt: Hadal.Numerics.MatMul.Nt(pool, a, b, c, accumulate, precision); break;
            case ProductKind.Nn: Hadal.Numerics.MatMul.Nn(pool, a, b, c, accumulate, precision); break;
            default: Hadal.Numerics.MatMul.Tn(pool, a, b, c, accumulate, precision); break;
        }
    }

    public static void Define(this ProductKind kind, Matrix a, Matrix b, Matrix c, bool accumulate, ProductPrecision precision = default)
    {
        switch (kind)
        {
            case ProductKind.Nt: MatMulReference.Nt(a, b, c, accumulate, precision); break;
            case ProductKind.Nn: MatMulReference.Nn(a, b, c, accumulate, precision); break;
            default: MatMulReference.Tn(a, b, c, accumulate, precision); break;
        }
    }

    /// <summary>By managed kernels, also where generated ones stand behind the public face.</summary>
    public static unsafe void ComputeManaged(
        this ProductKind kind, WorkerPool pool, Matrix a, Matrix b, Matrix c, bool accumulate, ProductPrecision precision)
    {
        Product product = new()
        {
            A = kind == ProductKind.Tn ? Factor.DownColumns(a, precision) : Factor.AlongRows(a, precision),
            B = kind == ProductKind.Nt ? Factor.AlongRows(b, precision) : Factor.DownColumns(b, precision),
            M = c.Rows,
            N = c.Columns,
            K = kind == ProductKind.Tn ? a.Rows : a.Columns,
            C = c.F32,
            CStride = c.RowStride,
            Precision = precision,
            Accumulate = accumulate,
        };
        if (precision == ProductPrecision.F8) ScaledProduct.Run(pool, product, kernels: null);
        else ProductDispatch.RunManaged(pool, product);
    }

    public static void ComputeGroups(
        this ProductKind kind, WorkerPool pool, Matrix a, Matrix b, int[] offsets, Matrix c, bool accumulate, ProductPrecision precision = default)
    {
        switch (kind)
        {
            case ProductKind.Nt: GroupedMatMul.Nt(pool, a, offsets, b, c, accumulate, precision); break;
            case ProductKind.Nn: GroupedMatMul.Nn(pool, a, offsets, b, c, accumulate, precision); break;
            default: GroupedMatMul.Tn(pool, a, b, offsets, c, accumulate, precision); break;
        }
    }

    /// <summary>Random factors of an M x N x K product, as this kind stores them.</summary>
    public static (Matrix A, Matrix B) Factors(this ProductKind kind, Samples samples, int m, int n, int k, ElementType a, ElementType b) =>
        (kind == ProductKind.Tn ? samples.Matrix(k, m, a) : samples.Matrix(m, k, a),
            kind == ProductKind.Nt ? samples.Matrix(n, k, b) : samples.Matrix(k, n, b));
}
