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
        for (int k = 0; k < columns; k += Block, values += Block, to += Block, scale++)
        {
            if (Avx512F.IsSupported && Ssse3.IsSupported) *scale = Wide(values, to);
            else if (Vector128.IsHardwareAccelerated) *scale = Vector(values, to);
            else *scale = Reference(values, to);
        }
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

    // A register for each half.
    private static ActivationScale Wide(float* values, sbyte* bytes)
    {
        Vector512<int> magnitude = Vector512.Create(0x7fff_ffff);
        Vector512<float> x = Vector512.Load(values), y = Vector512.Load(values + 16);
        Vector512<int> all = Vector512.Max(x.AsInt32() & magnitude, y.AsInt32() & magnitude);
        Vector256<int> half = Vector256.Max(all.GetLower(), all.GetUpper());
        Vector128<int> quarter = Vector128.Max(half.GetLower(), half.GetUpper());
        quarter = Vector128.Max(quarter, Vector128.Shuffle(quarter, Vector128.Create(2, 3, 0, 1)));
        quarter = Vector128.Max(quarter, Vector128.Shuffle(quarter, Vector128.Create(1, 0, 3, 2)));
        float maximum = quarter.AsSingle().ToScalar();
        if (!(maximum >= Smallest && float.IsFinite(maximum))) return Reference(values, bytes);

        Vector512<float> inverse = Vector512.Create(127 / maximum), rounding = Vector512.Create(Rounding);
        Vector512<int> offset = Vector512.Create(RoundingBits);
        Vector512<int> a = (x * inverse + rounding).AsInt32() - offset, b = (y * inverse + rounding).AsInt32() - offset;
        Avx512F.ConvertToVector128SByte(a).Store(bytes);
        Avx512F.ConvertToVector128SByte(b).Store(bytes + 16);
        Vector256<int> c = a.GetLower() + a.GetUpper(), d = b.GetLower() + b.GetUpper();
        Vector128<int> sums = Ssse3.HorizontalAdd(c.GetLower() + c.GetUpper(), d.GetLower() + d.GetUpper());
        sums = Ssse3.HorizontalAdd(sums, sums);
        return Of(maximum, sums.GetElement(0), sums.GetElement(1));
    }

    private static ActivationScale Vector(float* values, sbyte* bytes)
    {
        // Magnitudes order as their patterns do, and those of infinity and NaN are the largest.
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
}
