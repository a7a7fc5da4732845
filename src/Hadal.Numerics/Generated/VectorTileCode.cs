using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>
/// What <see cref="TileProductCode"/> does, for processors with AVX512-BF16 and without AMX: the same tiles in memory, multiplied in vector registers.
/// A tile of the result is zmm16 to zmm31, a register for each row; a tile of the factor whose rows are pairs of k is zmm0 to zmm15; of the other
/// factor one pair at a time is broadcast to all lanes.
/// </summary>
/// <remarks>
/// Pairs are added to an element as VDPBF16PS does, k ascending: the product with odd k, then the one with even k, each rounded. So its bits differ
/// from those of the tile unit, and like those depend on nothing but its row and its column.
/// </remarks>
internal static class VectorTileCode
{
    // Offsets in TileProductArguments.
    private const int A0 = 0, B = 24, BSkip = 32, Panels = 40, C = 48, CStride = 56, Tiles = 64, Accumulates = 72;

    // Rows of weights that are multiplied in turn: an addition to a sum must not wait for the one before.
    private const int RowsInTurn = 4;

    /// <summary>Rows up to which products without the rest of a tile take less time.</summary>
    public const int MostFewRows = FewRowsCode.MostRows;

    private const int PairBytes = 2 * sizeof(ushort);

    /// <summary>
    /// 16 rows of the result, panel of columns by panel. In plain words:
    /// <code>
    /// for each panel of the right factor:
    ///     load (or zero) the result's tile
    ///     for each tile of k:
    ///         load the right tile; for each of its pairs, for each row of the left tile: broadcast the row's pair, multiply, add
    ///     store the result's tile
    /// </code>
    /// </summary>
    public static void EmitProduct(KernelAssembler kernel)
    {
        Assembler c = kernel.Code;
        Label panel = c.CreateLabel(), fromMemory = c.CreateLabel(), start = c.CreateLabel(), loop = c.CreateLabel(), store = c.CreateLabel();
        c.mov(r11, __qword_ptr[rcx + CStride]);
        c.mov(r9, __qword_ptr[rcx + B]);
        c.Label(ref panel);
        c.mov(rdx, __qword_ptr[rcx + C]);
        c.mov(rax, __qword_ptr[rcx + A0]);
        c.mov(r10, __qword_ptr[rcx + Tiles]);
        c.mov(r8, rdx);
        c.cmp(__qword_ptr[rcx + Accumulates], 0);
        c.jne(fromMemory);
        EmitZeroSums(c);
        c.jmp(start);
        c.Label(ref fromMemory);
        for (int row = 0; row < TileShape.Rows; row++)
        {
            c.vmovups(Sum(row), __zmmword_ptr[r8]);
            c.add(r8, r11);
        }

        c.Label(ref start);
        c.test(r10, r10);
        c.je(store);
        c.Label(ref loop);
        EmitLoadTile(c, r9);
        for (int pair = 0; pair < TileShape.Rows; pair++)
        {
            for (int row = 0; row < TileShape.Rows; row++)
            {
                c.vdpbf16ps(Sum(row), TilePackingCode.Zmm(pair), __dword_bcst[rax + (row * TileShape.RowBytes + pair * PairBytes)]);
            }
        }

        c.add(rax, TileShape.Bytes);
        c.add(r9, TileShape.Bytes);
        c.dec(r10);
        c.jne(loop);

        c.Label(ref store);
        for (int row = 0; row < TileShape.Rows; row++)
        {
            c.vmovups(__zmmword_ptr[rdx], Sum(row));
            c.add(rdx, r11);
        }

        c.add(__qword_ptr[rcx + C], TileShape.RowBytes);
        c.add(r9, __qword_ptr[rcx + BSkip]);
        c.dec(__qword_ptr[rcx + Panels]);
        c.jne(panel);
    }

