using System.Runtime.CompilerServices;
namespace Hadal.Numerics;

/// <summary>
/// The product of packed blocks that fit the second-level cache. Two panels of the left factor stay in the first level while those of
/// the right factor stream past; ragged edges of the result go through a small temporary block.
/// </summary>
internal static unsafe class TiledBlock
{
    // Rows and columns that one call of the kernel computes.
    private const int Side = 2 * TileShape.Rows;

    /// <summary>Starts (or continues) the sums of <paramref name="rows"/> x <paramref name="columns"/> elements of c over tiles of k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Multiply(
        TileKernelSet kernels, int rows, int columns, int innerTiles, PackedTiles left, PackedTiles right, float* c, long cStride, bool accumulates)
    {
        float* edge = stackalloc float[Side * Side];
        TileProductArguments arguments = new() { Tiles = innerTiles, Accumulates = accumulates ? 1 : 0 };
        for (int i = 0; i < rows; i += Side)
        {
            int height = Math.Min(Side, rows - i), rowTiles = TileShape.OuterTiles(height);
            arguments.A0 = left.Tile(i / TileShape.Rows, 0);
            arguments.A1 = arguments.A0 + left.PanelBytes;
            for (int j = 0; j < columns; j += Side)
            {
                int width = Math.Min(Side, columns - j), columnTiles = TileShape.OuterTiles(width);
                arguments.B0 = right.Tile(j / TileShape.Rows, 0);
                arguments.B1 = arguments.B0 + right.PanelBytes;
                float* block = c + i * cStride + j;
                if (height == rowTiles * TileShape.Rows && width == columnTiles * TileShape.Rows)
                {
                    arguments.C = block;
                    arguments.CStride = cStride * sizeof(float);
                    kernels.Multiply(rowTiles, columnTiles, &arguments);
                }
                else
                {
                    if (accumulates) Copy(height, width, block, cStride, edge, Side);
                    arguments.C = edge;
                    arguments.CStride = Side * sizeof(float);
                    kernels.Multiply(rowTiles, columnTiles, &arguments);
                    Copy(height, width, edge, Side, block, cStride);
                }
            }
        }
    }

    private static void Copy(int rows, int columns, float* source, long sourceStride, float* destination, long destinationStride)
    {
        for (int i = 0; i < rows; i++, source += sourceStride, destination += destinationStride)
        {
            new ReadOnlySpan<float>(source, columns).CopyTo(new Span<float>(destination, columns));
        }
    }
}
