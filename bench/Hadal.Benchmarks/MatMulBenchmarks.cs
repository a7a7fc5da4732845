using BenchmarkDotNet.Attributes;
using Hadal.Numerics;

namespace Hadal.Benchmarks;

/// <summary>A linear layer's product at square sizes; `hadal bench` sets the same kernel beside the machine's ceilings.</summary>
public class MatMulBenchmarks
{
    private WorkerPool _workers = null!;
    private NativeBuffer _a = null!, _b = null!, _c = null!;

    [Params(128, 512, 1024)]
    public int Size { get; set; }

    [Params(ElementType.F32, ElementType.BF16)]
    public ElementType Weights { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _workers = new WorkerPool();
        (_a, _b, _c) = (Buffer(ElementType.F32), Buffer(Weights), Buffer(ElementType.F32));
        Random random = new(1);
        Matrix a = View(_a, ElementType.F32);
        for (int r = 0; r < Size; r++)
        {
            foreach (ref float value in a.Row(r)) value = random.NextSingle() - 0.5f;
        }

        Elementwise.Copy(_workers, a, View(_b, Weights));
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _workers.Dispose();
        _a.Dispose();
        _b.Dispose();
        _c.Dispose();
    }

    [Benchmark]
    public void Nt() => MatMul.Nt(_workers, View(_a, ElementType.F32), View(_b, Weights), View(_c, ElementType.F32));

    private NativeBuffer Buffer(ElementType type) => new((long)Size * Size * type.SizeInBytes());

    private Matrix View(NativeBuffer buffer, ElementType type) => new(buffer, type, 0, Size, Size);
}
