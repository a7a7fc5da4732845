using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// Copies a block of a factor into panels: panel p holds the elements i of [p*width, (p+1)*width), for each k side by side, rounded
/// or widened to F32. The tile kernel then reads both factors strictly forward, whatever their layout and type were. Missing elements
/// of the last panel are zeros; what is computed from them is thrown away.
/// </summary>
internal static unsafe class PanelPacking<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    // How far ahead of the transposition rows are asked for.
    private const int Ahead = 8 * CacheLines.Size;
    private const int RowsAhead = 16;

    /// <summary>Packs <paramref name="count"/> x <paramref name="inner"/> elements; panels lie width*inner floats apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Pack(Factor factor, int count, int inner, int width, float* destination)
    {
        int lanes = TSimd.Lanes;
        for (int first = 0; first < count; first += width, destination += (long)width * inner)
        {
            int present = Math.Min(width, count - first), registers = present / lanes, i = registers * lanes;
            PackRegisters(factor.From(first, 0), registers, inner, width, destination);
            if (i < width) PackScalar(factor.From(first + i, 0), present - i, width - i, inner, width, destination + i);
            if (factor.IsRounded) BFloat16Rounding.Round(destination, (long)width * inner);
        }
    }

    /// <summary>Packs so many whole registers of elements of one panel, not rounded; what lies between them and the panel's width is left as it is.</summary>
    public static void PackRegisters(Factor factor, int registers, int inner, int width, float* destination)
    {
        for (int i = 0; i < registers * TSimd.Lanes; i += TSimd.Lanes)
        {
            if (!factor.IsInnerAdjacent) CopyLanes(factor.From(i, 0), inner, width, destination + i);
            else Transpose(factor.From(i, 0), inner, width, destination + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void CopyLanes(Factor rows, int inner, int width, float* destination)
    {
        byte* source = rows.Data;
        long rowBytes = rows.RowBytes;
        if (rows.IsBFloat16)
        {
            for (int k = 0; k < inner; k++, source += rowBytes, destination += width)
            {
                CacheLines.PrefetchRows(source + RowsAhead * rowBytes, rowBytes, 1);
                TSimd.Store(TSimd.LoadBFloat16((ushort*)source), destination);
            }
        }
        else
        {
            for (int k = 0; k < inner; k++, source += rowBytes, destination += width)
            {
                CacheLines.PrefetchRows(source + RowsAhead * rowBytes, rowBytes, 1);
                TSimd.Store(TSimd.Load((float*)source), destination);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Transpose(Factor rows, int inner, int width, float* destination)
    {
        byte* source = rows.Data;
        long rowBytes = rows.RowBytes;
        int step = rows.IsBFloat16 ? 32 : 16;
        int k = 0;
        for (; k + step <= inner; k += step, source += CacheLines.Size, destination += (long)step * width)
        {
            CacheLines.PrefetchRows(source + Ahead, rowBytes, TSimd.Lanes);
            TSimd.TransposeLines(source, rowBytes, rows.IsBFloat16, destination, width);
        }

        if (k < inner) PackScalar(rows.From(0, k), TSimd.Lanes, TSimd.Lanes, inner - k, width, destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void PackScalar(Factor rows, int present, int padded, int inner, int width, float* destination)
    {
        for (int k = 0; k < inner; k++, destination += width)
        {
            for (int i = 0; i < padded; i++) destination[i] = i < present ? rows.Element(i, k) : 0;
        }
    }
}
