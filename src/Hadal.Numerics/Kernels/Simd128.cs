using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>Four lanes: SSE and AdvSimd.</summary>
internal readonly unsafe struct Simd128 : ISimd<Vector128<float>>
{
    public static int Lanes => 4;

    public static Vector128<float> Zero => Vector128<float>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadBFloat16(ushort* source) =>
        (Vector128.WidenLower(Vector64.Load(source).ToVector128Unsafe()) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadE4M3(byte* source) =>
        E4M3Decoding.Decode<BitLanes4, Vector128<uint>>(BitLanes4.LoadByte(in *source)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void TransposeLines(byte* source, long rowBytes, bool isBFloat16, float* destination, long stride)
    {
        long step = isBFloat16 ? 8 * stride : 4 * stride;
        for (int quad = 0; quad < 4; quad++, source += 16, destination += step)
        {
            LoadTransposed(
                source, rowBytes, out Vector128<float> c0, out Vector128<float> c1, out Vector128<float> c2, out Vector128<float> c3);
            StoreColumn(c0, isBFloat16, destination, stride, 0);
            StoreColumn(c1, isBFloat16, destination, stride, 1);
            StoreColumn(c2, isBFloat16, destination, stride, 2);
            StoreColumn(c3, isBFloat16, destination, stride, 3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddLines<TRows>(byte* source, long rowBytes, bool isBFloat16, float* a, ref RowSums<Vector128<float>> sums) where TRows : ICount
    {
        RowSums<Vector128<float>> held = sums;
        int step = TRows.Count * (isBFloat16 ? 2 : 1);
        for (int quad = 0; quad < 4; quad++, source += 16, a += 4 * step)
        {
            LoadTransposed(
                source, rowBytes, out Vector128<float> c0, out Vector128<float> c1, out Vector128<float> c2, out Vector128<float> c3);
            AddColumn<TRows>(c0, isBFloat16, a, ref held);
            AddColumn<TRows>(c1, isBFloat16, a + step, ref held);
            AddColumn<TRows>(c2, isBFloat16, a + 2 * step, ref held);
            AddColumn<TRows>(c3, isBFloat16, a + 3 * step, ref held);
        }
        sums = held;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) =>
        Vector128.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => Vector128.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Min(Vector128<float> a, Vector128<float> b) => Vector128.Min(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> value)
    {
        Vector128<float> pairs = value + Vector128.Shuffle(value, Vector128.Create(2, 3, 0, 1));
        return pairs.ToScalar() + pairs.GetElement(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadTransposed(
        byte* source, long rowBytes, out Vector128<float> column0, out Vector128<float> column1, out Vector128<float> column2,
        out Vector128<float> column3)
    {
        Vector128<float> row0 = Load((float*)source);
        Vector128<float> row1 = Load((float*)(source + rowBytes));
        Vector128<float> row2 = Load((float*)(source + 2 * rowBytes));
        Vector128<float> row3 = Load((float*)(source + 3 * rowBytes));
        Vector128<float> low01 = InterleaveLower(row0, row1);
        Vector128<float> low23 = InterleaveLower(row2, row3);
        Vector128<float> high01 = InterleaveUpper(row0, row1);
        Vector128<float> high23 = InterleaveUpper(row2, row3);
        column0 = Vector128.Create(low01.GetLower(), low23.GetLower());
        column1 = Vector128.Create(low01.GetUpper(), low23.GetUpper());
        column2 = Vector128.Create(high01.GetLower(), high23.GetLower());
        column3 = Vector128.Create(high01.GetUpper(), high23.GetUpper());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddColumn<TRows>(Vector128<float> column, bool isBFloat16, float* a, ref RowSums<Vector128<float>> sums) where TRows : ICount
    {
        if (isBFloat16)
        {
            sums.Add<Simd128, TRows>((column.AsUInt32() << 16).AsSingle(), a);
            sums.Add<Simd128, TRows>((column.AsUInt32() & Vector128.Create(0xFFFF_0000u)).AsSingle(), a + TRows.Count);
        }
        else
        {
            sums.Add<Simd128, TRows>(column, a);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreColumn(Vector128<float> column, bool isBFloat16, float* destination, long stride, int index)
    {
        if (isBFloat16)
        {
            (column.AsUInt32() << 16).AsSingle().Store(destination + 2 * index * stride);
            (column.AsUInt32() & Vector128.Create(0xFFFF_0000u)).AsSingle().Store(destination + (2 * index + 1) * stride);
        }
        else
        {
            column.Store(destination + index * stride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveLower(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveUpper(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(Vector128<float> value)
    {
        Vector128<float> pairs = Vector128.Max(value, Vector128.Shuffle(value, Vector128.Create(2, 3, 0, 1)));
        return MathF.Max(pairs.ToScalar(), pairs.GetElement(1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> GreaterThan(Vector128<float> a, Vector128<float> b) => Vector128.GreaterThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyGreaterThan(Vector128<float> a, Vector128<float> b) => Vector128.GreaterThanAny(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Select(Vector128<float> mask, Vector128<float> a, Vector128<float> b) =>
        Vector128.ConditionalSelect(mask, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ScaleByPowerOfTwo(Vector128<float> value, Vector128<float> shifted) =>
        (value.AsInt32() + (shifted.AsInt32() << 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> Even, Vector128<float> Odd) Deinterleave(Vector128<float> a, Vector128<float> b)
    {
        Vector128<float> x = Vector128.Shuffle(a, Vector128.Create(0, 2, 1, 3));
        Vector128<float> y = Vector128.Shuffle(b, Vector128.Create(0, 2, 1, 3));
        return (Vector128.Create(x.GetLower(), y.GetLower()), Vector128.Create(x.GetUpper(), y.GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> A, Vector128<float> B) Interleave(Vector128<float> even, Vector128<float> odd)
    {
        Vector128<float> x = Vector128.Create(even.GetLower(), odd.GetLower());
        Vector128<float> y = Vector128.Create(even.GetUpper(), odd.GetUpper());
        return (Vector128.Shuffle(x, Vector128.Create(0, 2, 1, 3)), Vector128.Shuffle(y, Vector128.Create(0, 2, 1, 3)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(Vector128<float> value, ushort* destination)
    {
        Vector128<uint> bits = value.AsUInt32();
        Vector128<uint> even = (bits + Vector128.Create(0x7FFFu) + ((bits >> 16) & Vector128.Create(1u))) >> 16;
        Vector128<uint> quiet = (bits >> 16) | Vector128.Create(0x40u);
        Vector128<uint> rounded = Vector128.ConditionalSelect(Vector128.Equals(value, value).AsUInt32(), even, quiet);
        Vector128.Narrow(rounded, rounded).GetLower().Store(destination);
    }
}
