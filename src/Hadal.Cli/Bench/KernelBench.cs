using System.Diagnostics;
using Hadal.Numerics;

namespace Hadal.Cli.Bench;

/// <summary>One kernel at one shape, and the ceiling that bounds it.</summary>
/// <param name="Kernel">Name and shape.</param>
/// <param name="Unit">GFLOP/s, GOP/s (of bytes) or GB/s.</param>
/// <param name="Rate">Best of the rounds.</param>
/// <param name="Median">Median of the rounds.</param>
/// <param name="Ceiling">What this machine reached in the same run: register FMAs, register tiles, reading memory, or a roofline of these.</param>
/// <param name="Share">Rate as a share of the ceiling, best against best; of reading, the median over rounds of each one's own share.</param>
internal sealed record BenchRow(string Kernel, string Unit, double Rate, double Median, double Ceiling, double Share);

/// <summary>What bounds a kernel.</summary>
internal enum BenchBound
{
    /// <summary>Multiply-adds in vector registers.</summary>
    MultiplyAdds,

    /// <summary>Products of tile registers; multiply-adds where there are none.</summary>
    Tiles,

    /// <summary>Dot products of bytes in vector registers.</summary>
    Bytes,

    /// <summary>Reading memory.</summary>
    Reading,

    /// <summary>The slower of the operations at the rate of the BF16 product of 1024 x 1024 x 1024, and of reading the weights once.</summary>
    Roofline,
}

/// <summary>The ceilings of this machine, best of a run.</summary>
/// <param name="FmaGigaflops">Multiply-adds in vector registers.</param>
/// <param name="TileGigaflops">Products of tile registers; null where no kernels use them.</param>
/// <param name="ByteGigaops">Products of bytes in registers.</param>
/// <param name="ReadGigabytes">Reading memory.</param>
/// <param name="DispatchMicroseconds">A parallel region without work.</param>
internal sealed record BenchCeilings(double FmaGigaflops, double? TileGigaflops, double ByteGigaops, double ReadGigabytes, double DispatchMicroseconds);

/// <summary>
/// Times kernels in rounds that alternate with the ceilings, since a shared machine's speed drifts: kernels and ceilings then meet the
/// same good and bad moments, and best is compared with best. Reading drifts most, by half from one second to the next, so what is bounded by
/// it has readings of its own, right before each round and as long as it: the best of many short ones would be more than that of few long ones.
/// </summary>
internal sealed class KernelBench(WorkerPool workers, int rounds, TimeSpan slice) : IDisposable
{
    private const string Cube = "BF16 NT 1024x1024x1024";

    // Bytes that are read at least, as of the weights below: of 64 MB, read again and again, a cache of 32 MB still had so much that reading
    // them reached 96 GB/s where memory gives 30 to 50.
    private const long LeastRead = 256L << 20;

    // Rows of different content in the matrices that are multiplied.
    private const int Patterns = 61;

    private static readonly ElementType[] s_blocked = [ElementType.F8Scaled, ElementType.Q8_0, ElementType.Q6_K, ElementType.Q4_K, ElementType.Q4_0];

    private readonly List<NativeBuffer> _buffers = [];

    public BenchCeilings Ceilings { get; private set; } = new(0, null, 0, 0, double.MaxValue);

    /// <summary>Runs everything; reports each finished round.</summary>
    public IReadOnlyList<BenchRow> Run(Action<int, int> progress)
    {
        Case[] cases = [.. Cases()];
        double[][] rates = [.. cases.Select(_ => new double[rounds])];
        double[][] readings = [.. cases.Select(_ => new double[rounds])];
        for (int round = 0; round < rounds; round++)
        {
            for (int c = 0; c < cases.Length; c++)
            {
                if (c % 4 == 0) MeasureOperations();
                if (cases[c].Bound == BenchBound.Reading)
                {
                    readings[c][round] = MachineCeilings.ReadGigabytesPerSecond(workers, slice, Math.Max((long)cases[c].Bytes, LeastRead));
                    Ceilings = Ceilings with { ReadGigabytes = Math.Max(Ceilings.ReadGigabytes, readings[c][round]) };
                }

                rates[c][round] = Rate(cases[c]);
            }

            progress(round + 1, rounds);
        }

        double cube = rates[Array.FindIndex(cases, c => c.Name == Cube)].Max();
        return [.. cases.Select((c, i) => Row(c, rates[i], readings[i], cube))];
    }

