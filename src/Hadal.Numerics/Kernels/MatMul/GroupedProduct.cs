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
        Job job = Cut(groups, (int*)PackingScratch.Shared(groups.Count + 1), out int parts);
        pool.Run(ref job, parts);
    }

    /// <summary>Floats of memory that <see cref="Add"/> takes.</summary>
    public static long Length(int groups) => JobLength + (groups + 1 + 15) / 16 * 16;

    /// <summary>Adds all groups to a region; what their job needs lies in memory that <paramref name="memory"/> is moved behind.</summary>
    public static void Add(ref JointJob jobs, ProductGroups groups, ref float* memory)
    {
        Debug.Assert(sizeof(Job) <= JobLength * sizeof(float), "a job is longer than its memory");
        Job* job = (Job*)memory;
        *job = Cut(groups, (int*)(memory + JobLength), out int parts);
        jobs.Add(job, parts);
        memory += Length(groups.Count);
    }

    // first[g] is the first part of group g; a group without rows has none.
    private static Job Cut(ProductGroups groups, int* first, out int parts)
    {
        int columnBlock = ColumnBlock(groups);
        int columnParts = (groups.Columns + columnBlock - 1) / columnBlock;
        first[0] = 0;
        for (int g = 0; g < groups.Count; g++) first[g + 1] = first[g] + RowParts(groups.Select(g).M) * columnParts;
        parts = first[groups.Count];
        return new Job(groups, first, columnBlock);
    }

    // At least some tens of parts where the problem allows, and blocks of whole tiles that fit L2 at most.
    private static int ColumnBlock(ProductGroups groups)
    {
        int filled = 0;
        for (int g = 0; g < groups.Count; g++) filled += groups.Select(g).M > 0 ? 1 : 0;

        // With few rows each, whole pairs of registers.
        int tile = IsNarrow(groups) ? 2 * TSimd.Lanes : TileKernel<TSimd, TVector>.Columns;
        long wanted = (long)groups.Columns * filled / 64;
        int least = groups.IsInnerAdjacent ? tile : 10 * tile;
        int most = groups.IsInnerAdjacent ? PackedPanels * tile : 20 * tile;
        return (int)Math.Clamp((wanted + tile - 1) / tile * tile, least, most);
    }

    private static bool IsNarrow(ProductGroups groups)
    {
        for (int g = 0; g < groups.Count; g++)
        {
            if (groups.Select(g).M > NarrowRows) return false;
        }

        return true;
    }

    private static int RowParts(int rows) => (rows + RowBlock - 1) / RowBlock;

    private readonly struct Job(ProductGroups groups, int* first, int columnBlock) : IParallelJob
    {
        public void Execute(int part) => Compute(Select(part) with { Next = part + 1 < first[groups.Count] ? Select(part + 1).B.Data : null });

        private Product Select(int part)
        {
            int group = new ReadOnlySpan<int>(first, groups.Count + 1).BinarySearch(part);
            if (group < 0) group = ~group - 1;
            while (first[group + 1] <= part) group++;

            Product product = groups.Select(group);
            int rowParts = RowParts(product.M);
            int index = part - first[group];
            int row = index % rowParts * RowBlock;
            int column = index / rowParts * columnBlock;
            return product with
            {
                A = product.A.From(row, 0),
                B = product.B.From(column, 0),
                C = product.C + row * product.CStride + column,
                M = Math.Min(RowBlock, product.M - row),
                N = Math.Min(columnBlock, product.N - column),
            };
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
