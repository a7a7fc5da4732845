using System.Diagnostics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>Instruction sets that the kernels of blocks are written for.</summary>
internal enum PanelInstructions
{
    /// <summary>128-bit registers of any processor.</summary>
    Vector128,

    /// <summary>256-bit registers, byte products in pairs of 16 bits.</summary>
    Avx2,

    /// <summary>The same, and 512-bit registers for what is F32.</summary>
    Avx2Avx512,

    /// <summary>256-bit registers, byte products in 32 bits.</summary>
    AvxVnni,

    /// <summary>The same, and 512-bit registers for what is F32.</summary>
    AvxVnniAvx512,

    /// <summary>512-bit registers, byte products in 32 bits, by generated code.</summary>
    Avx512Vnni,

    /// <summary>What <see cref="AvxVnniAvx512"/> does, and generated code for more than a few rows of whole numbers.</summary>
    ByteTiles,
}

/// <summary>
/// Products with weights in blocks. Activations are rounded once for all outputs; a part is some panels of one group times all of its rows,
/// or 128 of them: the panel is read from memory once, a stretch of columns at a time that stays in the first-level cache while all
/// rows pass over it.
/// </summary>
internal static unsafe class PanelProduct
{
    // Rows that pass over a panel within one part.
    private const int RowBlock = PanelCut.RowBlock;

    /// <summary>Rows that a managed kernel takes at a time.</summary>
    public const int KernelRows = 4;

    /// <summary>Columns that stay in L1, at one byte in 16 rows 8 KB, while several sets of rows pass.</summary>
    public const int StretchColumns = 512;

    // A region has about so many parts; each reads so many bytes, or computes as long as that takes.
    private const int WantedParts = 32;
    private const long LeastPartCost = 8 * 1024, MostPartCost = 1024 * 1024;

    // Floats of memory for a job, and of a cache line, at which what follows begins.
    private const int JobLength = 64, LineFloats = CacheLines.Size / sizeof(float);

    // Activations below it are rounded by the calling thread: a parallel region would take longer.
    private const long AloneElements = 16 * 1024;

    /// <summary>All that this process can use, the fastest last.</summary>
    public static IReadOnlyList<PanelInstructions> Usable { get; } = [.. Enum.GetValues<PanelInstructions>().Where(CanUse)];

    /// <summary>The fastest that this process can use.</summary>
    public static PanelInstructions Best { get; } = Usable[^1];

    /// <summary>
    /// c [rows of g] = a [rows of g] · b_gᵀ for each group g; <paramref name="offsets"/> are empty for a single product.
    /// </summary>
    public static void Nt(WorkerPool pool, Matrix a, ReadOnlySpan<int> offsets, Matrix b, Matrix c, bool accumulate, PanelInstructions instructions)
    {
        if (c.Rows == 0 || c.Columns == 0) return;
        float* memory = PackingScratch.Shared(Length(a, offsets, b));
        JointJob.Entry entry;
        JointJob jobs = new(&entry);
        PanelInput input = Prepare(pool, a, b.ElementType, ref memory);
        Add(ref jobs, input, offsets, b, c, accumulate, instructions, PartCost(Cost(offsets, b, c)), ref memory);
        pool.Run(ref jobs, jobs.Parts);
    }

    /// <summary>Floats of memory for activations that are made ready, and for a product with them.</summary>
    public static long Length(Matrix a, ReadOnlySpan<int> offsets, Matrix b) =>
        JobLength + PanelCut.Length(offsets) + InputLength(a.Rows, a.Columns, b.ElementType);

    /// <summary>Floats of memory for activations that are made ready.</summary>
    public static long InputLength(long rows, long columns, ElementType type) =>
        LineFloats + (Rounds(type) ? QuantisedRows.Length(rows, columns) + QuantisedRows.TilePadding(rows, columns) : rows * columns);

    /// <summary>What a product costs, in bytes read, or computed with for as long as that takes.</summary>
    public static long Cost(ReadOnlySpan<int> offsets, Matrix b, Matrix c)
    {
        long panels = (c.Columns + PanelLayout.Rows - 1) / PanelLayout.Rows, panelBytes = PanelLayout.Of(b.ElementType).PanelBytes(b.Columns), cost = 0;
        for (int g = 0; g < Math.Max(1, offsets.Length - 1); g++)
        {
            int rows = offsets.IsEmpty ? c.Rows : offsets[g + 1] - offsets[g];
            if (rows > 0) cost += panels * PanelCut.PanelCost(panelBytes, rows, b.Columns);
        }

        return cost;
    }

    /// <summary>What a part of a region costs: enough to pay for handing it out, little enough that all threads end together.</summary>
    public static long PartCost(long cost) => Math.Clamp(cost / WantedParts, LeastPartCost, MostPartCost);

    /// <summary>Whether products with a type round activations to bytes.</summary>
    public static bool Rounds(ElementType type) => type != ElementType.F8Scaled;