    public void Dispose()
    {
        foreach (NativeBuffer buffer in _buffers) buffer.Dispose();
    }

    private void MeasureOperations()
    {
        double fma = MachineCeilings.FmaGigaflops(workers, slice / 4);
        double? tiles = MachineCeilings.TileGigaflops(workers, slice / 4);
        Ceilings = Ceilings with
        {
            FmaGigaflops = Math.Max(Ceilings.FmaGigaflops, fma),
            DispatchMicroseconds = Math.Min(Ceilings.DispatchMicroseconds, MachineCeilings.DispatchMicroseconds(workers, slice / 16)),
            ByteGigaops = Math.Max(Ceilings.ByteGigaops, MachineCeilings.ByteGigaops(workers, slice / 4)),
            TileGigaflops = tiles is null ? null : Math.Max(Ceilings.TileGigaflops ?? 0, tiles.Value),
        };
    }

    private BenchRow Row(Case c, double[] rates, double[] readings, double cube)
    {
        string unit = c.Bound switch { BenchBound.Reading => "GB/s", BenchBound.Bytes => "GOP/s", _ => "GFLOP/s" };
        double ceiling = Ceiling(c, cube), share = c.Bound == BenchBound.Reading
            ? Median(rates.Zip(readings, (rate, reading) => rate / reading))
            : rates.Max() / ceiling;
        return new BenchRow(c.Name, unit, rates.Max(), Median(rates), ceiling, share);
    }

