namespace Hadal.Numerics;

/// <summary>
/// How one product is cut into parts, blocks of the result, and what is packed before they start: a factor of which several parts need
/// the same panels. What only one part needs that part packs itself, right before use.
/// </summary>
internal readonly unsafe struct TiledPlan
{
    /// <summary>Panels of 16 rows and of 16 columns in the largest part: with 320 values of k 160 KB and 320 KB of the second-level cache, beside a result of 512 KB.</summary>
    public const int MostRowPanels = 16, MostColumnPanels = 32;

    // Blocks of a factor that one part of the packing takes, in tiles: 128 rows or columns, 512 values of k.
    private const int PackedPanels = 8, PackedInnerTiles = 16;

    // Below these a part has too little work for what it packs.
    private const int LeastRowPanels = 4, LeastColumnPanels = 2;

    private readonly int _rowParts;
    private readonly int _columnParts;

    /// <summary>Plans a product, as one of <paramref name="groups"/>, for so many threads.</summary>
    public TiledPlan(Product product, int groups, int threads)
    {
        Product = product;
        int rowPanels = TileShape.OuterTiles(product.M), columnPanels = TileShape.OuterTiles(product.N);
        int rows = Math.Min(rowPanels, MostRowPanels), columns = Math.Min(columnPanels, MostColumnPanels);
        int wanted = (2 * threads + groups - 1) / groups;
        while (rows > 0 && Parts(rows) * Parts(columns, columnPanels) < wanted)
        {
            if (rows > columns && rows > LeastRowPanels) rows = Half(rows);
            else if (columns > LeastColumnPanels) columns = Half(columns);
            else if (rows > LeastRowPanels) rows = Half(rows);
            else break;
        }

        _rowParts = rowPanels == 0 ? 0 : Parts(rows);
        _columnParts = Parts(columns, columnPanels);

        int Parts(int size, int? of = null) => ((of ?? rowPanels) + size - 1) / size;

        // Parts of whole blocks of two panels.
        static int Half(int panels) => (panels / 2 + 1) / 2 * 2;
    }

    /// <summary>What is computed.</summary>
    public Product Product { get; }

    /// <summary>Where the left factor is packed for all parts.</summary>
    public PackedTiles Left { get; init; }

    /// <summary>Where the right factor is packed for all parts.</summary>
    public PackedTiles Right { get; init; }

    /// <summary>Number of the product's first part of packing, among those of all groups.</summary>
    public int FirstPacking { get; init; }

    /// <summary>Number of the product's first part, among those of all groups.</summary>
    public int FirstPart { get; init; }

    /// <summary>Parts that compute.</summary>
    public int Parts => _rowParts * _columnParts;

    /// <summary>Parts that pack.</summary>
    public int Packings => LeftPackings + (SharesRight ? PackingsOf(Product.N) : 0);

    /// <summary>Bytes of the left factor, packed for all parts.</summary>
    public long LeftBytes => SharesLeft ? PackedTiles.Bytes(Product.M, Product.K) : 0;

    /// <summary>Bytes of the right factor, packed for all parts.</summary>
    public long RightBytes => SharesRight ? PackedTiles.Bytes(Product.N, Product.K) : 0;

    private bool SharesLeft => _columnParts > 1;

    private bool SharesRight => _rowParts > 1;

    private int LeftPackings => SharesLeft ? PackingsOf(Product.M) : 0;

    /// <summary>Executes a part of packing.</summary>
    public void Pack(TileKernelSet kernels, int packing)
    {
        bool isLeft = packing < LeftPackings;
        if (!isLeft) packing -= LeftPackings;
        int count = isLeft ? Product.M : Product.N;
        int innerParts = Ceiling(TileShape.InnerTiles(Product.K), PackedInnerTiles);
        int panel = packing / innerParts * PackedPanels, tile = packing % innerParts * PackedInnerTiles;
        int first = panel * TileShape.Rows, firstInner = tile * TileShape.Inner;
        TilePacking.Pack(
            kernels, (isLeft ? Product.A : Product.B).From(first, firstInner), isLeft,
            Math.Min(PackedPanels * TileShape.Rows, count - first), Math.Min(PackedInnerTiles * TileShape.Inner, Product.K - firstInner),
            (isLeft ? Left : Right).From(panel, tile));
    }

    /// <summary>Computes a part.</summary>
    public void Compute(TileKernelSet kernels, int part)
    {
        // Columns change fastest: parts that follow each other share the rows of the left factor.
        (int row, int rows) = Cut(Product.M, part / _columnParts, _rowParts);
        (int column, int columns) = Cut(Product.N, part % _columnParts, _columnParts);
        TiledPart.Compute(
            kernels,
            Product with
            {
                A = Product.A.From(row, 0),
                B = Product.B.From(column, 0),
                M = rows,
                N = columns,
                C = Product.C + row * Product.CStride + column,
            },
            SharesLeft ? Left.From(row / TileShape.Rows, 0) : null, SharesRight ? Right.From(column / TileShape.Rows, 0) : null);
    }

    private int PackingsOf(int count) =>
        Ceiling(TileShape.OuterTiles(count), PackedPanels) * Ceiling(TileShape.InnerTiles(Product.K), PackedInnerTiles);

    private static int Ceiling(int value, int unit) => (value + unit - 1) / unit;

    // Part number `part` of a range of the result, cut between blocks of two panels.
    private static (int Start, int Length) Cut(int length, int part, int parts)
    {
        const int Unit = 2 * TileShape.Rows;
        long units = Ceiling(length, Unit);
        int start = (int)Math.Min(length, units * part / parts * Unit);
        int end = (int)Math.Min(length, units * (part + 1) / parts * Unit);
        return (start, end - start);
    }
}
