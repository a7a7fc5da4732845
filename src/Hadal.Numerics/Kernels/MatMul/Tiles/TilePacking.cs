using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hadal.Numerics;

/// <summary>
/// Brings rectangles of a factor into tiles. Tiles that the factor fills only in part are packed from a small copy that zeros fill up:
/// zero times zero adds nothing in k, and rows and columns beyond the result are thrown away.
/// </summary>
internal static unsafe class TilePacking
{
    /// <summary>Packs <paramref name="count"/> x <paramref name="inner"/> elements (i, k) from the factor's first on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Pack(TileKernelSet kernels, Factor factor, bool isLeft, int count, int inner, PackedTiles destination)
    {
        int panels = count / TileShape.Rows, innerTiles = inner / TileShape.Inner;
        if (factor.IsInnerAdjacent)
        {
            for (int panel = 0; panel < panels; panel++)
            {
                PackRun(kernels, factor.From(panel * TileShape.Rows, 0), isLeft, destination.Tile(panel, 0), destination.TileBytes, innerTiles);
            }
        }
        else
        {
            for (int tile = 0; tile < innerTiles; tile++)
            {
                PackRun(kernels, factor.From(0, tile * TileShape.Inner), isLeft, destination.Tile(0, tile), destination.PanelBytes, panels);
            }
        }

        int restCount = count - panels * TileShape.Rows, restInner = inner - innerTiles * TileShape.Inner;
        for (int panel = 0; panel < panels && restInner > 0; panel++) PackEdge(panel, innerTiles, TileShape.Rows, restInner);
        for (int tile = 0; tile < innerTiles && restCount > 0; tile++) PackEdge(panels, tile, restCount, TileShape.Inner);
        if (restCount > 0 && restInner > 0) PackEdge(panels, innerTiles, restCount, restInner);

        void PackEdge(int panel, int tile, int present, int presentInner) => PackPart(
            kernels, factor.From(panel * TileShape.Rows, tile * TileShape.Inner), isLeft, present, presentInner, destination.Tile(panel, tile));
    }

    private static void PackRun(TileKernelSet kernels, Factor factor, bool isLeft, byte* tiles, long tileStride, int count)
    {
        if (count == 0) return;
        TilePackingArguments arguments = new()
        {
            Source = factor.Data,
            SourceStride = factor.RowBytes,
            Tiles = tiles,
            TileStride = tileStride,
            Count = count,
        };
        kernels.Pack(factor, isLeft, &arguments);
    }

    private static void PackPart(TileKernelSet kernels, Factor factor, bool isLeft, int present, int presentInner, byte* tile)
    {
        byte* copy = stackalloc byte[TileShape.Rows * TileShape.Inner * sizeof(float)];
        NativeMemory.Clear(copy, TileShape.Rows * TileShape.Inner * sizeof(float));
        int elementBytes = factor.IsBFloat16 ? sizeof(ushort) : sizeof(float);
        int rowBytes = elementBytes * (factor.IsInnerAdjacent ? TileShape.Inner : TileShape.Rows);
        int presentBytes = elementBytes * (factor.IsInnerAdjacent ? presentInner : present);
        int rows = factor.IsInnerAdjacent ? present : presentInner;
        for (int row = 0; row < rows; row++)
        {
            NativeMemory.Copy(factor.Data + row * factor.RowBytes, copy + row * rowBytes, (nuint)presentBytes);
        }

        TilePackingArguments arguments = new() { Source = copy, SourceStride = rowBytes, Tiles = tile, TileStride = 0, Count = 1 };
        kernels.Pack(factor, isLeft, &arguments);
    }
}
