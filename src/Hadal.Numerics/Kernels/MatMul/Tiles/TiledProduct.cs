namespace Hadal.Numerics;

/// <summary>
/// BF16 products on AMX tiles, with generated kernels. One parallel region packs the right factor where several parts need it, a second one computes. An
/// element's sum goes over blocks of 32 values of k, ascending; within a block in the order of the tile unit (docs/numerics.md). Where a
/// product is cut, for caches or threads, doesn't show in its bits: between blocks of k sums rest in memory as F32.
/// </summary>
internal static unsafe class TiledProduct
{
    // Most bytes of the right factor that are packed at once for all threads, and most values of k of which that is true.
    private const long MostPackedBytes = 32L << 20;
    private const int MostInner = 16 * 1024;

    /// <summary>Computes one product.</summary>
    public static void Run(WorkerPool pool, TileKernelSet kernels, Product product)
    {
        int inner = Math.Min(product.K, MostInner);
        int columns = (int)(MostPackedBytes / ((long)Math.Max(inner, 1) * sizeof(ushort)) / 512 * 512);
        for (int n = 0; n < product.N; n += columns)
        {
            // At least once: without any k the result is set to zero.
            int k = 0;
            do
            {
                Product piece = product with
                {
                    A = product.A.From(0, k),
                    B = product.B.From(n, k),
                    C = product.C + n,
                    N = Math.Min(columns, product.N - n),
                    K = Math.Min(inner, product.K - k),
                    Accumulate = product.Accumulate || k > 0,
                };
                RunAtOnce(pool, kernels, new ProductGroups(piece, 1, null, GroupAxis.Rows, 0));
                k += inner;
            }
            while (k < product.K);
        }
    }

    /// <summary>Computes all groups, in one go as long as what they share fits.</summary>
    public static void Run(WorkerPool pool, TileKernelSet kernels, ProductGroups groups)
    {
        long bytes = 0;
        for (int g = 0; g < groups.Count; g++) bytes += new TiledPlan(groups.Select(g), groups.Count, pool.Free).RightBytes;
        if (bytes <= 2 * MostPackedBytes)
        {
            RunAtOnce(pool, kernels, groups);
            return;
        }

        for (int g = 0; g < groups.Count; g++) Run(pool, kernels, groups.Select(g));
    }

    private static void RunAtOnce(WorkerPool pool, TileKernelSet kernels, ProductGroups groups)
    {
        // The plans come first; what is packed begins on a cache line.
        long planBytes = (groups.Count * (long)sizeof(TiledPlan) + TileShape.Bytes - 1) / TileShape.Bytes * TileShape.Bytes;
        long packedBytes = 0;
        int threads = pool.Free;
        for (int g = 0; g < groups.Count; g++)
        {
            TiledPlan plan = new(groups.Select(g), groups.Count, threads);
            packedBytes += plan.RightBytes;
        }

        byte* memory = (byte*)PackingScratch.Shared((planBytes + packedBytes) / sizeof(float));
        TiledPlan* plans = (TiledPlan*)memory;
        byte* packed = memory + planBytes;
        int packings = 0, parts = 0;
        for (int g = 0; g < groups.Count; g++)
        {
            TiledPlan plan = new(groups.Select(g), groups.Count, threads);
            long panelBytes = (long)TileShape.InnerTiles(plan.Product.K) * TileShape.Bytes;
            plans[g] = plan with
            {
                Right = new PackedTiles(packed, panelBytes),
                FirstPacking = packings,
                FirstPart = parts,
            };
            packed += plan.RightBytes;
            packings += plan.Packings;
            parts += plan.Parts;
        }

        Job job = new(kernels, plans, groups.Count, packs: true);
        if (packings > 0) pool.Run(ref job, packings);
        job = new(kernels, plans, groups.Count, packs: false, parts);
        pool.Run(ref job, parts);
    }

    private readonly struct Job(TileKernelSet kernels, TiledPlan* plans, int count, bool packs, int parts = 0) : IParallelJob
    {
        public void Execute(int part)
        {
            TiledPlan* plan = plans + Find(part);
            if (packs)
            {
                plan->Pack(kernels, part - plan->FirstPacking);
                return;
            }

            ReadAhead.Note(plan->Start(part - plan->FirstPart));
            plan->Compute(kernels, part - plan->FirstPart, part + 1 < parts ? Start(part + 1) : null);
        }

        private byte* Start(int part)
        {
            TiledPlan* plan = plans + Find(part);
            return plan->Start(part - plan->FirstPart);
        }

        // The last plan that begins at or before the part: those without parts begin where their successor does.
        private int Find(int part)
        {
            int low = 0, high = count;
            while (high - low > 1)
            {
                int middle = (low + high) / 2;
                if ((packs ? plans[middle].FirstPacking : plans[middle].FirstPart) <= part) low = middle;
                else high = middle;
            }

            return low;
        }
    }
}
