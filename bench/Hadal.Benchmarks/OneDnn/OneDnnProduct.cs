using System.Runtime.InteropServices;

namespace Hadal.Benchmarks.OneDnn;

/// <summary>
/// oneDNN's c [M,N] = a [M,K] · b [N,K]ᵀ in BF16 with an F32 result. Its weights lie as the caller's do, or are packed beforehand in the layout
/// that the library likes best.
/// </summary>
internal sealed class OneDnnProduct : IDisposable
{
    private readonly List<nint> _memories = [], _primitives = [], _descriptions = [];
    private readonly nint _engine, _stream, _product, _result;
    private readonly OneDnnLibrary.Argument[] _arguments;
    private readonly int _length;

    public OneDnnProduct(int m, int n, int k, ReadOnlySpan<short> a, ReadOnlySpan<short> b, bool packsWeights)
    {
        _engine = OneDnnLibrary.CreateEngine();
        _stream = OneDnnLibrary.CreateStream(_engine);
        _length = m * n;
        byte[] source = OneDnnLibrary.Describe(m, k, OneDnnLibrary.Bf16, OneDnnLibrary.RowMajor);
        byte[] given = OneDnnLibrary.Describe(k, n, OneDnnLibrary.Bf16, OneDnnLibrary.ColumnMajor);
        byte[] used = packsWeights ? OneDnnLibrary.Describe(k, n, OneDnnLibrary.Bf16, OneDnnLibrary.AnyLayout) : given;
        byte[] destination = OneDnnLibrary.Describe(m, n, OneDnnLibrary.F32, OneDnnLibrary.RowMajor);
        nint description = Kept(_descriptions, OneDnnLibrary.DescribeProduct(_engine, source, used, destination));
        _product = Kept(_primitives, OneDnnLibrary.CreatePrimitive(description));

        nint left = Kept(_memories, OneDnnLibrary.CreateMemory(_engine, source)), right = Kept(_memories, OneDnnLibrary.CreateMemory(_engine, given));
        Marshal.Copy(a.ToArray(), 0, OneDnnLibrary.DataOf(left), a.Length);
        Marshal.Copy(b.ToArray(), 0, OneDnnLibrary.DataOf(right), b.Length);
        if (packsWeights)
        {
            nint layout = OneDnnLibrary.WeightsOf(description), packed = Kept(_memories, OneDnnLibrary.CreateMemory(_engine, layout));
            nint reorder = Kept(_primitives, OneDnnLibrary.CreatePrimitive(Kept(_descriptions, OneDnnLibrary.DescribeReorder(_engine, given, layout))));
            OneDnnLibrary.Execute(reorder, _stream, [new(OneDnnLibrary.Source, right), new(OneDnnLibrary.Destination, packed)]);
            right = packed;
        }

        _result = Kept(_memories, OneDnnLibrary.CreateMemory(_engine, destination));
        _arguments = [new(OneDnnLibrary.Source, left), new(OneDnnLibrary.Weights, right), new(OneDnnLibrary.Destination, _result)];
    }

    public void Compute() => OneDnnLibrary.Execute(_product, _stream, _arguments);

    public float[] Result()
    {
        float[] result = new float[_length];
        Marshal.Copy(OneDnnLibrary.DataOf(_result), result, 0, _length);
        return result;
    }

    public void Dispose()
    {
        foreach (nint primitive in _primitives) OneDnnLibrary.DestroyPrimitive(primitive);
        foreach (nint description in _descriptions) OneDnnLibrary.DestroyDescription(description);
        foreach (nint memory in _memories) OneDnnLibrary.DestroyMemory(memory);
        OneDnnLibrary.DestroyStream(_stream);
        OneDnnLibrary.DestroyEngine(_engine);
    }

    private static nint Kept(List<nint> list, nint handle)
    {
        list.Add(handle);
        return handle;
    }
}
