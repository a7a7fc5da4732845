using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>What 32 activations that were rounded to bytes share.</summary>
/// <param name="Scale">Factor of the bytes.</param>
/// <param name="NegativeSum">-Scale times the sum of the bytes, for weights with minima.</param>
/// <param name="First">Sum of the first 16 bytes.</param>
/// <param name="Second">Sum of the other 16; a pair of words with the first, which one instruction multiplies by biases and adds.</param>
/// <param name="MinusSum">Minus the sum of all.</param>
internal readonly record struct ActivationScale(float Scale, float NegativeSum, short First, short Second, int MinusSum);

/// <summary>
/// Rows of activations, rounded to signed bytes with a scale for each 32 columns: what all products with weights in ggml's blocks multiply.
/// Scale = max|x| / 127 and q = x · (127 / max|x|), to nearest even. Blocks whose maximum is below 2^-100 are zero; blocks with NaN or
/// infinity have the scale NaN, which makes every result that they take part in NaN.
/// </summary>
internal readonly unsafe struct QuantisedRows(sbyte* bytes, ActivationScale* scales, int columns)
{
    /// <summary>Columns that share a scale.</summary>
    public const int Block = 32;

    // Blocks that are rounded side by side in 512-bit registers.
    private const int WideBlocks = 4;

    // Below it 127 / maximum would leave F32.
    private const float Smallest = 7.888609e-31f;

    // Adding it leaves a number below 2^22 in the low bits, rounded to nearest even.
    private const float Rounding = 12_582_912;
    private const int RoundingBits = 0x4B40_0000;

    /// <summary>Floats of memory that rows take.</summary>
    public static long Length(long rows, long columns) => rows * columns / sizeof(float) + rows * (columns / Block) * sizeof(ActivationScale) / sizeof(float);

    /// <summary>Floats behind the last row that tiles, always of 16 rows, read too; what is there doesn't matter.</summary>
    public static long TilePadding(long rows, long columns) => rows <= PanelProduct.KernelRows ? 0 : (PanelLayout.Rows - 1) * columns / sizeof(float);

    /// <summary>Bytes, and scales, of rows in memory of <see cref="Length"/> floats, whose start is aligned.</summary>
    public static QuantisedRows In(float* memory, int rows, int columns) =>
        new((sbyte*)(memory + (long)rows * (columns / Block) * sizeof(ActivationScale) / sizeof(float)), (ActivationScale*)memory, columns);

    /// <summary>Bytes from one row to the next.</summary>
    public long Stride => columns;

    /// <summary>Scales from one row to the next.</summary>
    public long ScaleStride => columns / Block;

    /// <summary>The bytes of a row from a column on.</summary>
    public sbyte* Bytes(long row, long column) => bytes + row * columns + column;

    /// <summary>The scales of a row from a column on, a multiple of <see cref="Block"/>.</summary>
    public ActivationScale* Scales(long row, long column) => scales + row * (columns / Block) + column / Block;

    /// <summary>Rounds a row.</summary>
    public void Set(long row, float* values)
    {
        sbyte* to = Bytes(row, 0);
        ActivationScale* scale = Scales(row, 0);
        int k = 0;
        for (; Avx512F.IsSupported && k <= columns - WideBlocks * Block; k += WideBlocks * Block, values += WideBlocks * Block, to += WideBlocks * Block, scale += WideBlocks)
        {
            Wide(values, to, scale);
        }

        for (; k < columns; k += Block, values += Block, to += Block, scale++)
        {
            if (Vector128.IsHardwareAccelerated) *scale = Vector(values, to);
            else *scale = Reference(values, to);
        }
    }

    /// <summary>Takes a row of others of the same width.</summary>
    public void Copy(long row, QuantisedRows from, long source)
    {
        new ReadOnlySpan<sbyte>(from.Bytes(source, 0), columns).CopyTo(new Span<sbyte>(Bytes(row, 0), columns));
        new ReadOnlySpan<ActivationScale>(from.Scales(source, 0), columns / Block).CopyTo(new Span<ActivationScale>(Scales(row, 0), columns / Block));
    }

    /// <summary>The definition.</summary>
    public static ActivationScale Reference(float* values, sbyte* bytes)
    {
        float largest = 0;
        bool finite = true;
        for (int i = 0; i < Block; i++)
        {
            finite &= float.IsFinite(values[i]);
            largest = Math.Max(largest, Math.Abs(values[i]));
        }

        if (!finite || largest < Smallest)
        {
            new Span<sbyte>(bytes, Block).Clear();
            return new ActivationScale(finite ? 0 : float.NaN, finite ? 0 : float.NaN, 0, 0, 0);
        }

        float inverse = 127 / largest;
        int first = 0, second = 0;
        for (int i = 0; i < Block; i++)
        {
            bytes[i] = (sbyte)MathF.Round(values[i] * inverse);
            if (i < Block / 2) first += bytes[i];
            else second += bytes[i];
        }

        return Of(largest, first, second);
    }

    private static ActivationScale Of(float largest, int first, int second)
    {
        float scale = largest / 127;
        return new ActivationScale(scale, -(scale * (first + second)), (short)first, (short)second, -(first + second));
    }

    // Four blocks side by side: what is one number for each is computed for all four at once, rather than one waiting for the other.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Wide(float* values, sbyte* bytes, ActivationScale* scales)
    {
        Turn(Largest(values), Largest(values + Block), Largest(values + 2 * Block), Largest(values + 3 * Block), out Quad lanes);
        Vector128<float> maximum = Vector128.Max(Vector128.Max(lanes.A, lanes.B), Vector128.Max(lanes.C, lanes.D)).AsSingle();
        if (!Vector128.GreaterThanOrEqualAll(maximum, Vector128.Create(Smallest)) || !Vector128.LessThanOrEqualAll(maximum, Vector128.Create(float.MaxValue)))
        {
            for (int block = 0; block < WideBlocks; block++) scales[block] = Vector(values + block * Block, bytes + block * Block);
            return;
        }

        Vector128<float> inverse = Vector128.Create(127f) / maximum, scale = maximum / Vector128.Create(127f);
        Round(values, bytes, inverse[0], out Vector128<int> first0, out Vector128<int> second0);
        Round(values + Block, bytes + Block, inverse[1], out Vector128<int> first1, out Vector128<int> second1);
        Round(values + 2 * Block, bytes + 2 * Block, inverse[2], out Vector128<int> first2, out Vector128<int> second2);
        Round(values + 3 * Block, bytes + 3 * Block, inverse[3], out Vector128<int> first3, out Vector128<int> second3);
        Turn(first0, first1, first2, first3, out lanes);
        Vector128<int> first = lanes.A + lanes.B + (lanes.C + lanes.D);
        Turn(second0, second1, second2, second3, out lanes);
        Vector128<int> second = lanes.A + lanes.B + (lanes.C + lanes.D), sum = first + second;

        // A register for each kind of number becomes one for each block.
        Vector128<float> negativeSum = (scale * Vector128.ConvertToSingle(sum)) ^ Vector128.Create(-0f);
        Turn(scale.AsInt32(), negativeSum.AsInt32(), (first & Vector128.Create(0xffff)) | (second << 16), -sum, out lanes);
        lanes.A.Store((int*)scales);
        lanes.B.Store((int*)(scales + 1));
        lanes.C.Store((int*)(scales + 2));
        lanes.D.Store((int*)(scales + 3));
    }

    // Largest magnitudes of a block's columns, which order as their patterns do; those of infinity and NaN are the largest.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Largest(float* values)
    {
        Vector512<int> magnitude = Vector512.Create(0x7fff_ffff);
        Vector512<int> all = Vector512.Max(Vector512.Load((int*)values) & magnitude, Vector512.Load((int*)values + Block / 2) & magnitude);
        Vector256<int> half = Vector256.Max(all.GetLower(), all.GetUpper());
        return Vector128.Max(half.GetLower(), half.GetUpper());
    }

    // Stores a block's bytes. Four numbers add up to the sum of those of its first half, four to that of the second.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(float* values, sbyte* bytes, float inverse, out Vector128<int> first, out Vector128<int> second)
    {
        Vector512<float> factor = Vector512.Create(inverse), rounding = Vector512.Create(Rounding);
        Vector512<int> offset = Vector512.Create(RoundingBits);
        Vector512<int> a = (Vector512.Load(values) * factor + rounding).AsInt32() - offset, b = (Vector512.Load(values + Block / 2) * factor + rounding).AsInt32() - offset;
        Avx512F.ConvertToVector128SByte(a).Store(bytes);
        Avx512F.ConvertToVector128SByte(b).Store(bytes + Block / 2);
        Vector256<int> c = a.GetLower() + a.GetUpper(), d = b.GetLower() + b.GetUpper();
        (first, second) = (c.GetLower() + c.GetUpper(), d.GetLower() + d.GetUpper());
    }

    // Rows become columns.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn(Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d, out Quad turned)
    {
        Vector128<long> ab = Sse2.UnpackLow(a, b).AsInt64(), cd = Sse2.UnpackLow(c, d).AsInt64();
        Vector128<long> abHigh = Sse2.UnpackHigh(a, b).AsInt64(), cdHigh = Sse2.UnpackHigh(c, d).AsInt64();
        turned.A = Sse2.UnpackLow(ab, cd).AsInt32();
        turned.B = Sse2.UnpackHigh(ab, cd).AsInt32();
        turned.C = Sse2.UnpackLow(abHigh, cdHigh).AsInt32();
        turned.D = Sse2.UnpackHigh(abHigh, cdHigh).AsInt32();
    }

    private static ActivationScale Vector(float* values, sbyte* bytes)
    {
        Vector128<int> magnitude = Vector128.Create(0x7fff_ffff), largest = Vector128<int>.Zero;
        for (int i = 0; i < Block; i += 4) largest = Vector128.Max(largest, Vector128.Load((int*)values + i) & magnitude);
        largest = Vector128.Max(largest, Vector128.Shuffle(largest, Vector128.Create(2, 3, 0, 1)));
        float maximum = BitConverter.Int32BitsToSingle(Math.Max(largest[0], largest[1]));
        if (!(maximum >= Smallest && float.IsFinite(maximum))) return Reference(values, bytes);

        Vector128<float> inverse = Vector128.Create(127 / maximum), rounding = Vector128.Create(Rounding);
        Vector128<int> offset = Vector128.Create(RoundingBits), sums = Vector128<int>.Zero, firstSums = Vector128<int>.Zero;
        for (int half = 0; half < 2; half++, values += 16, bytes += 16)
        {
            Vector128<int> a = (Vector128.Load(values) * inverse + rounding).AsInt32() - offset;
            Vector128<int> b = (Vector128.Load(values + 4) * inverse + rounding).AsInt32() - offset;
            Vector128<int> c = (Vector128.Load(values + 8) * inverse + rounding).AsInt32() - offset;
            Vector128<int> d = (Vector128.Load(values + 12) * inverse + rounding).AsInt32() - offset;
            firstSums = sums;
            sums = a + b + (c + d);
            Vector128.Narrow(Vector128.Narrow(a, b), Vector128.Narrow(c, d)).Store(bytes);
        }

        return Of(maximum, Vector128.Sum(firstSums), Vector128.Sum(sums));
    }

    private struct Quad
    {
        public Vector128<int> A, B, C, D;
    }
}
