using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// The innermost loop of every packed product: a tile of up to 8 rows by three registers of columns is held in registers while k runs.
/// With 512-bit registers 24 sums, three columns and one broadcast fill 28 of 32, and 11 loads feed 24 multiply-adds; with 4 rows of
/// narrower ones all 16 are full.
/// </summary>
internal static unsafe class TileKernel<TSimd, TVector>
    where TSimd : ISimd<TVector>
    where TVector : struct
{
    /// <summary>Rows of a full tile: as many as the register file holds.</summary>
    public static int Rows => TSimd.Lanes == 16 ? 8 : 4;

    /// <summary>Columns of a full tile, and of a panel of the right factor.</summary>
    public static int Columns => 3 * TSimd.Lanes;

    /// <summary>
    /// Continues (or, from zero, starts) the sums in <paramref name="c"/> over <paramref name="inner"/> values of k, ascending.
    /// </summary>
    /// <typeparam name="TRows">Rows of the tile.</typeparam>
    /// <typeparam name="TRegisters">Registers of columns of the tile, up to three.</typeparam>
    /// <param name="inner">Values of k.</param>
    /// <param name="a">Panel of the left factor, <paramref name="aWidth"/> floats for each k.</param>
    /// <param name="aWidth">Width of that panel, at least the rows of the tile.</param>
    /// <param name="b">Panel of the right factor, <see cref="Columns"/> floats for each k.</param>
    /// <param name="c">First element of the tile.</param>
    /// <param name="cStride">Floats from one row of the tile to the next.</param>
    /// <param name="fromZero">Whether the sums start at zero and not at what c holds.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Run<TRows, TRegisters>(int inner, float* a, long aWidth, float* b, float* c, long cStride, bool fromZero)
        where TRows : ICount
        where TRegisters : ICount
    {
        TVector x0 = TSimd.Zero, y0 = TSimd.Zero, z0 = TSimd.Zero;
        TVector x1 = TSimd.Zero, y1 = TSimd.Zero, z1 = TSimd.Zero;
        TVector x2 = TSimd.Zero, y2 = TSimd.Zero, z2 = TSimd.Zero;
        TVector x3 = TSimd.Zero, y3 = TSimd.Zero, z3 = TSimd.Zero;
        TVector x4 = TSimd.Zero, y4 = TSimd.Zero, z4 = TSimd.Zero;
        TVector x5 = TSimd.Zero, y5 = TSimd.Zero, z5 = TSimd.Zero;
        TVector x6 = TSimd.Zero, y6 = TSimd.Zero, z6 = TSimd.Zero;
        TVector x7 = TSimd.Zero, y7 = TSimd.Zero, z7 = TSimd.Zero;
        if (!fromZero)
        {
            Load<TRegisters>(c, ref x0, ref y0, ref z0);
            if (TRows.Count > 1) Load<TRegisters>(c + cStride, ref x1, ref y1, ref z1);
            if (TRows.Count > 2) Load<TRegisters>(c + 2 * cStride, ref x2, ref y2, ref z2);
            if (TRows.Count > 3) Load<TRegisters>(c + 3 * cStride, ref x3, ref y3, ref z3);
            if (TRows.Count > 4) Load<TRegisters>(c + 4 * cStride, ref x4, ref y4, ref z4);
            if (TRows.Count > 5) Load<TRegisters>(c + 5 * cStride, ref x5, ref y5, ref z5);
            if (TRows.Count > 6) Load<TRegisters>(c + 6 * cStride, ref x6, ref y6, ref z6);
            if (TRows.Count > 7) Load<TRegisters>(c + 7 * cStride, ref x7, ref y7, ref z7);
        }

        TVector columnX = TSimd.Zero, columnY = TSimd.Zero, columnZ = TSimd.Zero;
        for (int k = 0; k < inner; k++, a += aWidth, b += Columns)
        {
            Load<TRegisters>(b, ref columnX, ref columnY, ref columnZ);
            Add<TRegisters>(a, columnX, columnY, columnZ, ref x0, ref y0, ref z0);
            if (TRows.Count > 1) Add<TRegisters>(a + 1, columnX, columnY, columnZ, ref x1, ref y1, ref z1);
            if (TRows.Count > 2) Add<TRegisters>(a + 2, columnX, columnY, columnZ, ref x2, ref y2, ref z2);
            if (TRows.Count > 3) Add<TRegisters>(a + 3, columnX, columnY, columnZ, ref x3, ref y3, ref z3);
            if (TRows.Count > 4) Add<TRegisters>(a + 4, columnX, columnY, columnZ, ref x4, ref y4, ref z4);
            if (TRows.Count > 5) Add<TRegisters>(a + 5, columnX, columnY, columnZ, ref x5, ref y5, ref z5);
            if (TRows.Count > 6) Add<TRegisters>(a + 6, columnX, columnY, columnZ, ref x6, ref y6, ref z6);
            if (TRows.Count > 7) Add<TRegisters>(a + 7, columnX, columnY, columnZ, ref x7, ref y7, ref z7);
        }

        Store<TRegisters>(x0, y0, z0, c);
        if (TRows.Count > 1) Store<TRegisters>(x1, y1, z1, c + cStride);
        if (TRows.Count > 2) Store<TRegisters>(x2, y2, z2, c + 2 * cStride);
        if (TRows.Count > 3) Store<TRegisters>(x3, y3, z3, c + 3 * cStride);
        if (TRows.Count > 4) Store<TRegisters>(x4, y4, z4, c + 4 * cStride);
        if (TRows.Count > 5) Store<TRegisters>(x5, y5, z5, c + 5 * cStride);
        if (TRows.Count > 6) Store<TRegisters>(x6, y6, z6, c + 6 * cStride);
        if (TRows.Count > 7) Store<TRegisters>(x7, y7, z7, c + 7 * cStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load<TRegisters>(float* source, ref TVector x, ref TVector y, ref TVector z) where TRegisters : ICount
    {
        x = TSimd.Load(source);
        if (TRegisters.Count > 1) y = TSimd.Load(source + TSimd.Lanes);
        if (TRegisters.Count > 2) z = TSimd.Load(source + 2 * TSimd.Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TRegisters>(
        float* a, TVector columnX, TVector columnY, TVector columnZ, ref TVector x, ref TVector y, ref TVector z)
        where TRegisters : ICount
    {
        TVector row = TSimd.Broadcast(*a);
        x = TSimd.MultiplyAdd(row, columnX, x);
        if (TRegisters.Count > 1) y = TSimd.MultiplyAdd(row, columnY, y);
        if (TRegisters.Count > 2) z = TSimd.MultiplyAdd(row, columnZ, z);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TRegisters>(TVector x, TVector y, TVector z, float* destination) where TRegisters : ICount
    {
        TSimd.Store(x, destination);
        if (TRegisters.Count > 1) TSimd.Store(y, destination + TSimd.Lanes);
        if (TRegisters.Count > 2) TSimd.Store(z, destination + 2 * TSimd.Lanes);
    }
}
