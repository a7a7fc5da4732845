using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// The product of packed blocks that fit the second-level cache. One to three panels of the left factor stay in the first level while those of
/// the right factor stream past; ragged edges of the result go through a small temporary block.
/// </summary>
internal static unsafe class TiledBlock
{
    /// <summary>Rows that one call of a kernel computes at most.</summary>
    public const int MostRows = TileProductCode.MostRowTiles * TileShape.Rows;

    /// <summary>Starts (or continues) the sums of <paramref name="rows"/> x <paramref name="columns"/> elements of c over tiles of k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Multiply(
        TileKernelSet kernels, int rows, int columns, int innerTiles, PackedTiles left, PackedTiles right, float* c, long cStride, bool accumulates)
    {
        float* edge = stackalloc float[TileShape.Rows * TileShape.Rows];
        int atOnce = kernels.RowTilesAtOnce * TileShape.Rows;
        int wholeRows = rows / TileShape.Rows * TileShape.Rows, wholeColumns = columns / TileShape.Rows * TileShape.Rows;
        for (int i = 0; i < wholeRows; i += atOnce)
        {
            int rowTiles = Math.Min(atOnce, wholeRows - i) / TileShape.Rows;
            if (wholeColumns > 0) Call(rowTiles, i, 0, wholeColumns / TileShape.Rows, c + i * cStride, cStride);
            for (int tile = 0; tile < rowTiles && wholeColumns < columns; tile++) Edge(i + tile * TileShape.Rows, TileShape.Rows, wholeColumns);
        }

        int rest = rows - wholeRows, ragged = 0;
        if (rest > 0 && rest <= kernels.MostFewRows && wholeColumns > 0)
        {
            Call(0, wholeRows, 0, wholeColumns / TileShape.Rows, c + wholeRows * cStride, cStride, few: rest);
            ragged = wholeColumns;
        }

        for (int j = ragged; j < columns && rest > 0; j += TileShape.Rows) Edge(wholeRows, rest, j);

        void Call(int rowTiles, int i, int j, int panels, float* result, long stride, int few = 0)
        {
            byte* a = left.Tile(i / TileShape.Rows, 0);
            TileProductArguments arguments = new()
            {
                A0 = a,
                A1 = a + left.PanelBytes,
                A2 = a + 2 * left.PanelBytes,
                B = right.Tile(j / TileShape.Rows, 0),
                BSkip = right.PanelBytes - (long)innerTiles * TileShape.Bytes,
                Panels = panels,
                C = result,
                CStride = stride * sizeof(float),
                Tiles = innerTiles,
                Accumulates = accumulates ? 1 : 0,
            };
            if (few > 0) kernels.MultiplyFewRows(few, &arguments);
            else kernels.Multiply(rowTiles, &arguments);
        }

        void Edge(int i, int height, int j)
        {
            int width = Math.Min(TileShape.Rows, columns - j);
            float* block = c + i * cStride + j;
            if (accumulates) Copy(height, width, block, cStride, edge, TileShape.Rows);
            Call(1, i, j, 1, edge, TileShape.Rows);
            Copy(height, width, edge, TileShape.Rows, block, cStride);
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
