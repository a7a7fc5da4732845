using System.Diagnostics;

namespace Hadal.Numerics;

/// <summary>
/// Many products, or one with few rows. Each part is a range of columns of one group: it packs what it needs into memory of its own
/// thread and uses it at once, while the caches hold it. Up to <see cref="NarrowRows"/> rows the right factor is not packed at all.
/// </summary>
internal static unsafe class GroupedProduct<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    /// <summary>Most rows for which reading the right factor, not computing, is what takes the time.</summary>
    public const int NarrowRows = 8;

    private const int InnerBlock = 384;

    // Rows for which a block of b is packed once, and rows of it whose panels lie in L2 beside that block.
    private const int RowBlock = 384;
    private const int PackedRows = 96;
    private const int PackedPanels = 5;

    // Floats of memory for a job.
    private const int JobLength = 64;

    /// <summary>Computes all groups in one parallel region.</summary>
    public static void Run(WorkerPool pool, ProductGroups groups)
    {
        Job job = new(groups, (int*)PackingScratch.Shared(CutLength(groups.Count)));
        pool.Run(ref job, job.Parts);
    }

    /// <summary>Floats of memory that <see cref="Add"/> takes.</summary>
    public static long Length(int groups) => JobLength + (CutLength(groups) + 15) / 16 * 16;

    /// <summary>Adds all groups to a region; what their job needs lies in memory that <paramref name="memory"/> is moved behind.</summary>
    public static void Add(ref JointJob jobs, ProductGroups groups, ref float* memory)
    {
        Debug.Assert(sizeof(Job) <= JobLength * sizeof(float), "a job is longer than its memory");
        Job* job = (Job*)memory;
        *job = new Job(groups, (int*)(memory + JobLength));
        jobs.Add(job, job->Parts);
        memory += Length(groups.Count);
    }

    private static int CutLength(int groups) => 2 * groups + 1;

    // At least some tens of parts where the problem allows, and blocks of whole tiles that fit L2 at most.
    private static int ColumnBlock(ProductGroups groups, int filled, int mostRows)
    {
        // With few rows each, whole pairs of registers.
        int tile = mostRows <= NarrowRows ? 2 * TSimd.Lanes : TileKernel<TSimd, TVector>.Columns;
        long wanted = (long)groups.Columns * filled / 64;
        int least = groups.IsInnerAdjacent ? tile : 10 * tile;
        int most = groups.IsInnerAdjacent ? PackedPanels * tile : 20 * tile;
        return (int)Math.Clamp((wanted + tile - 1) / tile * tile, least, most);
    }

    private static int RowParts(int rows) => (rows + RowBlock - 1) / RowBlock;

    private readonly struct Job : IParallelJob
    {
        private readonly ProductGroups _groups;

        // The groups that have rows, and the first part of each; behind the last the number of parts.
        private readonly int* _filled;
        private readonly int* _first;
        private readonly int _count;
        private readonly int _columnBlock;

        /// <summary>Cuts groups into parts; the cut takes <see cref="CutLength"/> numbers of memory.</summary>
        public Job(ProductGroups groups, int* memory)
        {
            _groups = groups;
            _filled = memory;
            _first = memory + groups.Count;
            int mostRows = 0;
            for (int g = 0; g < groups.Count; g++)
            {
                int rows = groups.Rows(g);
                mostRows = Math.Max(mostRows, rows);
                if (rows > 0) _filled[_count++] = g;
            }

            _columnBlock = ColumnBlock(groups, _count, mostRows);
            int columnParts = (groups.Columns + _columnBlock - 1) / _columnBlock;
            _first[0] = 0;
            for (int i = 0; i < _count; i++) _first[i + 1] = _first[i] + RowParts(groups.Rows(_filled[i])) * columnParts;
        }

        public int Parts => _first[_count];

        public void Execute(int part)
        {
            int index = Find(part), rowParts = RowParts(_groups.Rows(_filled[index]));
            int row = (part - _first[index]) % rowParts * RowBlock, column = (part - _first[index]) / rowParts * _columnBlock;
            Product product = _groups.Select(_filled[index]);
            Factor right = product.B.From(column, 0);
            ReadAhead.Note(right.Data);
            Compute(product with
            {
                A = product.A.From(row, 0),
                B = right,
                C = product.C + row * product.CStride + column,
                M = Math.Min(RowBlock, product.M - row),
                N = Math.Min(_columnBlock, product.N - column),
                Next = Next(product.B, part + 1, index, rowParts),
            });
        }

        // Where the right factor of the part begins that follows one of group `index`.
        private byte* Next(Factor right, int part, int index, int rowParts)
        {
            if (part < _first[index + 1]) return right.From((part - _first[index]) / rowParts * _columnBlock, 0).Data;
            return index + 1 < _count ? _groups.Right(_filled[index + 1]).Data : null;
        }

        private int Find(int part)
        {
            int low = 0, high = _count;
            while (high - low > 1)
            {
                int middle = (low + high) / 2;
                if (_first[middle] <= part) low = middle;
                else high = middle;
            }

            return low;
        }
    }

    private static void Compute(Product product)
    {
        if (product.K == 0)
        {
            for (int m = 0; m < product.M && !product.Accumulate; m++) new Span<float>(product.C + m * product.CStride, product.N).Clear();
        }
        else if (product.IsScaled)
        {
            ScaledPanels<TSimd, TVector>.Compute(product);
        }
        else if (product.M <= NarrowRows && NarrowProduct<TSimd, TVector>.Fits(product.B))
        {
            int done = NarrowProduct<TSimd, TVector>.Compute(product);
            if (done < product.N)
            {
                ComputePacked(product with { B = product.B.From(done, 0), C = product.C + done, N = product.N - done });
            }
        }
        else
        {
            ComputePacked(product);
        }
    }

    private static void ComputePacked(Product product)
    {
        int tileRows = TileKernel<TSimd, TVector>.Rows;
        int tileColumns = TileKernel<TSimd, TVector>.Columns;
        float* b = PackingScratch.Local((long)InnerBlock * (PackedPanels * tileColumns + PackedRows));
        float* a = b + (long)InnerBlock * PackedPanels * tileColumns;
        for (int n = 0; n < product.N; n += PackedPanels * tileColumns)
        {
            int columns = Math.Min(PackedPanels * tileColumns, product.N - n);
            for (int k = 0; k < product.K; k += InnerBlock)
            {
                int inner = Math.Min(InnerBlock, product.K - k);
                PanelPacking<TSimd, TVector>.Pack(product.B.From(n, k), columns, inner, tileColumns, b);
                for (int m = 0; m < product.M; m += PackedRows)
                {
                    int rows = Math.Min(PackedRows, product.M - m);
                    RowPacking.Pack(product.A.From(m, k), rows, inner, tileRows, a);
                    PackedBlock<TSimd, TVector>.Multiply(
                        rows, columns, inner, a, tileRows, b, product.C + m * product.CStride + n, product.CStride,
                        fromZero: k == 0 && !product.Accumulate);
                }
            }
        }
    }
}
