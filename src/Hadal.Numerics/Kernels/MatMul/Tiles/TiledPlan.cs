namespace Hadal.Numerics;

/// <summary>
/// How one product is cut into parts, blocks of the result. A part packs its rows of the left factor itself, right before use. The right
/// factor is packed before the parts start if several of them need the same columns; where the sums are long, as in the gradients of
/// weights, that would send it through memory once more, and each part packs what it needs.
/// </summary>
internal readonly unsafe struct TiledPlan
{
    // Blocks of the right factor that one part of the packing takes, in tiles: 128 columns, 512 values of k.
    private const int PackedPanels = 8, PackedInnerTiles = 16;

    // Parts for each thread: a thread that the system holds up does not hold up the others for long.
    private const int PartsPerThread = 4;

    // Below these a part has too little work for what it packs. Where the left factor is kept, its rows take 768 KB at most.
    private const int LeastRows = 64, LeastColumns = 32, MostRows = 1024, MostKept = 384 * 1024;

    // Elements of a result with long sums that stay in the second-level cache, beside what is packed.
    private const int MostResult = 384 * 1024;

    private readonly int _rowParts;
    private readonly int _columnParts;

    /// <summary>Plans a product, as one of <paramref name="groups"/>, for so many threads.</summary>
    public TiledPlan(Product product, int groups, int threads)
    {
        Product = product;
        int rows = Whole(product.M), columns = Whole(product.N);
        if (IsLong(product))
        {
            int wanted = Ceiling(threads, groups);
            while (Parts() < wanted || (long)rows * columns > MostResult)
            {
                if (rows > columns && rows > LeastColumns) rows = Half(rows);
                else if (columns > LeastColumns) columns = Half(columns);
                else if (rows > LeastColumns) rows = Half(rows);
                else break;
            }
        }
        else
        {
            int wanted = threads == 1 ? 1 : Ceiling(PartsPerThread * threads, groups);
            bool keepsLeft = product.N > TiledPart.ColumnBlock(product.K);
            int most = keepsLeft ? Math.Clamp(MostKept / Math.Max(1, product.K) / TileShape.Rows * TileShape.Rows, LeastRows, MostRows) : MostRows;
            rows = Math.Min(rows, most);
            while (Parts() < wanted && rows > LeastRows && !DirectProduct.Takes(product)) rows = Half(rows);
            while (Parts() < wanted && columns > LeastColumns) columns = Half(columns);
        }

        // Eleven parts of one size keep two threads as long as twelve do. Columns that are cut too, or other groups, even that out.
        int rowParts = product.M == 0 ? 0 : Ceiling(product.M, rows);
        _columnParts = Ceiling(product.N, columns);
        bool evens = groups == 1 && _columnParts == 1 && rowParts > threads;
        _rowParts = evens ? Math.Min(Ceiling(rowParts, threads) * threads, TileShape.OuterTiles(product.M)) : rowParts;

        int Parts() => Ceiling(product.M, Math.Max(rows, 1)) * Ceiling(product.N, columns);

        // Parts of whole panels.
        static int Half(int length) => Whole(length / 2);

        static int Whole(int length) => Ceiling(length, TileShape.Rows) * TileShape.Rows;
    }

    /// <summary>What is computed.</summary>
    public Product Product { get; }

    /// <summary>Where the right factor is packed for all parts.</summary>
    public PackedTiles Right { get; init; }

    /// <summary>Number of the product's first part of packing, among those of all groups.</summary>
    public int FirstPacking { get; init; }

    /// <summary>Number of the product's first part, among those of all groups.</summary>
    public int FirstPart { get; init; }

    /// <summary>Parts that compute.</summary>
    public int Parts => _rowParts * _columnParts;

    /// <summary>Parts that pack.</summary>
    public int Packings =>
        SharesRight ? Ceiling(TileShape.OuterTiles(Product.N), PackedPanels) * Ceiling(TileShape.InnerTiles(Product.K), PackedInnerTiles) : 0;

    /// <summary>Bytes of the right factor, packed for all parts.</summary>
    public long RightBytes => SharesRight ? PackedTiles.Bytes(Product.N, Product.K) : 0;

    private bool SharesRight => _rowParts > 1 && !IsLong(Product);

    /// <summary>Executes a part of packing.</summary>
    public void Pack(TileKernelSet kernels, int packing)
    {
        int innerParts = Ceiling(TileShape.InnerTiles(Product.K), PackedInnerTiles);
        int panel = packing / innerParts * PackedPanels, tile = packing % innerParts * PackedInnerTiles;
        int first = panel * TileShape.Rows, firstInner = tile * TileShape.Inner;
        TilePacking.Pack(
            kernels, Product.B.From(first, firstInner), isLeft: false, Math.Min(PackedPanels * TileShape.Rows, Product.N - first),
            Math.Min(PackedInnerTiles * TileShape.Inner, Product.K - firstInner), Right.From(panel, tile));
    }

    /// <summary>Where the right factor of a part begins.</summary>
    public byte* Start(int part) => Product.B.From(Cut(Product.N, part % _columnParts, _columnParts).Start, 0).Data;

    /// <summary>Computes a part.</summary>
    /// <param name="kernels">The kernels.</param>
    /// <param name="part">The part.</param>
    /// <param name="next">Where the right factor of the thread's next part begins, or null.</param>
    public void Compute(TileKernelSet kernels, int part, byte* next)
    {
        (int row, int rows) = Cut(Product.M, part / _columnParts, _rowParts);
        (int column, int columns) = Cut(Product.N, part % _columnParts, _columnParts);
        Product block = Product with
        {
            A = Product.A.From(row, 0),
            B = Product.B.From(column, 0),
            M = rows,
            N = columns,
            C = Product.C + row * Product.CStride + column,
            Next = next,
        };
        if (SharesRight) TiledPart.Compute(kernels, block, Right.From(column / TileShape.Rows, 0));
        else if (WeightedRows.Take(kernels, block)) WeightedRows.Compute(kernels, block);
        else if (DirectProduct.Takes(block)) DirectProduct.Compute(kernels, block);
        else TiledPart.Compute(kernels, block, null);
    }

    private static bool IsLong(Product product) => product.K > product.M && product.K > product.N && !product.A.IsInnerAdjacent;

    private static int Ceiling(int value, int unit) => (value + unit - 1) / unit;

    // Part number `part` of a range of the result, cut between panels.
    private static (int Start, int Length) Cut(int length, int part, int parts)
    {
        long units = Ceiling(length, TileShape.Rows);
        int start = (int)Math.Min(length, units * part / parts * TileShape.Rows);
        int end = (int)Math.Min(length, units * (part + 1) / parts * TileShape.Rows);
        return (start, end - start);
    }
}
