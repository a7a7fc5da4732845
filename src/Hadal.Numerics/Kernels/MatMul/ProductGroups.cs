namespace Hadal.Numerics;

/// <summary>One product c [M,N] (+)= sum over k of a(m,k) · b(n,k), k below K.</summary>
internal readonly unsafe struct Product
{
    public required Factor A { get; init; }

    public required Factor B { get; init; }

    public required int M { get; init; }

    public required int N { get; init; }

    public required int K { get; init; }

    /// <summary>First element of the result.</summary>
    public required float* C { get; init; }

    /// <summary>Floats from one row of the result to the next.</summary>
    public required long CStride { get; init; }

    /// <summary>What happens to the factors before they are multiplied.</summary>
    public required ProductPrecision Precision { get; init; }

    /// <summary>Whether the sums start at what the result holds, not at zero.</summary>
    public required bool Accumulate { get; init; }

    /// <summary>What the thread will read of a right factor when it is through with this one, to be asked for meanwhile; null if that is not known.</summary>
    public byte* Next { get; init; }

    /// <summary>Whether there are sums over 128 values of k to be scaled.</summary>
    public bool IsScaled => A.IsScaled && K > 0;
}

/// <summary>What the offsets of a grouped product cut.</summary>
internal enum GroupAxis
{
    /// <summary>Rows of a and c: every group has its own b.</summary>
    Rows,

    /// <summary>The range of k: every group has its own c.</summary>
    Inner,
}

/// <summary>Products of one kind that are computed in one parallel region. A plain product is a single group.</summary>
internal readonly unsafe struct ProductGroups(Product whole, int count, int* offsets, GroupAxis axis, long stackStride)
{
    /// <summary>Number of products.</summary>
    public int Count => count;

    /// <summary>Columns of each result.</summary>
    public int Columns => whole.N;

    /// <summary>What happens to the factors of all products.</summary>
    public ProductPrecision Precision => whole.Precision;

    /// <summary>Whether the products have all k of their rows adjacent in b.</summary>
    public bool IsInnerAdjacent => whole.B.IsInnerAdjacent;

    /// <summary>All groups in one: the factors and the result begin where those of the first group do.</summary>
    public Product Whole => whole;

    /// <summary>What the offsets cut.</summary>
    public GroupAxis Axis => axis;

    /// <summary>Where the groups begin, and their length at the end; null for a plain product.</summary>
    public int* Offsets => offsets;

    /// <summary>Rows of product <paramref name="group"/>.</summary>
    public int Rows(int group) => offsets == null || axis == GroupAxis.Inner ? whole.M : offsets[group + 1] - offsets[group];

    /// <summary>The right factor of product <paramref name="group"/>.</summary>
    public Factor Right(int group)
    {
        if (offsets == null) return whole.B;
        if (axis == GroupAxis.Inner) return whole.B.OfGroup(group, offsets[group]);
        long stacked = group * stackStride;
        return whole.B.IsInnerAdjacent ? whole.B.From(stacked, 0) : whole.B.OfGroup(group, stacked);
    }

    /// <summary>Product <paramref name="group"/>; the group's own matrix lies that many stack strides into its stack.</summary>
    public Product Select(int group)
    {
        if (offsets == null) return whole;
        int start = offsets[group];
        Factor right = Right(group);
        return axis == GroupAxis.Inner
            ? whole with { A = whole.A.OfGroup(group, start), B = right, K = offsets[group + 1] - start, C = whole.C + group * stackStride * whole.CStride }
            : whole with { A = whole.A.From(start, 0), B = right, M = Rows(group), C = whole.C + start * whole.CStride };
    }

    /// <summary>Some of the groups, none of them scaled yet, counted from the first of them.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="length">How many.</param>
    /// <param name="memory">Takes their offsets.</param>
    public ProductGroups Range(int first, int length, int* memory)
    {
        int start = offsets[first];
        for (int g = 0; g <= length; g++) memory[g] = offsets[first + g] - start;
        long stacked = first * stackStride;
        Product range = axis == GroupAxis.Inner
            ? whole with { A = whole.A.From(0, start), B = whole.B.From(0, start), C = whole.C + stacked * whole.CStride }
            : whole with
            {
                A = whole.A.From(start, 0),
                B = whole.B.IsInnerAdjacent ? whole.B.From(stacked, 0) : whole.B.From(0, stacked),
                C = whole.C + start * whole.CStride,
            };
        return new ProductGroups(range, length, memory, axis, stackStride);
    }

    /// <summary>The same products with other factors in the place of the whole ones.</summary>
    public ProductGroups With(Factor a, Factor b) => new(whole with { A = a, B = b }, count, offsets, axis, stackStride);
}
