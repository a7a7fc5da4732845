using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>Eight lanes: AVX2.</summary>
internal readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    public static int Lanes => 8;

    public static Vector256<float> Zero => Vector256<float>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadBFloat16(ushort* source) =>
        (Vector256.WidenLower(Vector128.Load(source).ToVector256Unsafe()) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadE4M3(byte* source) =>
        E4M3Decoding.Decode<BitLanes8, Vector256<uint>>(BitLanes8.LoadByte(in *source)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void TransposeLines(byte* source, long rowBytes, bool isBFloat16, float* destination, long stride)
    {
        long step = isBFloat16 ? 8 * stride : 4 * stride;
        for (int quad = 0; quad < 4; quad++, source += 16, destination += step)
        {
            LoadTransposed(
                source, rowBytes, out Vector256<float> c0, out Vector256<float> c1, out Vector256<float> c2, out Vector256<float> c3);
            StoreColumn(c0, isBFloat16, destination, stride, 0);
            StoreColumn(c1, isBFloat16, destination, stride, 1);
            StoreColumn(c2, isBFloat16, destination, stride, 2);
            StoreColumn(c3, isBFloat16, destination, stride, 3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddLines<TRows>(byte* source, long rowBytes, bool isBFloat16, float* a, ref RowSums<Vector256<float>> sums) where TRows : ICount
    {
        RowSums<Vector256<float>> held = sums;
        int step = TRows.Count * (isBFloat16 ? 2 : 1);
        for (int quad = 0; quad < 4; quad++, source += 16, a += 4 * step)
        {
            LoadTransposed(
                source, rowBytes, out Vector256<float> c0, out Vector256<float> c1, out Vector256<float> c2, out Vector256<float> c3);
            AddColumn<TRows>(c0, isBFloat16, a, ref held);
            AddColumn<TRows>(c1, isBFloat16, a + step, ref held);
            AddColumn<TRows>(c2, isBFloat16, a + 2 * step, ref held);
            AddColumn<TRows>(c3, isBFloat16, a + 3 * step, ref held);
        }
        sums = held;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) =>
        Vector256.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.Min(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> value) => Simd128.Sum(value.GetLower() + value.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadTransposed(
        byte* source, long rowBytes, out Vector256<float> column0, out Vector256<float> column1, out Vector256<float> column2,
        out Vector256<float> column3)
    {
        Vector256<float> row0 = LoadQuads(source, rowBytes);
        Vector256<float> row1 = LoadQuads(source + rowBytes, rowBytes);
        Vector256<float> row2 = LoadQuads(source + 2 * rowBytes, rowBytes);
        Vector256<float> row3 = LoadQuads(source + 3 * rowBytes, rowBytes);
        Vector256<double> low01 = Avx.UnpackLow(row0, row1).AsDouble();
        Vector256<double> low23 = Avx.UnpackLow(row2, row3).AsDouble();
        Vector256<double> high01 = Avx.UnpackHigh(row0, row1).AsDouble();
        Vector256<double> high23 = Avx.UnpackHigh(row2, row3).AsDouble();
        column0 = Avx.UnpackLow(low01, low23).AsSingle();
        column1 = Avx.UnpackHigh(low01, low23).AsSingle();
        column2 = Avx.UnpackLow(high01, high23).AsSingle();
        column3 = Avx.UnpackHigh(high01, high23).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> LoadQuads(byte* source, long rowBytes) =>
        Vector256.Create(Vector128.Load((float*)source), Vector128.Load((float*)(source + 4 * rowBytes)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddColumn<TRows>(Vector256<float> column, bool isBFloat16, float* a, ref RowSums<Vector256<float>> sums) where TRows : ICount
    {
        if (isBFloat16)
        {
            sums.Add<Simd256, TRows>((column.AsUInt32() << 16).AsSingle(), a);
            sums.Add<Simd256, TRows>((column.AsUInt32() & Vector256.Create(0xFFFF_0000u)).AsSingle(), a + TRows.Count);
        }
        else
        {
            sums.Add<Simd256, TRows>(column, a);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreColumn(Vector256<float> column, bool isBFloat16, float* destination, long stride, int index)
    {
        if (isBFloat16)
        {
            (column.AsUInt32() << 16).AsSingle().Store(destination + 2 * index * stride);
            (column.AsUInt32() & Vector256.Create(0xFFFF_0000u)).AsSingle().Store(destination + (2 * index + 1) * stride);
        }
        else
        {
            column.Store(destination + index * stride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(Vector256<float> value) => Simd128.MaxLane(Vector128.Max(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> GreaterThan(Vector256<float> a, Vector256<float> b) => Vector256.GreaterThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyGreaterThan(Vector256<float> a, Vector256<float> b) => Vector256.GreaterThanAny(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Select(Vector256<float> mask, Vector256<float> a, Vector256<float> b) =>
        Vector256.ConditionalSelect(mask, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ScaleByPowerOfTwo(Vector256<float> value, Vector256<float> shifted) =>
        (value.AsInt32() + (shifted.AsInt32() << 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Even, Vector256<float> Odd) Deinterleave(Vector256<float> a, Vector256<float> b)
    {
        Vector256<int> evenThenOdd = Vector256.Create(0, 2, 4, 6, 1, 3, 5, 7);
        Vector256<float> x = Vector256.Shuffle(a, evenThenOdd);
        Vector256<float> y = Vector256.Shuffle(b, evenThenOdd);
        return (Vector256.Create(x.GetLower(), y.GetLower()), Vector256.Create(x.GetUpper(), y.GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> A, Vector256<float> B) Interleave(Vector256<float> even, Vector256<float> odd)
    {
        Vector256<int> alternate = Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7);
        Vector256<float> x = Vector256.Create(even.GetLower(), odd.GetLower());
        Vector256<float> y = Vector256.Create(even.GetUpper(), odd.GetUpper());
        return (Vector256.Shuffle(x, alternate), Vector256.Shuffle(y, alternate));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(Vector256<float> value, ushort* destination)
    {
        Vector256<uint> bits = value.AsUInt32();
        Vector256<uint> even = (bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256.Create(1u))) >> 16;
        Vector256<uint> quiet = (bits >> 16) | Vector256.Create(0x40u);
        Vector256<uint> rounded = Vector256.ConditionalSelect(Vector256.Equals(value, value).AsUInt32(), even, quiet);
        Vector128.Narrow(rounded.GetLower(), rounded.GetUpper()).Store(destination);
    }
}