    /// <summary>
    /// Up to eight rows of the result, of which the left factor's only panel has 16 with the others of no use. In plain words:
    /// <code>
    /// for each two or four panels of the right factor, then for each that is left over:
    ///     load (or zero) the rows of the result
    ///     for each tile of k, for each of its pairs:
    ///         load the pair of each panel; for each row: broadcast the row's pair, multiply, add
    ///     store the rows
    /// </code>
    /// </summary>
    public static void EmitProductOfFewRows(KernelAssembler kernel, int rows)
    {
        int together = rows > 4 ? 2 : 4;
        Assembler c = kernel.Code;
        Label group = c.CreateLabel(), single = c.CreateLabel(), end = c.CreateLabel();
        c.mov(r8, __qword_ptr[rcx + Tiles]);
        c.imul(r8, r8, TileShape.Bytes);
        c.add(r8, __qword_ptr[rcx + BSkip]);
        c.lea(r11, __[r8 + r8 * 2]);
        c.Label(ref group);
        c.cmp(__qword_ptr[rcx + Panels], together);
        c.jl(single);
        EmitPanelsOfFewRows(c, rows, together);
        c.jmp(group);
        c.Label(ref single);
        c.cmp(__qword_ptr[rcx + Panels], 1);
        c.jl(end);
        EmitPanelsOfFewRows(c, rows, 1);
        c.jmp(single);
        c.Label(ref end);
    }

    // Panels of the right factor r8 bytes apart, three times as many in r11.
    private static void EmitPanelsOfFewRows(Assembler c, int rows, int panels)
    {
        Label fromMemory = c.CreateLabel(), start = c.CreateLabel(), loop = c.CreateLabel(), store = c.CreateLabel();
        c.mov(rax, __qword_ptr[rcx + A0]);
        c.mov(r9, __qword_ptr[rcx + B]);
        c.mov(r10, __qword_ptr[rcx + Tiles]);
        c.cmp(__qword_ptr[rcx + Accumulates], 0);
        c.jne(fromMemory);
        for (int sum = 0; sum < rows * panels; sum++) c.vpxord(Sum(sum), Sum(sum), Sum(sum));
        c.jmp(start);
        c.Label(ref fromMemory);
        EachSum((sum, memory) => c.vmovups(sum, memory));
        c.Label(ref start);
        c.test(r10, r10);
        c.je(store);
        c.Label(ref loop);
        for (int pair = 0; pair < TileShape.Rows; pair++)
        {
            AssemblerMemoryOperand[] tiles = [__zmmword_ptr[r9], __zmmword_ptr[r9 + r8], __zmmword_ptr[r9 + r8 * 2], __zmmword_ptr[r9 + r11]];
            for (int panel = 0; panel < panels; panel++) c.vmovups(TilePackingCode.Zmm(panel), tiles[panel] + pair * TileShape.RowBytes);
            for (int row = 0; row < rows; row++)
            {
                for (int panel = 0; panel < panels; panel++)
                {
                    c.vdpbf16ps(Sum(row * panels + panel), TilePackingCode.Zmm(panel), __dword_bcst[rax + (row * TileShape.RowBytes + pair * PairBytes)]);
                }
            }
        }

        c.add(rax, TileShape.Bytes);
        c.add(r9, TileShape.Bytes);
        c.dec(r10);
        c.jne(loop);
        c.Label(ref store);
        EachSum((sum, memory) => c.vmovups(memory, sum));
        c.add(__qword_ptr[rcx + C], panels * TileShape.RowBytes);
        for (int panel = 0; panel < panels; panel++) c.add(__qword_ptr[rcx + B], r8);
        c.sub(__qword_ptr[rcx + Panels], panels);

        void EachSum(Action<AssemblerRegisterZMM, AssemblerMemoryOperand> move)
        {
            c.mov(rdx, __qword_ptr[rcx + C]);
            for (int row = 0; row < rows; row++)
            {
                for (int panel = 0; panel < panels; panel++) move(Sum(row * panels + panel), __zmmword_ptr[rdx + panel * TileShape.RowBytes]);
                c.add(rdx, __qword_ptr[rcx + CStride]);
            }
        }
    }

