using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// The product of two packed blocks that fit the caches: loops over tiles, and brings ragged edges through a small temporary tile.
/// </summary>
internal static unsafe class PackedBlock<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    /// <summary>
    /// Continues (or starts) the sums of <paramref name="rows"/> x <paramref name="columns"/> elements of c. A panel of a stays in L1
    /// while the panels of b stream from L2.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Multiply(
        int rows, int columns, int inner, float* a, int aWidth, float* b, float* c, long cStride, bool fromZero)
    {
        int tileColumns = TileKernel<TSimd, TVector>.Columns;
        float* edge = stackalloc float[aWidth * tileColumns];
        int tiles = (columns + tileColumns - 1) / tileColumns;
        int slice = (int)((long)aWidth * inner * sizeof(float) / CacheLines.Size / tiles) + 1;
        for (int i = 0; i < rows; i += aWidth, a += (long)aWidth * inner)
        {
            byte* nextPanel = i + aWidth < rows ? (byte*)(a + (long)aWidth * inner) : null;
            int height = Math.Min(aWidth, rows - i);
            float* panel = b;
            for (int j = 0; j < columns; j += tileColumns, panel += (long)tileColumns * inner)
            {
                int width = Math.Min(tileColumns, columns - j);
                float* tile = c + i * cStride + j;

                // The sums of the next tile, and a part of the next panel, come from further away while this tile is computed.
                for (int next = tileColumns; next < 2 * tileColumns; next += CacheLines.Size / sizeof(float))
                {
                    CacheLines.PrefetchRows((byte*)(tile + next), cStride * sizeof(float), height);
                }

                if (nextPanel != null)
                {
                    CacheLines.PrefetchToSecondLevel(nextPanel, slice);
                    nextPanel += (long)slice * CacheLines.Size;
                }

                int registers = (width + TSimd.Lanes - 1) / TSimd.Lanes;
                if (width == registers * TSimd.Lanes)
                {
                    MultiplyTile(height, registers, inner, a, aWidth, panel, tile, cStride, fromZero);
                }
                else
                {
                    if (!fromZero) CopyTile(height, width, tile, cStride, edge, tileColumns);
                    MultiplyTile(height, registers, inner, a, aWidth, panel, edge, tileColumns, fromZero);
                    CopyTile(height, width, edge, tileColumns, tile, cStride);
                }
            }
        }
    }

    /// <summary>Runs the kernel for tiles of so many rows and registers of columns.</summary>
    public static void MultiplyTile(
        int rows, int registers, int inner, float* a, int aWidth, float* b, float* c, long cStride, bool fromZero)
    {
        switch (registers)
        {
            case 1: MultiplyTile<Count1>(rows, inner, a, aWidth, b, c, cStride, fromZero); break;
            case 2: MultiplyTile<Count2>(rows, inner, a, aWidth, b, c, cStride, fromZero); break;
            default: MultiplyTile<Count3>(rows, inner, a, aWidth, b, c, cStride, fromZero); break;
        }
    }

    private static void MultiplyTile<TRegisters>(
        int rows, int inner, float* a, int aWidth, float* b, float* c, long cStride, bool fromZero)
        where TRegisters : ICount
    {
        switch (rows)
        {
            case 1: TileKernel<TSimd, TVector>.Run<Count1, TRegisters>(inner, a, aWidth, b, c, cStride, fromZero); break;
            case 2: TileKernel<TSimd, TVector>.Run<Count2, TRegisters>(inner, a, aWidth, b, c, cStride, fromZero); break;
            case 3: TileKernel<TSimd, TVector>.Run<Count3, TRegisters>(inner, a, aWidth, b, c, cStride, fromZero); break;
            case 4: TileKernel<TSimd, TVector>.Run<Count4, TRegisters>(inner, a, aWidth, b, c, cStride, fromZero); break;
            case 5: TileKernel<TSimd, TVector>.Run<Count5, TRegisters>(inner, a, aWidth, b, c, cStride, fromZero); break;
            case 6: TileKernel<TSimd, TVector>.Run<Count6, TRegisters>(inner, a, aWidth, b, c, cStride, fromZero); break;
            case 7: TileKernel<TSimd, TVector>.Run<Count7, TRegisters>(inner, a, aWidth, b, c, cStride, fromZero); break;
            default: TileKernel<TSimd, TVector>.Run<Count8, TRegisters>(inner, a, aWidth, b, c, cStride, fromZero); break;
        }
    }

    private static void CopyTile(int rows, int columns, float* source, long sourceStride, float* destination, long destinationStride)
    {
        for (int i = 0; i < rows; i++, source += sourceStride, destination += destinationStride)
        {
            for (int j = 0; j < columns; j++) destination[j] = source[j];
        }
    }
}
