using System.Diagnostics;
using Hadal.Numerics;

namespace Hadal.Cli.Bench;

/// <summary>One kernel at one shape, and the ceiling that bounds it.</summary>
/// <param name="Kernel">Name and shape.</param>
/// <param name="Unit">GFLOP/s or GB/s.</param>
/// <param name="Rate">Best of the rounds.</param>
/// <param name="Median">Median of the rounds.</param>
/// <param name="Ceiling">What this machine reached in the same run: register FMAs, or reading memory.</param>
internal sealed record BenchRow(string Kernel, string Unit, double Rate, double Median, double Ceiling)
{
    /// <summary>Rate as a share of the ceiling, best against best.</summary>
    public double Share => Rate / Ceiling;
}

/// <summary>
/// Times kernels in rounds that alternate with the ceilings, since a shared machine's speed drifts: kernels and ceilings then meet the
/// same good and bad moments, and best is compared with best.
/// </summary>
internal sealed class KernelBench(WorkerPool workers, int rounds, TimeSpan slice) : IDisposable
{
    private readonly List<NativeBuffer> _buffers = [];

    public (double Gigaflops, double Gigabytes) Ceilings { get; private set; }

    /// <summary>Runs everything; reports each finished round.</summary>
    public IReadOnlyList<BenchRow> Run(Action<int, int> progress)
    {
        Case[] cases = [.. Cases()];
        double[][] rates = [.. cases.Select(_ => new double[rounds])];
        double flops = 0, bytes = 0;
        for (int round = 0; round < rounds; round++)
        {
            flops = Math.Max(flops, MachineCeilings.FmaGigaflops(workers, slice));
            for (int c = 0; c < cases.Length; c++)
            {
                rates[c][round] = Rate(cases[c]);
                if (cases[c].IsComputeBound && c % 4 == 3) flops = Math.Max(flops, MachineCeilings.FmaGigaflops(workers, slice / 4));
            }

            bytes = Math.Max(bytes, MachineCeilings.ReadGigabytesPerSecond(workers, slice));
            progress(round + 1, rounds);
        }

        Ceilings = (flops, bytes);
        return
        [
            .. cases.Select((c, i) => new BenchRow(
                c.Name, c.IsComputeBound ? "GFLOP/s" : "GB/s", rates[i].Max(), rates[i].Order().ElementAt(rounds / 2), c.IsComputeBound ? flops : bytes)),
        ];
    }

    public void Dispose()
    {
        foreach (NativeBuffer buffer in _buffers) buffer.Dispose();
    }

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

        return c.Work / 1e9 / ((double)best / Stopwatch.Frequency);
    }

    private IEnumerable<Case> Cases()
    {
        foreach ((int m, int n, int k) in new[] { (1024, 1024, 1024), (256, 256, 256), (512, 512, 512), (2048, 2048, 512) }) yield return Product("F32 NT", MatMul.Nt, m, n, k);
        yield return Product("F32 NN", MatMul.Nn, 1024, 1024, 1024);
        yield return Product("F32 TN", MatMul.Tn, 1024, 1024, 1024);
        yield return Product("BF16 weights NT", MatMul.Nt, 1024, 1024, 1024, ElementType.BF16);
        yield return Experts(tokens: 512, topK: 6, experts: 64, hidden: 2048, width: 1408);
        yield return Attend(queries: 512, keys: 512, heads: 16, keyDim: 192, valueDim: 128);
        foreach (ElementType type in new[] { ElementType.F32, ElementType.BF16 }) yield return Decode(type, outputs: 16384, inputs: 4096);
        yield return Norm(rows: 8192, columns: 4096);
    }

    private delegate void MatrixProduct(WorkerPool pool, Matrix a, Matrix b, Matrix c, bool accumulate);

    private Case Product(string name, MatrixProduct product, int m, int n, int k, ElementType weights = ElementType.F32)
    {
        bool tn = product == MatMul.Tn, nt = product == MatMul.Nt;
        Matrix a = tn ? New(k, m) : New(m, k), b = nt ? New(n, k, weights) : New(k, n, weights), c = New(m, n);
        return new Case($"{name} {m}x{n}x{k}", 2.0 * m * n * k, true, () => product(workers, a, b, c, false));
    }

    private Case Experts(int tokens, int topK, int experts, int hidden, int width)
    {
        int rows = tokens * topK;
        Matrix x = New(rows, hidden), weights = New(experts * width, hidden), y = New(rows, width);
        int[] offsets = [.. Enumerable.Range(0, experts + 1).Select(e => (int)((long)rows * e / experts))];
        return new Case(
            $"F32 grouped NT, {experts} experts of {width}x{hidden}, {rows} rows", 2.0 * rows * width * hidden, true,
            () => GroupedMatMul.Nt(workers, x, offsets, weights, y));
    }

    private Case Attend(int queries, int keys, int heads, int keyDim, int valueDim)
    {
        Matrix q = New(queries, heads * keyDim), k = New(keys, heads * keyDim), v = New(keys, heads * valueDim), y = New(queries, heads * valueDim);
        AttentionShape shape = new(heads, heads, keyDim, valueDim, 1f / MathF.Sqrt(keyDim));
        AttentionSequence[] sequences = [new(0, queries, k, v)];
        double pairs = queries * (keys - (queries - 1) / 2.0);
        return new Case(
            $"attention, {heads} heads of {keyDim}/{valueDim}, {queries} causal", 2.0 * pairs * heads * (keyDim + valueDim), true,
            () => Attention.Forward(workers, shape, q, sequences, y, logSumExp: null));
    }

    private Case Decode(ElementType type, int outputs, int inputs)
    {
        Matrix x = New(1, inputs), w = New(outputs, inputs, type), y = New(1, outputs);
        return new Case(
            $"{type} NT 1x{outputs}x{inputs}, weights read", (double)outputs * inputs * type.SizeInBytes(), false, () => MatMul.Nt(workers, x, w, y));
    }

    private Case Norm(int rows, int columns)
    {
        Matrix x = New(rows, columns), w = New(1, columns), y = New(rows, columns), inverse = New(rows, 1);
        return new Case(
            $"rms-norm {rows}x{columns}, read and written", 2.0 * rows * columns * sizeof(float), false,
            () => RmsNorm.Forward(workers, x, w, 1e-6f, y, inverse));
    }

    private Matrix New(int rows, int columns, ElementType type = ElementType.F32)
    {
        NativeBuffer buffer = new((long)rows * columns * type.SizeInBytes());
        _buffers.Add(buffer);
        Matrix matrix = new(buffer, type, 0, rows, columns);
        NativeBuffer rowBuffer = new((long)columns * sizeof(float));
        Matrix row = new(rowBuffer, ElementType.F32, 0, 1, columns);
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++) row.Row(0)[c] = ((r * 31 + c * 17) % 61 - 30) / 32f;
            Elementwise.Copy(workers, row, matrix.RowRange(r, 1));
        }

        rowBuffer.Dispose();
        return matrix;
    }

    private sealed record Case(string Name, double Work, bool IsComputeBound, Action Compute);
}