    /// <summary>Makes activations ready, in memory that <paramref name="memory"/> is moved behind.</summary>
    public static PanelInput Prepare(WorkerPool pool, Matrix a, ElementType type, ref float* memory)
    {
        bool rounds = Rounds(type);
        if (!rounds && a.ElementType == ElementType.F32) return new PanelInput(default, (float*)a.Data, a.RowStride);
        PanelInput input = Place(rounds, a.Rows, a.Columns, ref memory);
        Preparation preparation = new(a, input, rounds);
        if ((long)a.Rows * a.Columns > AloneElements) pool.Run(ref preparation, a.Rows);
        else preparation.All();
        return input;
    }

    /// <summary>Rows of activations that were made ready, taken by number, in memory that <paramref name="memory"/> is moved behind.</summary>
    public static PanelInput Gather(WorkerPool pool, PanelInput input, ReadOnlySpan<int> sources, int columns, ElementType type, ref float* memory)
    {
        bool rounds = Rounds(type);
        PanelInput rows = Place(rounds, sources.Length, columns, ref memory);
        fixed (int* numbers = sources)
        {
            Gathering gathering = new(input, rows, numbers, columns, rounds);
            if ((long)sources.Length * columns > AloneElements) pool.Run(ref gathering, sources.Length);
            else gathering.All(sources.Length);
        }

        return rows;
    }

    /// <summary>Adds a product to a region; what its job needs lies in memory that <paramref name="memory"/> is moved behind.</summary>
    public static void Add(
        ref JointJob jobs, PanelInput input, ReadOnlySpan<int> offsets, Matrix b, Matrix c, bool accumulate, PanelInstructions instructions, long partCost,
        ref float* memory)
    {
        float* job = memory;
        PanelCut cut = new((int*)(memory + JobLength), offsets, b, c, partCost);
        memory += JobLength + PanelCut.Length(offsets);
        fixed (JointJob* all = &jobs)
        {
            Start start = new(all, job, cut, input, b, c, accumulate, instructions);
            BlockFormats.Apply(b.ElementType, ref start);
        }
    }

    private static PanelInput Place(bool rounds, int rows, int columns, ref float* memory)
    {
        PanelInput input = rounds ? new(QuantisedRows.In(memory, rows, columns), null, 0) : new(default, memory, columns);
        memory += (rounds ? QuantisedRows.Length(rows, columns) : (long)rows * columns) / LineFloats * LineFloats + LineFloats;
        return input;
    }

    private static bool CanUse(PanelInstructions instructions) => instructions switch
    {
        PanelInstructions.Vector128 => true,
        PanelInstructions.Avx2 => Avx2.IsSupported,
        PanelInstructions.Avx2Avx512 => Avx2.IsSupported && Vector512.IsHardwareAccelerated,
        PanelInstructions.AvxVnni => AvxVnni.IsSupported,
        PanelInstructions.AvxVnniAvx512 => AvxVnni.IsSupported && Vector512.IsHardwareAccelerated,
        PanelInstructions.Avx512Vnni => GeneratedKernels.Panels is not null,
        PanelInstructions.ByteTiles => GeneratedKernels.ByteTiles is not null && CanUse(PanelInstructions.AvxVnniAvx512),
        _ => throw new UnreachableException(),
    };

    // Rows of activations made ready for kernels.
    private readonly struct Preparation(Matrix a, PanelInput input, bool rounds) : IParallelJob
    {
        public void All()
        {
            for (int row = 0; row < a.Rows; row++) Execute(row);
        }

        public void Execute(int row)
        {
            if (rounds) input.Rounded.Set(row, ActivationRows.Get(a, row, a.ElementType == ElementType.F32 ? null : PackingScratch.Local(a.Columns)));
            else ActivationRows.Get(a, row, input.Values + row * input.Stride);
        }
    }

    // Copies of rows that were made ready.
    private readonly struct Gathering(PanelInput from, PanelInput to, int* sources, int columns, bool rounds) : IParallelJob
    {
        public void All(int rows)
        {
            for (int row = 0; row < rows; row++) Execute(row);
        }

        public void Execute(int row)
        {
            if (rounds) to.Rounded.Copy(row, from.Rounded, sources[row]);
            else new ReadOnlySpan<float>(from.Values + sources[row] * from.Stride, columns).CopyTo(new Span<float>(to.Values + row * to.Stride, columns));
        }
    }

