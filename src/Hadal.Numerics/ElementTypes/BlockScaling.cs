using System.Numerics;
using System.Runtime.InteropServices;

namespace Hadal.Numerics;

/// <summary>
/// E4M3 with one F32 scale per block, as DeepSeek-V3's checkpoints and FP8 kernels have it (2412.19437, section 3.3.2): weights in
/// blocks of 128x128, activations in 1x128. The stored factor is the one that a value is multiplied with when it is read back.
/// </summary>
/// <remarks>
/// A tensor of more than 2^31 elements is handled in calls of <c>blockRows</c> rows (or a multiple): those rows, and their row of scales.
/// The last block of a row or a column may be partial.
/// </remarks>
public static class BlockScaling
{
    /// <summary>Rows and columns of a block in released checkpoints.</summary>
    public const int ReleasedBlock = 128;

    // The smallest magnitude that activation scales are made for; keeps rows of zeros away from a scale of zero.
    private const float SmallestActivationMaximum = 1e-4f;

    /// <summary>Number of blocks that <paramref name="length"/> rows or columns take.</summary>
    public static long BlockCount(long length, int block) => length / block + (length % block == 0 ? 0 : 1);

    /// <summary>Reads a block-scaled matrix: value = E4M3 * scale of its block, rounded once to F32.</summary>
    /// <param name="e4m3">The rows, adjacent.</param>
    /// <param name="scaleInv">One factor per block, ceil(rows / blockRows) x ceil(columns / blockColumns), rows adjacent.</param>
    /// <param name="rows">Rows of the matrix, or of the part that this call reads.</param>
    /// <param name="columns">Elements in a row.</param>
    /// <param name="blockRows">Rows of a block.</param>
    /// <param name="blockColumns">Columns of a block.</param>
    /// <param name="destination">Takes rows x columns values.</param>
    /// <exception cref="ArgumentException">A span's length doesn't match the sizes.</exception>
    public static void Dequantise(
        ReadOnlySpan<byte> e4m3, ReadOnlySpan<float> scaleInv, int rows, int columns, int blockRows, int blockColumns,
        Span<float> destination)
    {
        int scaleColumns = RequireSizes(rows, columns, blockRows, blockColumns, destination.Length, e4m3.Length, scaleInv.Length);
        ReadOnlySpan<float> values = Float8E4M3.Values;
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> rowScales = scaleInv.Slice(row / blockRows * scaleColumns, scaleColumns);
            for (int block = 0; block < scaleColumns; block++)
            {
                int start = block * blockColumns;
                int count = Math.Min(blockColumns, columns - start);
                ReadOnlySpan<byte> from = e4m3.Slice(row * columns + start, count);
                Span<float> to = destination.Slice(row * columns + start, count);
                float scale = rowScales[block];
                for (int i = 0; i < to.Length; i++) to[i] = values[from[i]] * scale;
            }
        }
    }

    /// <summary>
    /// Writes a matrix as E4M3 with scale = max|w| / 448 per block and q = w / scale, rounded to nearest even and saturating. A block of
    /// zeros gets scale 1. NaNs and infinities don't count for the scale; a NaN stays NaN and an infinity becomes the block's maximum.
    /// </summary>
    /// <param name="source">The rows, adjacent.</param>
    /// <param name="rows">Rows of the matrix, or of the part that this call writes.</param>
    /// <param name="columns">Elements in a row.</param>
    /// <param name="blockRows">Rows of a block.</param>
    /// <param name="blockColumns">Columns of a block.</param>
    /// <param name="e4m3">Takes rows x columns bytes.</param>
    /// <param name="scaleInv">Takes one factor per block, ceil(rows / blockRows) x ceil(columns / blockColumns).</param>
    /// <exception cref="ArgumentException">A span's length doesn't match the sizes.</exception>
    public static void Quantise(
        ReadOnlySpan<float> source, int rows, int columns, int blockRows, int blockColumns, Span<byte> e4m3, Span<float> scaleInv)
    {
        int scaleColumns = RequireSizes(rows, columns, blockRows, blockColumns, source.Length, e4m3.Length, scaleInv.Length);
        for (int top = 0; top < rows; top += Math.Min(blockRows, rows - top))
        {
            int bottom = top + Math.Min(blockRows, rows - top);
            for (int block = 0; block < scaleColumns; block++)
            {
                int start = block * blockColumns;
                int count = Math.Min(blockColumns, columns - start);
                float maximum = 0;
                for (int row = top; row < bottom; row++)
                {
                    maximum = Math.Max(maximum, LargestFiniteMagnitude(source.Slice(row * columns + start, count)));
                }

                // Also taken where max|w| / 448 underflows: everything there rounds to zero.
                float scale = maximum / Float8E4M3.MaxValue;
                if (scale == 0) scale = 1;
                scaleInv[top / blockRows * scaleColumns + block] = scale;
                for (int row = top; row < bottom; row++)
                {
                    DivideAndRound(source.Slice(row * columns + start, count), scale, e4m3.Slice(row * columns + start, count));
                }
            }
        }
    }

    /// <summary>
    /// Writes activations as E4M3 with one scale per row and <paramref name="blockColumns"/> columns: scale = max(max|x|, 1e-4) / 448,
    /// q = x / scale, rounded to nearest even and saturating. NaNs and infinities are treated as in <see cref="Quantise"/>.
    /// </summary>
    /// <param name="source">The rows, adjacent.</param>
    /// <param name="rows">Rows of the matrix.</param>
    /// <param name="columns">Elements in a row.</param>
    /// <param name="blockColumns">Columns that share a scale.</param>
    /// <param name="powerOfTwoScales">Whether a scale is rounded up to a power of two (the format ue8m0).</param>
    /// <param name="e4m3">Takes rows x columns bytes.</param>
    /// <param name="scales">Takes rows x ceil(columns / blockColumns) factors.</param>
    /// <exception cref="ArgumentException">A span's length doesn't match the sizes.</exception>
    public static void QuantiseActivations(
        ReadOnlySpan<float> source, int rows, int columns, int blockColumns, bool powerOfTwoScales, Span<byte> e4m3, Span<float> scales)
    {
        int scaleColumns = RequireSizes(rows, columns, 1, blockColumns, source.Length, e4m3.Length, scales.Length);
        for (int row = 0; row < rows; row++)
        {
            for (int block = 0; block < scaleColumns; block++)
            {
                int start = block * blockColumns;
                int count = Math.Min(blockColumns, columns - start);
                ReadOnlySpan<float> values = source.Slice(row * columns + start, count);
                float scale = Math.Max(LargestFiniteMagnitude(values), SmallestActivationMaximum) / Float8E4M3.MaxValue;
                if (powerOfTwoScales) scale = RoundUpToPowerOfTwo(scale);
                scales[row * scaleColumns + block] = scale;
                DivideAndRound(values, scale, e4m3.Slice(row * columns + start, count));
            }
        }
    }

    // Any set mantissa bit carries into the exponent. The argument is normal, never subnormal: it is at least 1e-4 / 448.
    private static float RoundUpToPowerOfTwo(float value) =>
        BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(value) + 0x007f_ffff) & 0xff80_0000);

    // Magnitudes order as their patterns do, and integers have no order of NaNs to think of.
    private static float LargestFiniteMagnitude(ReadOnlySpan<float> values)
    {
        ReadOnlySpan<int> bits = MemoryMarshal.Cast<float, int>(values);
        Vector<int> magnitudeMask = new(0x7fff_ffff);
        Vector<int> infinity = new(0x7f80_0000);
        Vector<int> lanes = Vector<int>.Zero;
        int i = 0;
        for (; i <= bits.Length - Vector<int>.Count; i += Vector<int>.Count)
        {
            Vector<int> magnitude = new Vector<int>(bits.Slice(i)) & magnitudeMask;
            lanes = Vector.Max(lanes, magnitude & Vector.LessThan(magnitude, infinity));
        }

        int largest = 0;
        for (int lane = 0; lane < Vector<int>.Count; lane++) largest = Math.Max(largest, lanes[lane]);
        for (; i < bits.Length; i++)
        {
            int magnitude = bits[i] & 0x7fff_ffff;
            if (magnitude < 0x7f80_0000) largest = Math.Max(largest, magnitude);
        }

        return BitConverter.Int32BitsToSingle(largest);
    }

    private static void DivideAndRound(ReadOnlySpan<float> source, float scale, Span<byte> e4m3)
    {
        Span<float> quotients = stackalloc float[ReleasedBlock];
        for (int start = 0; start < source.Length; start += quotients.Length)
        {
            ReadOnlySpan<float> part = source.Slice(start, Math.Min(quotients.Length, source.Length - start));
            for (int i = 0; i < part.Length; i++) quotients[i] = part[i] / scale;
            ElementConversion.FromSingle(ElementType.F8E4M3, quotients[..part.Length], e4m3.Slice(start, part.Length));
        }
    }

    private static int RequireSizes(int rows, int columns, int blockRows, int blockColumns, int values, int bytes, int scales)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockRows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockColumns);
        long elements = (long)rows * columns;
        long scaleColumns = BlockCount(columns, blockColumns);
        long blocks = BlockCount(rows, blockRows) * scaleColumns;
        if (values != elements || bytes != elements || scales != blocks)
        {
            throw new ArgumentException(
                $"{rows}x{columns} in blocks of {blockRows}x{blockColumns} takes {elements} elements and {blocks} scales, " +
                $"found {values} values, {bytes} bytes and {scales} scales");
        }

        return (int)scaleColumns;
    }
}
