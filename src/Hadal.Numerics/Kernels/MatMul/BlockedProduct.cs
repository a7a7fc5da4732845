namespace Hadal.Numerics;

/// <summary>
/// Large plain products. For each block of k every worker packs the blocks of both factors that its parts need, once, into memory of
/// its own: parts that follow each other share them. Packing twice what another worker also packs costs less than fetching it from
/// that worker's cache. Sums go on from c between blocks of k.
/// </summary>
internal static unsafe class BlockedProduct<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    // With 512-bit registers a panel of a, 8 x 384 floats, takes 12 KB of L1; all packed rows take 1.2 MB of L2, the packed columns 360 KB.
    private const int InnerBlock = 384;
    private const int PanelsOfRows = 12;
    private const int PanelsOfColumns = 5;
    private const int RowBlocks = 8;

    // There should be this many parts or more, so that tens of workers have even shares.
    private const int WantedParts = 32;

    // No two jobs have the same number, so what a worker packed for one is never taken for another's.
    private static long s_jobs;

    private static int BlockRows => PanelsOfRows * TileKernel<TSimd, TVector>.Rows;

    /// <summary>Computes the product on all workers.</summary>
    public static void Run(WorkerPool pool, Product product)
    {
        int innerBlocks = (product.K + InnerBlock - 1) / InnerBlock;
        int rowBlocks = (product.M + RowBlocks * BlockRows - 1) / (RowBlocks * BlockRows);
        for (int i = 0; i < rowBlocks; i++)
        {
            (int row, int rows) = Cut(product.M, TileKernel<TSimd, TVector>.Rows, i, rowBlocks);
            for (int p = 0; p < innerBlocks; p++)
            {
                (int k, int inner) = Cut(product.K, CacheLines.Size / sizeof(ushort), p, innerBlocks);
                Job job = new(
                    product with
                    {
                        A = product.A.From(row, k),
                        B = product.B.From(0, k),
                        M = rows,
                        K = inner,
                        C = product.C + row * product.CStride,
                        Accumulate = product.Accumulate || p > 0,
                    },
                    Interlocked.Increment(ref s_jobs));
                pool.Run(ref job, job.Parts);
            }
        }
    }

    // Part number `part` of `parts` of a range that is cut at multiples of a unit.
    private static (int Start, int Length) Cut(int length, int unit, int part, int parts)
    {
        long units = ((long)length + unit - 1) / unit;
        int start = (int)Math.Min(length, units * part / parts * unit);
        int end = (int)Math.Min(length, units * (part + 1) / parts * unit);
        return (start, end - start);
    }

    private readonly struct Job : IParallelJob
    {
        private readonly Product _block;
        private readonly long _number;
        private readonly int _rowParts;
        private readonly int _columnParts;

        public Job(Product block, long number)
        {
            int columnPanels = (block.N + TileKernel<TSimd, TVector>.Columns - 1) / TileKernel<TSimd, TVector>.Columns;
            _block = block;
            _number = number;
            _rowParts = (block.M + BlockRows - 1) / BlockRows;
            _columnParts = Math.Clamp(WantedParts / _rowParts, (columnPanels + PanelsOfColumns - 1) / PanelsOfColumns, columnPanels);
        }

        public int Parts => _rowParts * _columnParts;

        // Rows change fastest: a worker packs columns once for all of its rows.
        public void Execute(int part)
        {
            int tileRows = TileKernel<TSimd, TVector>.Rows;
            int tileColumns = TileKernel<TSimd, TVector>.Columns;
            int rowPart = part % _rowParts;
            int row = rowPart * BlockRows;
            int rows = Math.Min(BlockRows, _block.M - row);
            (int column, int columns) = Cut(_block.N, tileColumns, part / _rowParts, _columnParts);

            float* b = PackingScratch.Local(
                (long)InnerBlock * (PanelsOfColumns * tileColumns + RowBlocks * BlockRows), out Span<long> owners);
            float* a = b + (long)InnerBlock * PanelsOfColumns * tileColumns + (long)rowPart * InnerBlock * BlockRows;
            if (Takes(ref owners[0], (_number << 32) + column))
            {
                PanelPacking<TSimd, TVector>.Pack(_block.B.From(column, 0), columns, _block.K, tileColumns, b);
            }

            if (Takes(ref owners[1 + rowPart], _number << 32)) RowPacking.Pack(_block.A.From(row, 0), rows, _block.K, tileRows, a);
            PackedBlock<TSimd, TVector>.Multiply(
                rows, columns, _block.K, a, tileRows, b, _block.C + row * _block.CStride + column, _block.CStride, !_block.Accumulate);
        }

        private static bool Takes(ref long owner, long content)
        {
            if (owner == content) return false;
            owner = content;
            return true;
        }
    }
}
