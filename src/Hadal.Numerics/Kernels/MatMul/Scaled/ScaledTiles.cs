using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>The scaled product of packed blocks on matrix tiles, block of 128 values of k by block.</summary>
internal static unsafe class ScaledTiles
{
    // Tiles in 128 values of k.
    private const int BlockTiles = Factor.ScaledInner / TileShape.Inner;

    // Columns whose sums stay in the first-level cache, beside the tiles that they come from and the result.
    private const int Columns = 4 * TileShape.Rows;

    /// <summary>So many tiles of k, or a few more: as many as whole scales have.</summary>
    public static int Whole(int innerTiles) => (innerTiles + BlockTiles - 1) / BlockTiles * BlockTiles;

    /// <summary>Starts (or continues) <paramref name="rows"/> x <paramref name="columns"/> elements of c.</summary>
    /// <param name="kernels">The tiles.</param>
    /// <param name="rows">Rows of the block.</param>
    /// <param name="columns">Columns of the block.</param>
    /// <param name="innerTiles">Tiles of k.</param>
    /// <param name="left">Rows, packed; of the last panel all.</param>
    /// <param name="right">Columns, packed; of the last panel all.</param>
    /// <param name="a">What <paramref name="left"/> was packed from, for its scales.</param>
    /// <param name="b">What <paramref name="right"/> was packed from.</param>
    /// <param name="c">First element of the result.</param>
    /// <param name="cStride">Floats from one row of the result to the next.</param>
    /// <param name="accumulates">Whether y starts at what c holds.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Multiply(
        TileKernelSet kernels, int rows, int columns, int innerTiles, PackedTiles left, PackedTiles right, Factor a, Factor b, float* c, long cStride,
        bool accumulates)
    {
        float* memory = stackalloc float[TiledBlock.MostRows * Columns + NativeBuffer.Alignment / sizeof(float)];
        float* sums = (float*)(((nuint)memory + NativeBuffer.Alignment - 1) & ~(nuint)(NativeBuffer.Alignment - 1));
        for (int i = 0; i < rows; i += TiledBlock.MostRows)
        {
            int height = Math.Min(TiledBlock.MostRows, rows - i), panelRows = TileShape.OuterTiles(height) * TileShape.Rows;
            for (int j = 0; j < columns; j += Columns)
            {
                int width = Math.Min(Columns, columns - j), panelColumns = TileShape.OuterTiles(width) * TileShape.Rows;
                for (int tile = 0; tile < innerTiles; tile += BlockTiles)
                {
                    // Whole panels, which zeros fill up: there is room for all sums here, so that no edge needs a way of its own.
                    TiledBlock.Multiply(
                        kernels, panelRows, panelColumns, Math.Min(BlockTiles, innerTiles - tile), left.From(i / TileShape.Rows, tile),
                        right.From(j / TileShape.Rows, tile), sums, Columns, accumulates: false);
                    long k = (long)tile * TileShape.Inner;
                    ScaledSums<Simd512, Vector512<float>>.Add(
                        height, width, sums, Columns, a.From(i, k).Scales, b.From(j, k).Scales, c + i * cStride + j, cStride,
                        fromZero: !accumulates && tile == 0);
                }
            }
        }
    }
}
