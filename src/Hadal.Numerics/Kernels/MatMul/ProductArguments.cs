namespace Hadal.Numerics;

/// <summary>The checks that all product faces share.</summary>
internal static class ProductArguments
{
    /// <exception cref="ArgumentException">
    /// A factor is neither F32 nor BF16 (nor, where allowed, b a type in blocks), or the result is not F32.
    /// </exception>
    public static void CheckTypes(WorkerPool pool, Matrix a, Matrix b, Matrix c, bool allowsBlocks = false)
    {
        ArgumentNullException.ThrowIfNull(pool);
        CheckFactor(a, nameof(a));
        if (!allowsBlocks || !b.ElementType.IsBlocked()) CheckFactor(b, nameof(b));
        if (c.ElementType != ElementType.F32)
        {
            throw new ArgumentException($"the result of a matrix product must be F32, found {c.ElementType}", nameof(c));
        }
    }

    /// <summary>Those of a product, or of groups of them, as linear layers have it; <paramref name="rows"/> is how many of a's it takes, all unless it is given.</summary>
    /// <exception cref="ArgumentException">Shapes or offsets do not fit, or an element type is not one of products.</exception>
    public static void CheckNt(WorkerPool pool, Matrix a, ReadOnlySpan<int> offsets, bool isGrouped, Matrix b, Matrix c, int? rows = null)
    {
        int taken = rows ?? a.Rows;
        CheckTypes(pool, a, b, c, allowsBlocks: true);
        if (!isGrouped)
        {
            CheckShapes("a [M,K] · b [N,K]ᵀ", a, b, c, a.Columns == b.Columns && c.Rows == taken && c.Columns == b.Rows);
            return;
        }

        CheckOffsets(offsets, taken);
        int groups = offsets.Length - 1;
        CheckShapes(
            "groups of a [.,K] · b [N,K]ᵀ", a, b, c, a.Columns == b.Columns && c.Rows == taken && b.Rows == (long)groups * c.Columns, groups);
        if (b.ElementType.IsBlocked()) CheckStack(b, groups, c.Columns);
    }

    /// <exception cref="ArgumentException"><paramref name="fits"/> is false.</exception>
    public static void CheckShapes(string product, Matrix a, Matrix b, Matrix c, bool fits, int? groups = null)
    {
        if (fits) return;
        string count = groups is null ? "" : $"{groups} ";
        throw new ArgumentException($"c = {count}{product} does not fit a {Shape(a)}, b {Shape(b)} and c {Shape(c)}");
    }

    /// <exception cref="ArgumentException">The offsets are no ascending cut of <paramref name="rows"/> rows.</exception>
    public static void CheckOffsets(ReadOnlySpan<int> offsets, int rows)
    {
        if (offsets.Length == 0)
        {
            throw new ArgumentException("offsets must have one entry more than there are groups, found none", nameof(offsets));
        }

        if (offsets[0] != 0 || offsets[^1] != rows)
        {
            throw new ArgumentException($"offsets must go from 0 to {rows}, found {offsets[0]} to {offsets[^1]}", nameof(offsets));
        }

        for (int g = 1; g < offsets.Length; g++)
        {
            if (offsets[g] < offsets[g - 1])
            {
                throw new ArgumentException(
                    $"offsets must ascend, found {offsets[g - 1]} before {offsets[g]} at group {g - 1}", nameof(offsets));
            }
        }
    }

    /// <exception cref="ArgumentException">Not every matrix of the stack begins at a panel.</exception>
    public static void CheckStack(Matrix stack, int groups, int rows)
    {
        if (groups <= 1 || rows % WeightPanels.Rows == 0) return;
        throw new ArgumentException(
            $"stacked weights of {stack.ElementType} have {rows} rows each, expected a multiple of {WeightPanels.Rows}", nameof(stack));
    }

    private static void CheckFactor(Matrix factor, string name)
    {
        if (factor.ElementType.IsBlocked())
        {
            throw new ArgumentException(
                $"{factor.ElementType} is a type of weights, which are multiplied as a · bᵀ only; expected F32 or BF16 elements here", name);
        }

        if (factor.ElementType is not (ElementType.F32 or ElementType.BF16))
        {
            throw new ArgumentException($"a matrix product takes F32 or BF16 elements, found {factor.ElementType}", name);
        }
    }

    private static string Shape(Matrix matrix) => $"[{matrix.Rows},{matrix.Columns}]";
}
