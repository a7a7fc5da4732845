namespace Hadal.Numerics;

/// <summary>One of several products that <see cref="JointMatMul"/> computes together: result = input · weightᵀ.</summary>
/// <param name="Input">[M,K], F32 or BF16.</param>
/// <param name="Weight">[N,K], or of G groups, one below the other, [G·N,K]: F32, BF16 or a type in blocks.</param>
/// <param name="Result">[M,N], F32, overwritten.</param>
/// <param name="Precision">Whether F32 factors are rounded to BF16 first; products with blocks have a precision of their own.</param>
/// <param name="Offsets">
/// For groups, as <see cref="GroupedMatMul"/> takes them: where the rows of each begin, and the number of rows; a row of I32, [1, G + 1].
/// </param>
/// <param name="Sources">
/// Which row of <paramref name="Input"/> each row of the product takes, a row of I32, [1,M]; null takes them in order. With weights in blocks a row is
/// rounded once, however often it is taken.
/// </param>
public readonly record struct LinearProduct(
    Matrix Input, Matrix Weight, Matrix Result, ProductPrecision Precision = ProductPrecision.F32, Matrix? Offsets = null, Matrix? Sources = null)
{
    /// <summary>The offsets of groups; empty for a single product.</summary>
    /// <exception cref="ArgumentException">They are no integers.</exception>
    internal ReadOnlySpan<int> GroupOffsets => Integers(Offsets, "offsets of groups");

    /// <summary>The rows of the input that are taken; empty if they are taken in order.</summary>
    /// <exception cref="ArgumentException">They are no integers.</exception>
    internal ReadOnlySpan<int> SourceRows => Integers(Sources, "numbers of rows");

    /// <summary>The product for kernels of weights that are not in blocks.</summary>
    internal unsafe ProductGroups Groups
    {
        get
        {
            Product whole = new()
            {
                A = Factor.AlongRows(Input, Precision),
                B = Factor.AlongRows(Weight, Precision),
                M = Result.Rows,
                N = Result.Columns,
                K = Input.Columns,
                C = Result.F32,
                CStride = Result.RowStride,
                Precision = Precision,
                Accumulate = false,
            };
            return Offsets is { } offsets
                ? new ProductGroups(whole, offsets.Columns - 1, (int*)offsets.Data, GroupAxis.Rows, Result.Columns)
                : new ProductGroups(whole, 1, null, GroupAxis.Rows, 0);
        }
    }

    /// <summary>Keeps the memory while kernels see only addresses.</summary>
    internal void KeepAlive()
    {
        GC.KeepAlive(Input.Buffer);
        GC.KeepAlive(Weight.Buffer);
        GC.KeepAlive(Result.Buffer);
        GC.KeepAlive(Offsets?.Buffer);
        GC.KeepAlive(Sources?.Buffer);
    }

    private static unsafe ReadOnlySpan<int> Integers(Matrix? row, string what) => row is not { } integers ? []
        : integers is { ElementType: ElementType.I32, Rows: 1 } ? new ReadOnlySpan<int>(integers.Data, integers.Columns)
        : throw new ArgumentException($"{what} are {integers.Rows} rows of {integers.ElementType}, expected one of I32");
}