    private readonly struct Start(
        JointJob* jobs, float* memory, PanelCut cut, PanelInput input, Matrix b, Matrix c, bool accumulate, PanelInstructions instructions) : IBlockAction
    {
        public void Run<TFormat>() where TFormat : struct, IBlockFormat
        {
            PanelLayout layout = PanelLayout.Of<TFormat>();
            if (typeof(TFormat) == typeof(F8Format)) RunFloats(layout);
            else RunIntegers<TFormat>(layout);
        }

        private void RunFloats(PanelLayout layout)
        {
            switch (instructions)
            {
                case PanelInstructions.Vector128:
                    Run<FewRowsRunner<F8Rows<E4M3Lanes128, Simd128, Vector128<float>>>>(layout);
                    break;
                case PanelInstructions.Avx2 or PanelInstructions.AvxVnni:
                    Run<FewRowsRunner<F8Rows<E4M3Lanes256, Simd256, Vector256<float>>>>(layout);
                    break;
                case PanelInstructions.Avx512Vnni when Avx512Vbmi.IsSupported:
                    Run<FewRowsRunner<GeneratedF8Rows>>(layout);
                    break;
                default:
                    Run<FewRowsRunner<F8Rows<E4M3Lanes512, Simd512, Vector512<float>>>>(layout);
                    break;
            }
        }

        private void RunIntegers<TFormat>(PanelLayout layout) where TFormat : struct, IBlockFormat
        {
            switch (instructions)
            {
                case PanelInstructions.Vector128:
                    Run<FewRowsRunner<IntegerRows<TFormat, ByteLanes128, Vector128<int>, Simd128, Vector128<float>>>>(layout);
                    break;
                case PanelInstructions.Avx2 or PanelInstructions.Avx2Avx512:
                    Run<FewRowsRunner<IntegerRows<TFormat, ByteLanes256<Avx2Dot>, Vector256<int>, Simd256, Vector256<float>>>>(layout);
                    break;
                case PanelInstructions.AvxVnni or PanelInstructions.AvxVnniAvx512:
                    Run<FewRowsRunner<IntegerRows<TFormat, ByteLanes256<VnniDot>, Vector256<int>, Simd256, Vector256<float>>>>(layout);
                    break;
                case PanelInstructions.Avx512Vnni:
                    Run<VectorByteRunner<TFormat>>(layout);
                    break;
                default:
                    Run<ByteTileRunner<TFormat>>(layout);
                    break;
            }
        }

        private void Run<TRunner>(PanelLayout layout) where TRunner : struct, IPanelRunner
        {
            Job<TRunner>* job = (Job<TRunner>*)memory;
            Debug.Assert(sizeof(Job<TRunner>) <= JobLength * sizeof(float), "a job is longer than its memory");
            *job = new Job<TRunner>(cut, input, layout, b, c, accumulate);
            jobs->Add(job, cut.Parts);
        }
    }

    private readonly struct Job<TRunner>(PanelCut cut, PanelInput input, PanelLayout layout, Matrix b, Matrix c, bool accumulate) : IParallelJob
        where TRunner : struct, IPanelRunner
    {
        private readonly byte* _weights = (byte*)b.Data;
        private readonly float* _results = c.F32;
        private readonly long _resultStride = c.RowStride;
        private readonly int _columns = c.Columns;
        private readonly int _inner = b.Columns;
        private readonly long _headsBytes = layout.HeadsBytes(b.Columns);

        public void Execute(int part)
        {
            cut.Find(part, out int group, out int firstRow, out int rows, out int firstPanel, out int panels);
            byte* weights = _weights + (long)group * cut.Panels * cut.PanelBytes, end = weights + cut.Panels * cut.PanelBytes;
            ReadAhead.Note(weights + firstPanel * cut.PanelBytes);
            float* scratch = PackingScratch.Local(RowBlock * PanelLayout.Rows + TRunner.ScratchBytes / sizeof(float));
            float* edge = (float*)((byte*)scratch + TRunner.ScratchBytes);
            for (int panel = firstPanel; panel < firstPanel + panels; panel++)
            {
                int column = panel * PanelLayout.Rows, columns = Math.Min(PanelLayout.Rows, _columns - column);
                float* results = _results + firstRow * _resultStride + column;
                byte* at = weights + panel * cut.PanelBytes;
                if (columns == PanelLayout.Rows)
                {
                    Multiply(at, end, firstRow, rows, new PanelSums(results, _resultStride, !accumulate), (byte*)scratch);
                    continue;
                }

                // The last panel has rows that the weight hasn't.
                if (accumulate) new Span<float>(edge, rows * PanelLayout.Rows).Clear();
                for (int row = 0; row < rows && accumulate; row++) Copy(results + row * _resultStride, edge + row * PanelLayout.Rows, columns);
                Multiply(at, end, firstRow, rows, new PanelSums(edge, PanelLayout.Rows, !accumulate), (byte*)scratch);
                for (int row = 0; row < rows; row++) Copy(edge + row * PanelLayout.Rows, results + row * _resultStride, columns);
            }
        }

        private static void Copy(float* from, float* to, int count) => new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>(to, count));

        private void Multiply(byte* panel, byte* end, int firstRow, int rows, PanelSums sums, byte* scratch)
        {
            if (_inner == 0) sums.Clear(rows);
            byte* elements = panel + _headsBytes;
            int stretch = rows <= TRunner.Rows ? _inner : StretchColumns;
            for (int column = 0; column < _inner; column += stretch)
            {
                int columns = Math.Min(stretch, _inner - column);
                long headBytes = (long)(column / layout.BlockElements) * layout.HeadBytes * PanelLayout.Rows;
                long elementBytes = (long)(column / PanelLayout.PartColumns) * layout.PartBytes;
                PanelStretch weights = new(
                    panel + headBytes, elements + elementBytes, columns / layout.BlockElements, panel + headBytes + elementBytes, end);
                TRunner.Run(rows, weights, input, firstRow, column, new PanelSums(sums.Values, sums.Stride, sums.Begin && column == 0), scratch);
            }
        }
    }
}
