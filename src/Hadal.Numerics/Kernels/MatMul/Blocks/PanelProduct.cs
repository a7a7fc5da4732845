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

    /// <summary>256-bit registers, byte products in 32 bits.</summary>
    AvxVnni,

    /// <summary>The same, and 512-bit registers for what is F32.</summary>
    AvxVnni512,
}

/// <summary>
/// Products with weights in blocks. Activations are rounded once for all outputs; a part is some panels of one group times all of its rows,
/// or 128 of them: the panel is read from memory once, a stretch of columns at a time that stays in the first-level cache while all
/// rows pass over it.
/// </summary>
internal static unsafe class PanelProduct
{
    // Rows that pass over a panel within one part.
    private const int RowBlock = 128;

    // Rows that a kernel takes at a time.
    private const int KernelRows = 4;

    // Columns that stay in L1, at one byte in 16 rows 8 KB, while several sets of rows pass.
    private const int StretchColumns = 512;

    // A part reads so many bytes, or computes as long as that takes.
    private const long PartCost = 64 * 1024;

    // Activations below it are rounded by the calling thread: a parallel region would take longer.
    private const long AloneElements = 16 * 1024;

    /// <summary>The instructions of this process.</summary>
    public static PanelInstructions Best { get; } = !Avx2.IsSupported ? PanelInstructions.Vector128
        : !AvxVnni.IsSupported ? PanelInstructions.Avx2
        : Vector512.IsHardwareAccelerated ? PanelInstructions.AvxVnni512 : PanelInstructions.AvxVnni;

    /// <summary>
    /// c [rows of g] = a [rows of g] · b_gᵀ for each group g; <paramref name="offsets"/> are empty for a single product.
    /// </summary>
    public static void Nt(WorkerPool pool, Matrix a, ReadOnlySpan<int> offsets, Matrix b, Matrix c, bool accumulate, PanelInstructions instructions)
    {
        if (c.Rows == 0 || c.Columns == 0) return;
        int groups = Math.Max(1, offsets.Length - 1);
        bool rounds = b.ElementType != ElementType.F8Scaled, copies = !rounds && a.ElementType != ElementType.F32;
        long control = (3L * groups + 2 + 15) / 16 * 16;
        long activations = rounds ? QuantisedRows.Length(a.Rows, a.Columns) : copies ? (long)a.Rows * a.Columns : 0;
        float* memory = PackingScratch.Shared(control + activations);
        Cut cut = new((int*)memory, offsets, b, c);
        PanelInput input = rounds ? new(QuantisedRows.In(memory + control, a.Rows, a.Columns), null, 0)
            : copies ? new(default, memory + control, a.Columns) : new(default, (float*)a.Data, a.RowStride);
        if (rounds || copies)
        {
            Preparation preparation = new(a, input, rounds);
            if ((long)a.Rows * a.Columns > AloneElements) pool.Run(ref preparation, a.Rows);
            else preparation.All();
        }

        Start start = new(pool, cut, input, b, c, accumulate, instructions);
        BlockFormats.Apply(b.ElementType, ref start);
    }

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

    // Which panels of which group, times which rows, are a part. Groups with more rows have fewer panels to a part, so that all parts take
    // about as long.
    private readonly struct Cut
    {
        private readonly int* _firstParts;   // [groups + 1]
        private readonly int* _firstRows;    // [groups + 1]
        private readonly int* _panels;       // [groups]: panels of a part
        private readonly int _groups;

        public Cut(int* memory, ReadOnlySpan<int> offsets, Matrix b, Matrix c)
        {
            _groups = Math.Max(1, offsets.Length - 1);
            _firstParts = memory;
            _firstRows = memory + _groups + 1;
            _panels = memory + 2 * (_groups + 1);
            Panels = (c.Columns + PanelLayout.Rows - 1) / PanelLayout.Rows;
            PanelBytes = PanelLayout.Of(b.ElementType).PanelBytes(b.Columns);
            _firstParts[0] = 0;
            for (int g = 0; g < _groups; g++)
            {
                (_firstRows[g], _firstRows[g + 1]) = offsets.IsEmpty ? (0, c.Rows) : (offsets[g], offsets[g + 1]);
                int rows = _firstRows[g + 1] - _firstRows[g];
                long cost = PanelBytes + (long)Math.Min(rows, RowBlock) * b.Columns;
                _panels[g] = (int)Math.Clamp(PartCost / Math.Max(1, cost), 1, Panels);
                _firstParts[g + 1] = _firstParts[g] + RowBlocks(rows) * ((Panels + _panels[g] - 1) / _panels[g]);
            }
        }

        public int Parts => _firstParts[_groups];

        public int Panels { get; }

        public long PanelBytes { get; }

        public void Find(int part, out int group, out int firstRow, out int rows, out int firstPanel, out int panels)
        {
            group = new ReadOnlySpan<int>(_firstParts, _groups + 1).BinarySearch(part);
            if (group < 0) group = ~group - 1;
            while (_firstParts[group + 1] <= part) group++;

            // Blocks of rows change fastest: the panels that they share are then still in a cache.
            int all = _firstRows[group + 1] - _firstRows[group], blocks = RowBlocks(all), index = part - _firstParts[group];
            int start = index % blocks * RowBlock;
            firstRow = _firstRows[group] + start;
            rows = Math.Min(RowBlock, all - start);
            firstPanel = index / blocks * _panels[group];
            panels = Math.Min(_panels[group], Panels - firstPanel);
        }

        private static int RowBlocks(int rows) => (rows + RowBlock - 1) / RowBlock;
    }