    /// <summary>
    /// 16 columns of a result of up to 48 rows, from rows of the right factor as they lie in memory. In plain words:
    /// <code>
    /// for each panel of 16 rows of the left factor:
    ///     for each 32 values of k:
    ///         load the left tile; ask for the lines of the next 16 rows of the right factor
    ///         for each of its pairs, for each row of the right factor: broadcast the row's pair, multiply, add
    ///     the sums are the result with rows and columns changed: transpose and store them
    /// </code>
    /// </summary>
    public static void EmitDirectProduct(KernelAssembler kernel, int panels)
    {
        const int Weights = 0, WeightStride = 8, Left = 16, TilesOfPanel = 24, Result = 32;
        Assembler c = kernel.Code;
        for (int panel = 0; panel < panels; panel++)
        {
            Label loop = c.CreateLabel();
            EmitZeroSums(c);
            c.mov(rdx, __qword_ptr[rcx + Weights]);
            c.mov(r8, __qword_ptr[rcx + WeightStride]);
            c.lea(r11, __[r8 + r8 * 2]);
            c.mov(rax, __qword_ptr[rcx + Left]);
            c.add(rax, panel * TileShape.Bytes);
            c.mov(r10, __qword_ptr[rcx + TilesOfPanel]);
            c.Label(ref loop);
            EmitLoadTile(c, rax);
            if (panel == 0) TileProductCode.EmitPrefetchOfNextRows(c);
            c.mov(r9, rdx);
            for (int first = 0; first < TileShape.Rows; first += RowsInTurn) EmitRowsInTurn(c, first);
            c.add(rax, panels * TileShape.Bytes);
            c.add(rdx, TileShape.RowBytes);
            c.dec(r10);
            c.jne(loop);

            c.mov(rax, __qword_ptr[rcx + Result]);
            c.add(rax, panel * TileShape.Bytes);
            for (int row = 0; row < TileShape.Rows; row++) c.vmovaps(TilePackingCode.Zmm(row), Sum(row));
            TilePackingCode.EmitTransposition(c, (column, register) => c.vmovdqu64(__[rax + column * TileShape.RowBytes], register));
        }
    }

    // Four rows from r9 on, r8 bytes apart, three times as many in r11; moves r9 behind them.
    private static void EmitRowsInTurn(Assembler c, int first)
    {
        AssemblerMemoryOperand[] rows = [__dword_bcst[r9], __dword_bcst[r9 + r8], __dword_bcst[r9 + r8 * 2], __dword_bcst[r9 + r11]];
        for (int pair = 0; pair < TileShape.Rows; pair++)
        {
            for (int row = 0; row < RowsInTurn; row++) c.vdpbf16ps(Sum(first + row), TilePackingCode.Zmm(pair), rows[row] + pair * PairBytes);
        }

        c.lea(r9, __[r9 + r8 * RowsInTurn]);
    }

    /// <summary>Nothing: there are no tile registers to be configured or forgotten.</summary>
    public static void EmitNothing(KernelAssembler kernel)
    {
    }

    /// <summary>
    /// The ceiling: multiplies in registers only, 16 independent sums in turn, as much as <see cref="TileProductCode"/>'s rounds, of which the argument says
    /// how many.
    /// </summary>
    public static void EmitCeiling(KernelAssembler kernel)
    {
        const int ProductsOfRound = TileKernelSet.ProductsPerCeilingRound * TileShape.Rows * TileShape.Rows;
        Assembler c = kernel.Code;
        Label loop = c.CreateLabel();
        EmitZeroSums(c);
        for (int register = 0; register < 2; register++) c.vpxord(TilePackingCode.Zmm(register), TilePackingCode.Zmm(register), TilePackingCode.Zmm(register));
        c.mov(r10, __qword_ptr[rcx]);
        c.imul(r10, r10, ProductsOfRound / TileShape.Rows);
        c.Label(ref loop);
        for (int row = 0; row < TileShape.Rows; row++) c.vdpbf16ps(Sum(row), zmm0, zmm1);
        c.dec(r10);
        c.jne(loop);
    }

    private static void EmitZeroSums(Assembler c)
    {
        for (int row = 0; row < TileShape.Rows; row++) c.vpxord(Sum(row), Sum(row), Sum(row));
    }

    private static void EmitLoadTile(Assembler c, AssemblerRegister64 tile)
    {
        for (int pair = 0; pair < TileShape.Rows; pair++) c.vmovups(TilePackingCode.Zmm(pair), __zmmword_ptr[tile + pair * TileShape.RowBytes]);
    }

    private static AssemblerRegisterZMM Sum(int row) => TilePackingCode.Zmm(16 + row);
}
