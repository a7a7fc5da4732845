namespace Hadal.Numerics;

/// <summary>
/// Products of precision F8: one parallel region rounds both factors to E4M3, then they are multiplied as those of BF16 are, but for what happens to the sums of
/// 128 values of k. What is rounded at once is bounded, in memory that the calling thread keeps.
/// </summary>
internal static unsafe class ScaledProduct
{
    // Most elements of a factor that are rounded at once, unless 128 of its rows have more.
    private const long MostElements = 16L << 20;

    // Up to so many elements a parallel region would take longer than one thread does.
    private const long AloneElements = 8 * 1024;

    private const int Block = BlockScaling.ReleasedBlock;

    /// <summary>Computes one product, piece by piece of its result where a factor is too large.</summary>
    /// <param name="pool">The threads that compute.</param>
    /// <param name="product">The product, its factors not rounded yet.</param>
    /// <param name="kernels">Matrix tiles; null for managed code.</param>
    public static void Run(WorkerPool pool, Product product, TileKernelSet? kernels)
    {
        int rows = PieceOf(product.M, product.K), columns = PieceOf(product.N, product.K);
        float* memory = PackingScratch.Scaled(new Extents(Single(product with { M = rows, N = columns }), 0, 1).Length);
        for (int m = 0; m < product.M; m += rows)
        {
            for (int n = 0; n < product.N; n += columns)
            {
                ProductGroups piece = Single(product with
                {
                    A = product.A.From(m, 0),
                    B = product.B.From(n, 0),
                    M = Math.Min(rows, product.M - m),
                    N = Math.Min(columns, product.N - n),
                    C = product.C + m * product.CStride + n,
                });
                Run(pool, piece, kernels, memory, roundsLeft: n == 0);
            }
        }
    }

    /// <summary>Computes all groups, as many together as may be rounded at once.</summary>
    /// <inheritdoc cref="Run(WorkerPool, Product, TileKernelSet?)"/>
    public static void Run(WorkerPool pool, ProductGroups groups, TileKernelSet? kernels)
    {
        for (int first = 0, count; first < groups.Count; first += count)
        {
            count = 1;
            if (!new Extents(groups, first, count).Fits)
            {
                if (groups.Select(first) is { M: > 0 } alone) Run(pool, alone, kernels);
                continue;
            }

            while (first + count < groups.Count && new Extents(groups, first, count + 1).Fits) count++;
            int offsetsLength = (count + 1 + Block - 1) / Block * Block;
            float* memory = PackingScratch.Scaled(offsetsLength + new Extents(groups, first, count).Length);
            Run(pool, groups.Range(first, count, (int*)memory), kernels, memory + offsetsLength, roundsLeft: true);
        }
    }

    private static ProductGroups Single(Product product) => new(product, 1, null, GroupAxis.Rows, 0);

    private static void Run(WorkerPool pool, ProductGroups groups, TileKernelSet? kernels, float* memory, bool roundsLeft)
    {
        Extents extents = new(groups, 0, groups.Count);
        FactorRounding left = extents.Left(ref memory), right = extents.Right(ref memory);
        Job job = new(left, right, roundsLeft ? left.Parts : 0);
        if (extents.Elements <= AloneElements) job.All();
        else pool.Run(ref job, job.Parts);

        groups = groups.With(left.Result, right.Result);
        if (kernels is null) ProductDispatch.RunManaged(pool, groups);
        else if (groups.Offsets == null) TiledProduct.Run(pool, kernels, groups.Whole);
        else TiledProduct.Run(pool, kernels, groups);
    }

    // A cut between blocks of weights.
    private static int PieceOf(int length, int inner) =>
        (int)Math.Min(length, Math.Max(Block, MostElements / Math.Max(1, inner) / Block * Block));

    private readonly struct Job(FactorRounding left, FactorRounding right, int leftParts) : IParallelJob
    {
        public int Parts => leftParts + right.Parts;

        public void Execute(int part)
        {
            if (part < leftParts) left.Execute(part);
            else right.Execute(part - leftParts);
        }

        public void All()
        {
            for (int part = 0; part < Parts; part++) Execute(part);
        }
    }

    // The stored matrices of some of the products. The left factor's rows are cut into groups along k only, which is where its blocks begin; of the right
    // factor each group has its own rows, as many as the others unless it is k that is cut.
    private readonly struct Extents
    {
        private readonly ProductGroups _groups;
        private readonly int _count, _leftRows, _leftColumns, _leftGroups, _rightRows, _rightColumns;

        public Extents(ProductGroups groups, int first, int count)
        {
            Product whole = groups.Whole;
            int cut = groups.Offsets == null ? 0 : groups.Offsets[first + count] - groups.Offsets[first];
            (_groups, _count) = (groups, count);
            if (IsWeighted)
            {
                (_leftRows, _leftColumns, _leftGroups) = (groups.Offsets == null ? whole.M : cut, whole.K, 1);
                _rightRows = checked(count * (whole.B.IsInnerAdjacent ? whole.N : whole.K));
                _rightColumns = whole.B.IsInnerAdjacent ? whole.K : whole.N;
            }
            else
            {
                _leftRows = _rightRows = groups.Offsets == null ? whole.K : cut;
                (_leftColumns, _leftGroups, _rightColumns) = (whole.M, count, whole.N);
            }
        }

        public bool Fits => (long)_leftRows * _leftColumns <= MostElements && (long)_rightRows * _rightColumns <= MostElements;

        public long Elements => (long)_leftRows * _leftColumns + (long)_rightRows * _rightColumns;

        public long Length =>
            FactorRounding.Length(_groups.Whole.A, _leftRows, _leftColumns, _leftGroups) +
            FactorRounding.Length(_groups.Whole.B, _rightRows, _rightColumns, _count);

        // Only the gradient of a weight sums over the rows of both factors.
        private bool IsWeighted => _groups.Whole.A.IsInnerAdjacent;

        public FactorRounding Left(ref float* memory) => new(
            _groups.Whole.A, _leftRows, _leftColumns, isWeight: false, new RowGroups(_leftGroups, IsWeighted ? null : _groups.Offsets, null), ref memory);

        public FactorRounding Right(ref float* memory) => new(
            _groups.Whole.B, _rightRows, _rightColumns, IsWeighted,
            IsWeighted ? new RowGroups(_count, null, _groups.Offsets) : new RowGroups(_count, _groups.Offsets, null), ref memory);
    }
}