    private readonly struct Start(
        WorkerPool pool, Cut cut, PanelInput input, Matrix b, Matrix c, bool accumulate, PanelInstructions instructions) : IBlockAction
    {
        public void Run<TFormat>() where TFormat : struct, IBlockFormat
        {
            PanelLayout layout = PanelLayout.Of<TFormat>();
            if (typeof(TFormat) == typeof(F8Format))
            {
                if (instructions == PanelInstructions.AvxVnni512) Run<F8Runner<E4M3Lanes512, Simd512, Vector512<float>>>(layout);
                else if (instructions == PanelInstructions.Vector128) Run<F8Runner<E4M3Lanes128, Simd128, Vector128<float>>>(layout);
                else Run<F8Runner<E4M3Lanes256, Simd256, Vector256<float>>>(layout);
            }
            else if (instructions == PanelInstructions.Vector128)
            {
                Run<IntegerRunner<TFormat, ByteLanes128, Vector128<int>, Simd128, Vector128<float>>>(layout);
            }
            else if (instructions == PanelInstructions.Avx2)
            {
                Run<IntegerRunner<TFormat, ByteLanes256<Avx2Dot>, Vector256<int>, Simd256, Vector256<float>>>(layout);
            }
            else
            {
                Run<IntegerRunner<TFormat, ByteLanes256<VnniDot>, Vector256<int>, Simd256, Vector256<float>>>(layout);
            }
        }

        private void Run<TRunner>(PanelLayout layout) where TRunner : struct, IPanelRunner
        {
            Job<TRunner> job = new(cut, input, layout, b, c, accumulate);
            pool.Run(ref job, cut.Parts);
        }
    }

    private readonly struct Job<TRunner>(Cut cut, PanelInput input, PanelLayout layout, Matrix b, Matrix c, bool accumulate) : IParallelJob
        where TRunner : struct, IPanelRunner
    {
        private readonly byte* _weights = (byte*)b.Data;
        private readonly float* _results = c.F32;
        private readonly long _resultStride = c.RowStride;
        private readonly int _columns = c.Columns;
        private readonly int _inner = b.Columns;

        public void Execute(int part)
        {
            cut.Find(part, out int group, out int firstRow, out int rows, out int firstPanel, out int panels);
            float* sums = PackingScratch.Local(RowBlock * PanelLayout.Rows);
            for (int panel = firstPanel; panel < firstPanel + panels; panel++)
            {
                int column = panel * PanelLayout.Rows, columns = Math.Min(PanelLayout.Rows, _columns - column);
                float* results = _results + firstRow * _resultStride + column;
                Begin(sums, results, rows, columns);
                byte* weights = _weights + (long)group * cut.Panels * cut.PanelBytes;
                Multiply(weights + panel * cut.PanelBytes, weights + cut.Panels * cut.PanelBytes, firstRow, rows, sums);
                for (int row = 0; row < rows; row++)
                {
                    new ReadOnlySpan<float>(sums + row * PanelLayout.Rows, columns).CopyTo(new Span<float>(results + row * _resultStride, columns));
                }
            }
        }

        private void Begin(float* sums, float* results, int rows, int columns)
        {
            new Span<float>(sums, rows * PanelLayout.Rows).Clear();
            for (int row = 0; row < rows && accumulate; row++)
            {
                new ReadOnlySpan<float>(results + row * _resultStride, columns).CopyTo(new Span<float>(sums + row * PanelLayout.Rows, columns));
            }
        }

        private void Multiply(byte* panel, byte* end, int firstRow, int rows, float* sums)
        {
            byte* elements = panel + layout.HeadsBytes(_inner);
            int stretch = rows <= KernelRows ? _inner : StretchColumns;
            for (int column = 0; column < _inner; column += stretch)
            {
                int columns = Math.Min(stretch, _inner - column), block = column / layout.BlockElements;
                PanelStretch weights = new(
                    panel + (long)block * layout.HeadBytes * PanelLayout.Rows, elements + column / PanelLayout.PartColumns * (long)layout.PartBytes,
                    columns / layout.BlockElements, end);
                for (int row = 0; row < rows; row += KernelRows)
                {
                    TRunner.Run(
                        Math.Min(KernelRows, rows - row), weights, input, firstRow + row, column, sums + row * PanelLayout.Rows, prefetches: row == 0);
                }
            }
        }
    }
}
