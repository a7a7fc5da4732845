using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>Sixteen lanes: AVX-512.</summary>
internal readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    public static int Lanes => 16;

    public static Vector512<float> Zero => Vector512<float>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadBFloat16(ushort* source) =>
        (Vector512.WidenLower(Vector256.Load(source).ToVector512Unsafe()) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadE4M3(byte* source) =>
        E4M3Decoding.Decode<BitLanes16, Vector512<uint>>(BitLanes16.LoadByte(in *source)).AsSingle();

    // Each line is loaded once and whole: with rows a multiple of 4 KB apart all of them share one set of L1, which holds fewer than 16.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void TransposeLines(byte* source, long rowBytes, bool isBFloat16, float* destination, long stride)
    {
        LoadQuads(source, rowBytes, out var a0, out var a1, out var a2, out var a3);
        LoadQuads(source + rowBytes, rowBytes, out var b0, out var b1, out var b2, out var b3);
        LoadQuads(source + 2 * rowBytes, rowBytes, out var c0, out var c1, out var c2, out var c3);
        LoadQuads(source + 3 * rowBytes, rowBytes, out var d0, out var d1, out var d2, out var d3);
        StoreTransposed(a0, b0, c0, d0, isBFloat16, destination, stride, 0);
        StoreTransposed(a1, b1, c1, d1, isBFloat16, destination, stride, 4);
        StoreTransposed(a2, b2, c2, d2, isBFloat16, destination, stride, 8);
        StoreTransposed(a3, b3, c3, d3, isBFloat16, destination, stride, 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddLines<TRows>(byte* source, long rowBytes, bool isBFloat16, float* a, ref RowSums<Vector512<float>> sums) where TRows : ICount
    {
        RowSums<Vector512<float>> held = sums;
        LoadQuads(source, rowBytes, out var a0, out var a1, out var a2, out var a3);
        LoadQuads(source + rowBytes, rowBytes, out var b0, out var b1, out var b2, out var b3);
        LoadQuads(source + 2 * rowBytes, rowBytes, out var c0, out var c1, out var c2, out var c3);
        LoadQuads(source + 3 * rowBytes, rowBytes, out var d0, out var d1, out var d2, out var d3);
        int step = TRows.Count * (isBFloat16 ? 8 : 4);
        AddTransposed<TRows>(a0, b0, c0, d0, isBFloat16, a, ref held);
        AddTransposed<TRows>(a1, b1, c1, d1, isBFloat16, a + step, ref held);
        AddTransposed<TRows>(a2, b2, c2, d2, isBFloat16, a + 2 * step, ref held);
        AddTransposed<TRows>(a3, b3, c3, d3, isBFloat16, a + 3 * step, ref held);
        sums = held;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) =>
        Vector512.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Vector512.Min(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> value) => Simd256.Sum(value.GetLower() + value.GetUpper());

    // Loads rows 0, 4, 8 and 12 and transposes their quarters: quad j holds the four elements from 4j on, of one row in each quarter.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadQuads(
        byte* source, long rowBytes, out Vector512<float> quad0, out Vector512<float> quad1, out Vector512<float> quad2,
        out Vector512<float> quad3)
    {
        Vector512<float> row0 = Load((float*)source), row4 = Load((float*)(source + 4 * rowBytes));
        Vector512<float> row8 = Load((float*)(source + 8 * rowBytes)), row12 = Load((float*)(source + 12 * rowBytes));
        Vector512<float> low04 = Avx512F.Shuffle4x128(row0, row4, 0b01_00_01_00), high04 = Avx512F.Shuffle4x128(row0, row4, 0b11_10_11_10);
        Vector512<float> low812 = Avx512F.Shuffle4x128(row8, row12, 0b01_00_01_00);
        Vector512<float> high812 = Avx512F.Shuffle4x128(row8, row12, 0b11_10_11_10);
        quad0 = Avx512F.Shuffle4x128(low04, low812, 0b10_00_10_00);
        quad1 = Avx512F.Shuffle4x128(low04, low812, 0b11_01_11_01);
        quad2 = Avx512F.Shuffle4x128(high04, high812, 0b10_00_10_00);
        quad3 = Avx512F.Shuffle4x128(high04, high812, 0b11_01_11_01);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTransposed<TRows>(
        Vector512<float> row0, Vector512<float> row1, Vector512<float> row2, Vector512<float> row3, bool isBFloat16, float* a,
        ref RowSums<Vector512<float>> sums)
        where TRows : ICount
    {
        int step = TRows.Count * (isBFloat16 ? 2 : 1);
        Vector512<double> low01 = Avx512F.UnpackLow(row0, row1).AsDouble();
        Vector512<double> low23 = Avx512F.UnpackLow(row2, row3).AsDouble();
        Vector512<double> high01 = Avx512F.UnpackHigh(row0, row1).AsDouble();
        Vector512<double> high23 = Avx512F.UnpackHigh(row2, row3).AsDouble();
        AddColumn<TRows>(Avx512F.UnpackLow(low01, low23).AsSingle(), isBFloat16, a, ref sums);
        AddColumn<TRows>(Avx512F.UnpackHigh(low01, low23).AsSingle(), isBFloat16, a + step, ref sums);
        AddColumn<TRows>(Avx512F.UnpackLow(high01, high23).AsSingle(), isBFloat16, a + 2 * step, ref sums);
        AddColumn<TRows>(Avx512F.UnpackHigh(high01, high23).AsSingle(), isBFloat16, a + 3 * step, ref sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreTransposed(
        Vector512<float> row0, Vector512<float> row1, Vector512<float> row2, Vector512<float> row3, bool isBFloat16, float* destination,
        long stride, int index)
    {
        Vector512<double> low01 = Avx512F.UnpackLow(row0, row1).AsDouble();
        Vector512<double> low23 = Avx512F.UnpackLow(row2, row3).AsDouble();
        Vector512<double> high01 = Avx512F.UnpackHigh(row0, row1).AsDouble();
        Vector512<double> high23 = Avx512F.UnpackHigh(row2, row3).AsDouble();
        StoreColumn(Avx512F.UnpackLow(low01, low23).AsSingle(), isBFloat16, destination, stride, index);
        StoreColumn(Avx512F.UnpackHigh(low01, low23).AsSingle(), isBFloat16, destination, stride, index + 1);
        StoreColumn(Avx512F.UnpackLow(high01, high23).AsSingle(), isBFloat16, destination, stride, index + 2);
        StoreColumn(Avx512F.UnpackHigh(high01, high23).AsSingle(), isBFloat16, destination, stride, index + 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddColumn<TRows>(Vector512<float> column, bool isBFloat16, float* a, ref RowSums<Vector512<float>> sums) where TRows : ICount
    {
        if (isBFloat16)
        {
            sums.Add<Simd512, TRows>((column.AsUInt32() << 16).AsSingle(), a);
            sums.Add<Simd512, TRows>((column.AsUInt32() & Vector512.Create(0xFFFF_0000u)).AsSingle(), a + TRows.Count);
        }
        else
        {
            sums.Add<Simd512, TRows>(column, a);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreColumn(Vector512<float> column, bool isBFloat16, float* destination, long stride, int index)
    {
        if (isBFloat16)
        {
            (column.AsUInt32() << 16).AsSingle().Store(destination + 2 * index * stride);
            (column.AsUInt32() & Vector512.Create(0xFFFF_0000u)).AsSingle().Store(destination + (2 * index + 1) * stride);
        }
        else
        {
            column.Store(destination + index * stride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(Vector512<float> value) => Simd256.MaxLane(Vector256.Max(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> GreaterThan(Vector512<float> a, Vector512<float> b) => Vector512.GreaterThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyGreaterThan(Vector512<float> a, Vector512<float> b) => Vector512.GreaterThanAny(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Select(Vector512<float> mask, Vector512<float> a, Vector512<float> b) =>
        Vector512.ConditionalSelect(mask, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ScaleByPowerOfTwo(Vector512<float> value, Vector512<float> shifted) =>
        (value.AsInt32() + (shifted.AsInt32() << 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Even, Vector512<float> Odd) Deinterleave(Vector512<float> a, Vector512<float> b)
    {
        Vector512<int> evenThenOdd = Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
        Vector512<float> x = Vector512.Shuffle(a, evenThenOdd);
        Vector512<float> y = Vector512.Shuffle(b, evenThenOdd);
        return (Vector512.Create(x.GetLower(), y.GetLower()), Vector512.Create(x.GetUpper(), y.GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> A, Vector512<float> B) Interleave(Vector512<float> even, Vector512<float> odd)
    {
        Vector512<int> alternate = Vector512.Create(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
        Vector512<float> x = Vector512.Create(even.GetLower(), odd.GetLower());
        Vector512<float> y = Vector512.Create(even.GetUpper(), odd.GetUpper());
        return (Vector512.Shuffle(x, alternate), Vector512.Shuffle(y, alternate));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(Vector512<float> value, ushort* destination)
    {
        Vector512<uint> bits = value.AsUInt32();
        Vector512<uint> even = (bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512.Create(1u))) >> 16;
        Vector512<uint> quiet = (bits >> 16) | Vector512.Create(0x40u);
        Vector512<uint> rounded = Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), even, quiet);
        Vector256.Narrow(rounded.GetLower(), rounded.GetUpper()).Store(destination);
    }
}
