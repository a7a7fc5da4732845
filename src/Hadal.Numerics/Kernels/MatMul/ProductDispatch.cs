using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>
/// Picks matrix tiles or the register width of this processor, and the way that suits the shape. All give the same bits, except that
/// tiles, which take all BF16 products where the processor has them, add in an order of their own.
/// </summary>
internal static unsafe class ProductDispatch
{
    /// <summary>Rows from which sharing packed blocks between parts pays.</summary>
    public const int BlockedRows = 96;

    /// <summary>
    /// Whether scalar loops are asked for, or are all there is: without vector registers the vector types are slower than scalars.
    /// </summary>
    public static bool UsesReference => KernelSelection.Current == KernelKind.Reference || KernelSelection.VectorBits == 0;

    /// <summary>Whether products of a precision bring parallel regions of their own: on matrix tiles, or because factors are rounded in one.</summary>
    public static bool UsesOwnRegions(ProductPrecision precision) =>
        precision == ProductPrecision.F8 || (precision == ProductPrecision.BF16 && GeneratedKernels.Tiles is not null);

    /// <summary>Computes one product.</summary>
    public static void Run(WorkerPool pool, Product product)
    {
        if (product.Precision == ProductPrecision.F8) ScaledProduct.Run(pool, product, GeneratedKernels.Tiles);
        else if (product.Precision == ProductPrecision.BF16 && GeneratedKernels.Tiles is { } tiles) TiledProduct.Run(pool, tiles, product);
        else RunManaged(pool, product);
    }

    /// <summary>Computes all groups.</summary>
    public static void Run(WorkerPool pool, ProductGroups groups)
    {
        if (groups.Precision == ProductPrecision.F8) ScaledProduct.Run(pool, groups, GeneratedKernels.Tiles);
        else if (groups.Precision == ProductPrecision.BF16 && GeneratedKernels.Tiles is { } tiles) TiledProduct.Run(pool, tiles, groups);
        else RunManaged(pool, groups);
    }

    /// <summary>Computes products with weights in blocks; without offsets a single one.</summary>
    public static void RunBlocked(WorkerPool pool, Matrix a, ReadOnlySpan<int> offsets, Matrix b, Matrix c, bool accumulate)
    {
        if (!UsesReference)
        {
            PanelProduct.Nt(pool, a, offsets, b, c, accumulate, PanelProduct.Best);
        }
        else if (offsets.IsEmpty)
        {
            BlockedProductReference.Nt(a, b, c, accumulate);
        }
        else
        {
            for (int g = 0; g < offsets.Length - 1; g++)
            {
                int rows = offsets[g + 1] - offsets[g];
                BlockedProductReference.Nt(
                    a.RowRange(offsets[g], rows), b.RowRange(g * c.Columns, c.Columns), c.RowRange(offsets[g], rows), accumulate);
            }
        }
    }

    /// <summary>Computes one product with managed code.</summary>
    internal static void RunManaged(WorkerPool pool, Product product)
    {
        if (Vector512.IsHardwareAccelerated) Run<Simd512, Vector512<float>>(pool, product);
        else if (Vector256.IsHardwareAccelerated) Run<Simd256, Vector256<float>>(pool, product);
        else Run<Simd128, Vector128<float>>(pool, product);
    }

    /// <summary>Computes all groups with managed code.</summary>
    internal static void RunManaged(WorkerPool pool, ProductGroups groups)
    {
        if (Vector512.IsHardwareAccelerated) GroupedProduct<Simd512, Vector512<float>>.Run(pool, groups);
        else if (Vector256.IsHardwareAccelerated) GroupedProduct<Simd256, Vector256<float>>.Run(pool, groups);
        else GroupedProduct<Simd128, Vector128<float>>.Run(pool, groups);
    }

    /// <summary>Floats of memory that <see cref="AddManaged"/> takes.</summary>
    public static long ManagedLength(int groups) => GroupedProduct<SimdScalar, float>.Length(groups);

    /// <summary>Adds groups to a region that managed code computes; their job lies in memory that <paramref name="memory"/> is moved behind.</summary>
    public static void AddManaged(ref JointJob jobs, ProductGroups groups, ref float* memory)
    {
        if (Vector512.IsHardwareAccelerated) GroupedProduct<Simd512, Vector512<float>>.Add(ref jobs, groups, ref memory);
        else if (Vector256.IsHardwareAccelerated) GroupedProduct<Simd256, Vector256<float>>.Add(ref jobs, groups, ref memory);
        else GroupedProduct<Simd128, Vector128<float>>.Add(ref jobs, groups, ref memory);
    }

    internal static void Run<TSimd, TVector>(WorkerPool pool, Product product)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        if (product.M >= BlockedRows && product.K > 0) BlockedProduct<TSimd, TVector>.Run(pool, product);
        else GroupedProduct<TSimd, TVector>.Run(pool, new ProductGroups(product, 1, null, GroupAxis.Rows, 0));
    }
}
