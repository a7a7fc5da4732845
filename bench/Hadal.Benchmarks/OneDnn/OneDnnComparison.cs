using System.Diagnostics;
using System.Globalization;
using Hadal.Numerics;

namespace Hadal.Benchmarks.OneDnn;

/// <summary>BF16 products of Hadal and of oneDNN in turns, on as many threads: the speed of a shared machine drifts, so only such figures compare.</summary>
internal static class OneDnnComparison
{
    private const int Rounds = 8;

    private static readonly TimeSpan s_slice = TimeSpan.FromMilliseconds(25);

    private static readonly (int M, int N, int K)[] s_shapes =
    [
        (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 512), (1, 2048, 2048), (4, 2048, 2048), (16, 2048, 2048),
        (4096, 128, 128), (4096, 320, 320), (4096, 1024, 320), (4096, 640, 640),
    ];

    /// <summary>Prints a line for each shape; returns the exit code.</summary>
    public static int Run()
    {
        if (!OneDnnLibrary.IsInstalled())
        {
            Console.Error.WriteLine("oneDNN 2 (libdnnl.so.2) is not installed, expected for instance Debian's libdnnl-dev.");
            return 1;
        }

        // oneDNN's threads spin for a while after each product; theirs must be as many as ours, and ours must not wait for them.
        using WorkerPool workers = new();
        Console.WriteLine($"BF16 a · bᵀ into F32, GFLOP/s of {workers.Count} threads, best (median) of {Rounds} rounds; OMP_NUM_THREADS is oneDNN's number");
        foreach ((int m, int n, int k) in s_shapes) Compare(workers, m, n, k);
        double? peak = MachineCeilings.TileGigaflops(workers, TimeSpan.FromMilliseconds(200));
        Console.WriteLine(peak is null ? "no tile unit" : string.Create(CultureInfo.InvariantCulture, $"tiles in registers {peak:F0}"));
        return 0;
    }

    private static void Compare(WorkerPool workers, int m, int n, int k)
    {
        short[] aBits = Values(m, k), bBits = Values(n, k);
        using NativeBuffer aBuffer = new(2L * m * k), bBuffer = new(2L * n * k), cBuffer = new(4L * m * n);
        aBits.CopyTo(aBuffer.AsSpan<short>(0, m * k));
        bBits.CopyTo(bBuffer.AsSpan<short>(0, n * k));
        Matrix a = new(aBuffer, ElementType.BF16, 0, m, k), b = new(bBuffer, ElementType.BF16, 0, n, k), c = new(cBuffer, ElementType.F32, 0, m, n);
        using OneDnnProduct plain = new(m, n, k, aBits, bBits, packsWeights: false), packed = new(m, n, k, aBits, bBits, packsWeights: true);
        Action[] computations = [() => MatMul.Nt(workers, a, b, c, accumulate: false, ProductPrecision.BF16), plain.Compute, packed.Compute];
        List<double>[] rates = [[], [], []];
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < computations.Length; i++) rates[i].Add(2.0 * m * n * k / Best(computations[i]) / 1e9);
        }

        foreach (float[] theirs in new[] { plain.Result(), packed.Result() }) CheckSame(c, theirs, k);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{m}x{n}x{k}: Hadal {Text(rates[0])}, oneDNN {Text(rates[1])}, its weights packed beforehand {Text(rates[2])}"));
    }

    private static string Text(List<double> rates) => string.Create(CultureInfo.InvariantCulture, $"{rates.Max():F0} ({rates.Order().ElementAt(rates.Count / 2):F0})");

    private static double Best(Action compute)
    {
        compute();
        long start = Stopwatch.GetTimestamp();
        TimeSpan best = TimeSpan.MaxValue;
        do
        {
            long begin = Stopwatch.GetTimestamp();
            compute();
            TimeSpan elapsed = Stopwatch.GetElapsedTime(begin);
            if (elapsed < best) best = elapsed;
        }
        while (Stopwatch.GetElapsedTime(start) < s_slice);

        return best.TotalSeconds;
    }

    // Multiples of 1/32 up to 1: exact in BF16.
    private static short[] Values(int rows, int columns)
    {
        short[] values = new short[rows * columns];
        for (int i = 0; i < values.Length; i++)
        {
            float value = ((i / columns * 31 + i % columns * 17) % 61 - 30) / 32f;
            values[i] = (short)(BitConverter.SingleToUInt32Bits(value) >> 16);
        }

        return values;
    }

    // Factors are exact, so only the order of additions differs: K of them, of terms below 1.
    private static void CheckSame(Matrix c, float[] theirs, int k)
    {
        for (int row = 0; row < c.Rows; row++)
        {
            for (int column = 0; column < c.Columns; column++)
            {
                float ours = c.Row(row)[column], other = theirs[row * c.Columns + column];
                if (!(Math.Abs(ours - other) <= k * 1e-4f))
                {
                    throw new InvalidOperationException($"products differ in row {row}, column {column}: {ours} here, {other} of oneDNN.");
                }
            }
        }
    }
}