    private static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);

    private double Ceiling(Case c, double cube) => c.Bound switch
    {
        BenchBound.MultiplyAdds => Ceilings.FmaGigaflops,
        BenchBound.Tiles => Ceilings.TileGigaflops ?? Ceilings.FmaGigaflops,
        BenchBound.Bytes => Ceilings.ByteGigaops,
        BenchBound.Reading => Ceilings.ReadGigabytes,
        _ => c.Work / Math.Max(c.Work / cube, c.Bytes / Ceilings.ReadGigabytes),
    };

    private double Rate(Case c)
    {
        c.Compute();
        long best = long.MaxValue, end = Stopwatch.GetTimestamp() + (long)(slice.TotalSeconds * Stopwatch.Frequency);
        do
        {
            long start = Stopwatch.GetTimestamp();
            c.Compute();
            best = Math.Min(best, Stopwatch.GetTimestamp() - start);
        }
        while (Stopwatch.GetTimestamp() < end);

        return (c.Bound == BenchBound.Reading ? c.Bytes : c.Work) / 1e9 / ((double)best / Stopwatch.Frequency);
    }

    private IEnumerable<Case> Cases()
    {
        foreach ((int m, int n, int k) in new[] { (1024, 1024, 1024), (256, 256, 256), (512, 512, 512), (2048, 2048, 512) })
        {
            yield return Product("F32 NT", MatMul.Nt, m, n, k);
            yield return Product("BF16 NT", MatMul.Nt, m, n, k, ElementType.BF16, ElementType.BF16, ProductPrecision.BF16);
            yield return Product("F8 NT", MatMul.Nt, m, n, k, ElementType.BF16, ElementType.BF16, ProductPrecision.F8);
        }

        yield return Product("F32 NN", MatMul.Nn, 1024, 1024, 1024);
        yield return Product("F32 TN", MatMul.Tn, 1024, 1024, 1024);
        yield return Product("F32 x BF16 NT", MatMul.Nt, 1024, 1024, 1024, ElementType.F32, ElementType.BF16);

        // A linear layer of training, forward, and backward to its input and to its weight: F32 in memory, rounded on the way in.
        foreach ((int inputs, int outputs) in new[] { (128, 128), (128, 512), (320, 1024), (640, 2048) })
        {
            const int Tokens = 4096;
            yield return Product("F32 as BF16 NT", MatMul.Nt, Tokens, outputs, inputs, precision: ProductPrecision.BF16);
            yield return Product("F32 as BF16 NN", MatMul.Nn, Tokens, inputs, outputs, precision: ProductPrecision.BF16);
            yield return Product("F32 as BF16 TN", MatMul.Tn, outputs, inputs, Tokens, precision: ProductPrecision.BF16);
            yield return Product("F32 x BF16 as F8 NT", MatMul.Nt, Tokens, outputs, inputs, bType: ElementType.BF16, precision: ProductPrecision.F8);
            yield return Product("F32 x BF16 as F8 NN", MatMul.Nn, Tokens, inputs, outputs, bType: ElementType.BF16, precision: ProductPrecision.F8);
            yield return Product("F32 as F8 TN", MatMul.Tn, outputs, inputs, Tokens, precision: ProductPrecision.F8);
        }

        yield return Experts(tokens: 512, topK: 6, experts: 64, hidden: 2048, width: 1408, ElementType.F32, ProductPrecision.F32);
        yield return Experts(tokens: 512, topK: 6, experts: 64, hidden: 2048, width: 1408, ElementType.BF16, ProductPrecision.BF16);
        yield return Experts(tokens: 512, topK: 6, experts: 64, hidden: 2048, width: 1408, ElementType.BF16, ProductPrecision.F8);
        yield return Attend(queries: 512, keys: 512, heads: 16, keyDim: 192, valueDim: 128);
        foreach (ElementType type in new[] { ElementType.F32, ElementType.BF16 }) yield return Decode(type, rows: 1, outputs: 32768, inputs: 4096);
        foreach (int rows in new[] { 1, 4, 16 }) yield return Decode(ElementType.BF16, rows, outputs: 2048, inputs: 2048, ProductPrecision.BF16);
        yield return Decode(ElementType.BF16, rows: 1, outputs: 32768, inputs: 4096, ProductPrecision.BF16);
        yield return Norm(rows: 8192, columns: 4096);
        foreach (ElementType type in s_blocked)
        {
            yield return Decode(type, rows: 1, outputs: 262144, inputs: 2048);
            yield return Prefill(type, rows: 512, outputs: 2048, inputs: 2048);
            yield return Experts(tokens: 512, topK: 6, experts: 64, hidden: 2048, width: 1408, type, ProductPrecision.F32);
            yield return Experts(tokens: 1, topK: 6, experts: 64, hidden: 2048, width: 1408, type, ProductPrecision.F32);
        }
    }

    private delegate void MatrixProduct(WorkerPool pool, Matrix a, Matrix b, Matrix c, bool accumulate, ProductPrecision precision);

    private Case Product(
        string name, MatrixProduct product, int m, int n, int k, ElementType aType = ElementType.F32, ElementType bType = ElementType.F32,
        ProductPrecision precision = ProductPrecision.F32)
    {
        bool tn = product == MatMul.Tn, nt = product == MatMul.Nt;
        Matrix a = tn ? New(k, m, aType) : New(m, k, aType), b = nt ? New(n, k, bType) : New(k, n, bType), c = New(m, n);
        return new Case(
            $"{name} {m}x{n}x{k}", precision != ProductPrecision.F32 ? BenchBound.Tiles : BenchBound.MultiplyAdds, 2.0 * m * n * k, 0,
            () => product(workers, a, b, c, false, precision));
    }

    private Case Experts(int tokens, int topK, int experts, int hidden, int width, ElementType type, ProductPrecision precision)
    {
        int rows = tokens * topK;
        Matrix x = New(rows, hidden), weights = New(experts * width, hidden, type), y = New(rows, width);

        // As uneven as a router's choice: a fixed sequence without a pattern of sixteens.
        int[] counts = new int[experts];
        for (int i = 0; i < rows; i++) counts[(int)((uint)i * 2654435761u >> 16) % experts]++;
        int[] offsets = [0, .. counts.Select((_, e) => counts[..(e + 1)].Sum())];
        BenchBound bound = (double)rows / experts < 1 ? BenchBound.Reading
            : precision != ProductPrecision.F32 ? BenchBound.Roofline : Computing(type);
        return new Case(
            $"{precision} grouped NT, {experts} experts of {width}x{hidden} {type}, {rows} rows", bound,
            2.0 * rows * width * hidden, (double)counts.Count(count => count > 0) * type.ByteLength(width, hidden),
            () => GroupedMatMul.Nt(workers, x, offsets, weights, y, false, precision));
    }

    private Case Attend(int queries, int keys, int heads, int keyDim, int valueDim)
    {
        Matrix q = New(queries, heads * keyDim), k = New(keys, heads * keyDim), v = New(keys, heads * valueDim), y = New(queries, heads * valueDim);
        AttentionShape shape = new(heads, heads, keyDim, valueDim, 1f / MathF.Sqrt(keyDim));
        AttentionSequence[] sequences = [new(0, queries, k, v)];
        double pairs = queries * (keys - (queries - 1) / 2.0);
        return new Case(
            $"attention, {heads} heads of {keyDim}/{valueDim}, {queries} causal", BenchBound.MultiplyAdds, 2.0 * pairs * heads * (keyDim + valueDim), 0,
            () => Attention.Forward(workers, shape, q, sequences, y, logSumExp: null));
    }

    private Case Decode(ElementType type, int rows, int outputs, int inputs, ProductPrecision precision = ProductPrecision.F32)
    {
        Matrix x = New(rows, inputs), w = New(outputs, inputs, type), y = New(rows, outputs);
        return new Case(
            $"{precision} NT {rows}x{outputs}x{inputs}, {type} weights read", BenchBound.Reading, 2.0 * rows * outputs * inputs,
            type.ByteLength(outputs, inputs), () => MatMul.Nt(workers, x, w, y, false, precision));
    }

    private Case Prefill(ElementType type, int rows, int outputs, int inputs)
    {
        Matrix x = New(rows, inputs), w = New(outputs, inputs, type), y = New(rows, outputs);
        return new Case(
            $"NT {rows}x{outputs}x{inputs}, {type} weights", Computing(type), 2.0 * rows * outputs * inputs, 0,
            () => MatMul.Nt(workers, x, w, y));
    }

    // Weights in blocks of integers are multiplied as bytes, those of F8 as F32.
    private static BenchBound Computing(ElementType type) =>
        type.IsBlocked() && type != ElementType.F8Scaled ? BenchBound.Bytes : BenchBound.MultiplyAdds;

    private Case Norm(int rows, int columns)
    {
        Matrix x = New(rows, columns), w = New(1, columns), y = New(rows, columns), inverse = New(rows, 1);
        return new Case(
            $"rms-norm {rows}x{columns}, read and written", BenchBound.Reading, 0, 2.0 * rows * columns * sizeof(float),
            () => RmsNorm.Forward(workers, x, w, 1e-6f, y, inverse));
    }

    private Matrix New(int rows, int columns, ElementType type = ElementType.F32)
    {
        NativeBuffer buffer = new(type.ByteLength(rows, columns));
        _buffers.Add(buffer);
        Matrix matrix = new(buffer, type, 0, rows, columns);
        using NativeBuffer pattern = new((long)Patterns * columns * sizeof(float));
        Matrix values = new(pattern, ElementType.F32, 0, Patterns, columns);
        for (int r = 0; r < Patterns; r++)
        {
            for (int c = 0; c < columns; c++) values.Row(r)[c] = ((r * 31 + c * 17) % 61 - 30) / 32f;
        }

        // Quantised once, then copied: searching scales for a gigabyte would take longer than all measurements.
        byte[] blocks = type.IsBlocked() ? new byte[BlockQuantisation.ByteLength(type, (long)Patterns * columns)] : [];
        if (type.IsBlocked()) BlockQuantisation.Quantise(type, pattern.AsSpan<float>(0, Patterns * columns), blocks);
        for (int r = 0; r < rows; r++)
        {
            if (type.IsBlocked()) WeightPanels.Pack(matrix, r, blocks.AsSpan(r % Patterns * (blocks.Length / Patterns), blocks.Length / Patterns));
            else Elementwise.Copy(workers, values.RowRange(r % Patterns, 1), matrix.RowRange(r, 1));
        }

        return matrix;
    }

    // Work in floating-point operations, Bytes of memory that must be read.
    private sealed record Case(string Name, BenchBound Bound, double Work, double Bytes, Action Compute);
}
