using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>Copies of rows in the layouts that the tile products read.</summary>
internal static unsafe class AttentionPacking
{
    /// <summary>
    /// Keys in a block. Blocks lie at multiples of it from key 0, whatever the call: the order of the softmax depends on it.
    /// </summary>
    public const int BlockKeys = 64;

    /// <summary>
    /// Elements between rows of a tile of padded rows. One cache line more than a multiple of two, because rows a power of two apart
    /// would share few sets of the cache.
    /// </summary>
    public static int SpreadStride(int columns) => (columns + 31) / 32 * 32 + 16;

    /// <summary>Writes a row and zeros behind it up to <paramref name="padded"/> elements.</summary>
    public static void CopyRow(float* source, float* destination, int length, int padded)
    {
        Unsafe.CopyBlockUnaligned(destination, source, (uint)length * sizeof(float));
        for (int i = length; i < padded; i++) destination[i] = 0;
    }

    /// <summary>Asks for rows that will be read soon. Rows of one head lie pages apart, where no hardware prefetcher follows.</summary>
    public static void Prefetch(byte* source, nint stride, int rows, int length)
    {
        if (!Sse.IsSupported) return;
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; i < length; i += NativeBuffer.Alignment) Sse.Prefetch1(source + row * stride + i);
        }
    }

    /// <summary>
    /// Writes <paramref name="rows"/> rows of <paramref name="depth"/> elements as columns of <c>destination[depth, step]</c>, so
    /// that one vector holds one component of neighbouring rows. The columns up to <paramref name="padded"/> become zero.
    /// </summary>
    public static void Transpose(float* source, nint stride, float* destination, nint step, int rows, int depth, int padded)
    {
        int row = 0;
        if (Avx.IsSupported)
        {
            for (; row + 8 <= rows; row += 8) TransposeEight(source + row * stride, stride, destination + row, step, depth);
        }

        for (; row + 4 <= rows; row += 4) TransposeFour(source + row * stride, stride, destination + row, step, depth);
        for (; row < rows; row++)
        {
            for (int d = 0; d < depth; d++) destination[d * step + row] = source[row * stride + d];
        }

        for (; row < padded; row++)
        {
            for (int d = 0; d < depth; d++) destination[d * step + row] = 0;
        }
    }

    // Two transpositions of 4x4 at once, rows 0 to 3 in the lower halves of the registers and rows 4 to 7 in the upper.
    private static void TransposeEight(float* source, nint stride, float* destination, nint step, int depth)
    {
        int d = 0;
        for (; d + 4 <= depth; d += 4)
        {
            float* s = source + d;
            Vector256<float> v0 = LoadPair(s, stride), v1 = LoadPair(s + stride, stride);
            Vector256<float> v2 = LoadPair(s + 2 * stride, stride), v3 = LoadPair(s + 3 * stride, stride);
            Vector256<float> even0 = Avx.UnpackLow(v0, v2), even1 = Avx.UnpackHigh(v0, v2);
            Vector256<float> odd0 = Avx.UnpackLow(v1, v3), odd1 = Avx.UnpackHigh(v1, v3);
            float* columns = destination + d * step;
            Avx.UnpackLow(even0, odd0).Store(columns);
            Avx.UnpackHigh(even0, odd0).Store(columns + step);
            Avx.UnpackLow(even1, odd1).Store(columns + 2 * step);
            Avx.UnpackHigh(even1, odd1).Store(columns + 3 * step);
        }

        for (; d < depth; d++)
        {
            for (int row = 0; row < 8; row++) destination[d * step + row] = source[row * stride + d];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> LoadPair(float* source, nint stride) =>
        Vector256.Create(Vector128.Load(source), Vector128.Load(source + 4 * stride));

    private static void TransposeFour(float* source, nint stride, float* destination, nint step, int depth)
    {
        float* r1 = source + stride;
        float* r2 = r1 + stride;
        float* r3 = r2 + stride;
        int d = 0;
        if (Sse.IsSupported || AdvSimd.Arm64.IsSupported)
        {
            for (; d + 4 <= depth; d += 4)
            {
                Vector128<float> v0 = Vector128.Load(source + d), v1 = Vector128.Load(r1 + d);
                Vector128<float> v2 = Vector128.Load(r2 + d), v3 = Vector128.Load(r3 + d);
                (Vector128<float> even0, Vector128<float> even1) = Zip(v0, v2);
                (Vector128<float> odd0, Vector128<float> odd1) = Zip(v1, v3);
                (Vector128<float> c0, Vector128<float> c1) = Zip(even0, odd0);
                (Vector128<float> c2, Vector128<float> c3) = Zip(even1, odd1);
                float* columns = destination + d * step;
                c0.Store(columns);
                c1.Store(columns + step);
                c2.Store(columns + 2 * step);
                c3.Store(columns + 3 * step);
            }
        }

        for (; d < depth; d++)
        {
            float* column = destination + d * step;
            column[0] = source[d];
            column[1] = r1[d];
            column[2] = r2[d];
            column[3] = r3[d];
        }
    }

    // a0 b0 a1 b1 and a2 b2 a3 b3
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<float> Low, Vector128<float> High) Zip(Vector128<float> a, Vector128<float> b) => Sse.IsSupported
        ? (Sse.UnpackLow(a, b), Sse.UnpackHigh(a, b))
        : (AdvSimd.Arm64.ZipLow(a, b), AdvSimd.Arm64.ZipHigh(a, b));
}
