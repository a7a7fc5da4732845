using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>The product of packed blocks of up to 128 values of k on matrix tiles.</summary>
internal static unsafe class ScaledTiles
{
    /// <summary>Tiles in 128 values of k.</summary>
    public const int InnerTiles = Factor.ScaledInner / TileShape.Inner;

    // Columns whose sums stay in the first-level cache, beside the tiles that they come from.
    private const int Columns = 4 * TileShape.Rows;

    /// <summary>Starts (or continues) <paramref name="rows"/> x <paramref name="columns"/> elements of c.</summary>
    /// <param name="kernels">The tiles.</param>
    /// <param name="rows">Rows of the block.</param>
    /// <param name="columns">Columns of the block.</param>
    /// <param name="innerTiles">Tiles of k, at most <see cref="InnerTiles"/>.</param>
    /// <param name="left">Rows, packed; of the last panel all.</param>
    /// <param name="right">Columns, packed; of the last panel all.</param>
    /// <param name="a">A scale for each row.</param>
    /// <param name="b">A scale for each column.</param>
    /// <param name="c">First element of the result.</param>
    /// <param name="cStride">Floats from one row of the result to the next.</param>
    /// <param name="accumulates">Whether y starts at what c holds.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Multiply(
        TileKernelSet kernels, int rows, int columns, int innerTiles, PackedTiles left, PackedTiles right, float* a, float* b, float* c, long cStride,
        bool accumulates)
    {
        float* memory = stackalloc float[TiledBlock.MostRows * Columns + NativeBuffer.Alignment / sizeof(float)];
        float* sums = (float*)(((nuint)memory + NativeBuffer.Alignment - 1) & ~(nuint)(NativeBuffer.Alignment - 1));
        for (int i = 0; i < rows; i += TiledBlock.MostRows)
        {
            int height = Math.Min(TiledBlock.MostRows, rows - i);
            for (int j = 0; j < columns; j += Columns)
            {
                // Whole panels, which zeros fill up: there is room for all sums here, so that no edge needs a way of its own.
                int width = Math.Min(Columns, columns - j);
                TiledBlock.Multiply(
                    kernels, TileShape.OuterTiles(height) * TileShape.Rows, TileShape.OuterTiles(width) * TileShape.Rows, innerTiles,
                    left.From(i / TileShape.Rows, 0), right.From(j / TileShape.Rows, 0), sums, Columns, accumulates: false);
                ScaledSums<Simd512, Vector512<float>>.Add(height, width, sums, Columns, a + i, b + j, c + i * cStride + j, cStride, fromZero: !accumulates);
            }
        }
    }
}
