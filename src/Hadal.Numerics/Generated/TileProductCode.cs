using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>What a tile product is called with.</summary>
internal unsafe struct TileProductArguments
{
    /// <summary>First tiles of two panels of the left factor; a panel's tiles lie one behind the other, k ascending.</summary>
    public byte* A0, A1;

    /// <summary>First tiles of two panels of the right factor.</summary>
    public byte* B0, B1;

    /// <summary>First element of the result.</summary>
    public float* C;

    /// <summary>Bytes from one row of the result to the next.</summary>
    public long CStride;

    /// <summary>Tiles in each panel.</summary>
    public long Tiles;

    /// <summary>Not zero if the sums start at what the result holds.</summary>
    public long Accumulates;
}

/// <summary>
/// BF16 products on AMX tiles: a tile register holds 16 rows of 64 bytes. A tile of the left factor has 16 rows of the result and 32
/// values of k; one of the right factor has 16 pairs of k and, for each pair, 16 columns of the result; one of the result 16 x 16 F32.
/// </summary>
internal static class TileProductCode
{
    // Offsets in TileProductArguments.
    private const int A0 = 0, A1 = 8, B0 = 16, B1 = 24, C = 32, CStride = 40, Tiles = 48, Accumulates = 56;

    private static readonly AssemblerRegisterTMM[] s_sums = [tmm0, tmm1, tmm2, tmm3];

    /// <summary>
    /// Up to 32 x 32 elements of the result. In plain words:
    /// <code>
    /// load (or zero) the result's tiles
    /// for each tile of k:
    ///     load the tiles of both panels of the left and of the right factor
    ///     multiply each left tile with each right tile and add to the result's tile
    /// store the result's tiles
    /// </code>
    /// Four result tiles share the loads of two and two: 64 cycles of multiplying stand against 32 of loading.
    /// </summary>
    public static void EmitProduct(KernelAssembler kernel, int rowTiles, int columnTiles)
    {
        Assembler c = kernel.Code;
        Label fromMemory = c.CreateLabel(), start = c.CreateLabel(), loop = c.CreateLabel(), store = c.CreateLabel();

        c.cmp(__qword_ptr[rcx + Accumulates], 0);
        c.jne(fromMemory);
        for (int i = 0; i < rowTiles * columnTiles; i++) c.tilezero(s_sums[i]);
        c.jmp(start);
        c.Label(ref fromMemory);
        EmitResult((sum, tile) => c.tileloadd(sum, tile));

        c.Label(ref start);
        EmitPrefetchOfResult();
        c.mov(rax, __qword_ptr[rcx + A0]);
        c.mov(rdx, __qword_ptr[rcx + A1]);
        c.mov(r8, __qword_ptr[rcx + B0]);
        c.mov(r9, __qword_ptr[rcx + B1]);
        c.mov(r10, __qword_ptr[rcx + Tiles]);
        c.mov(r11d, TileShape.RowBytes);
        c.test(r10, r10);
        c.je(store);
        c.Label(ref loop);
        c.tileloadd(tmm4, __[rax + r11]);
        c.tileloadd(tmm6, __[r8 + r11]);
        c.tdpbf16ps(tmm0, tmm4, tmm6);
        if (columnTiles > 1)
        {
            c.tileloadd(tmm7, __[r9 + r11]);
            c.tdpbf16ps(tmm1, tmm4, tmm7);
        }

        if (rowTiles > 1)
        {
            c.tileloadd(tmm5, __[rdx + r11]);
            c.tdpbf16ps(s_sums[columnTiles], tmm5, tmm6);
            if (columnTiles > 1) c.tdpbf16ps(tmm3, tmm5, tmm7);
        }

        c.add(rax, TileShape.Bytes);
        c.add(rdx, TileShape.Bytes);
        c.add(r8, TileShape.Bytes);
        c.add(r9, TileShape.Bytes);
        c.dec(r10);
        c.jne(loop);

        c.Label(ref store);
        EmitResult((sum, tile) => c.tilestored(tile, sum));

        // The lines to be stored come from further away while the tiles are multiplied.
        void EmitPrefetchOfResult()
        {
            c.mov(r10, __qword_ptr[rcx + C]);
            c.mov(r11, __qword_ptr[rcx + CStride]);
            for (int row = 0; row < rowTiles * TileShape.Rows; row++)
            {
                for (int j = 0; j < columnTiles; j++) c.prefetchw(__[r10 + j * TileShape.RowBytes]);
                c.add(r10, r11);
            }
        }

        void EmitResult(Action<AssemblerRegisterTMM, AssemblerMemoryOperand> access)
        {
            c.mov(r10, __qword_ptr[rcx + C]);
            c.mov(r11, __qword_ptr[rcx + CStride]);
            for (int i = 0; i < rowTiles; i++)
            {
                for (int j = 0; j < columnTiles; j++) access(s_sums[i * columnTiles + j], __[r10 + r11 + j * TileShape.RowBytes]);
                if (i + 1 == rowTiles) break;
                c.mov(rax, r11);
                c.shl(rax, 4);
                c.add(r10, rax);
            }
        }
    }

    /// <summary>Configures the tile registers of the calling thread: palette 1, all eight of 16 rows of 64 bytes.</summary>
    public static void EmitConfigure(KernelAssembler kernel)
    {
        byte[] configuration = new byte[64];
        configuration[0] = 1;
        for (int register = 0; register < 8; register++)
        {
            configuration[16 + 2 * register] = TileShape.RowBytes;
            configuration[48 + register] = TileShape.Rows;
        }

        kernel.Code.ldtilecfg(kernel.Data(configuration));
    }

    /// <summary>Forgets configuration and content, so that the thread has no tiles to be saved any more.</summary>
    public static void EmitRelease(KernelAssembler kernel) => kernel.Code.tilerelease();

    /// <summary>
    /// The ceiling: multiplies tiles that never leave the registers, four independent sums in turn, as many times as the argument, a
    /// pointer to a 64-bit count, says.
    /// </summary>
    public static void EmitCeiling(KernelAssembler kernel)
    {
        Assembler c = kernel.Code;
        for (int register = 0; register < 8; register++) c.tilezero(new AssemblerRegisterTMM(Register.TMM0 + register));
        Label loop = c.CreateLabel();
        c.mov(r10, __qword_ptr[rcx]);
        c.Label(ref loop);
        c.tdpbf16ps(tmm0, tmm4, tmm6);
        c.tdpbf16ps(tmm1, tmm4, tmm7);
        c.tdpbf16ps(tmm2, tmm5, tmm6);
        c.tdpbf16ps(tmm3, tmm5, tmm7);
        c.dec(r10);
        c.jne(loop);
    }
}

/// <summary>Sizes of tiles, as the kernels configure them.</summary>
internal static class TileShape
{
    public const int Rows = 16, RowBytes = 64, Bytes = Rows * RowBytes;

    /// <summary>Values of k in a tile of a BF16 factor.</summary>
    public const int Inner = RowBytes / sizeof(ushort);

    /// <summary>Floating-point operations of one product of tiles, a multiply-add being two.</summary>
    public const int Operations = 2 * Rows * Rows * Inner;

    /// <summary>Tiles that cover <paramref name="values"/> of k.</summary>
    public static int InnerTiles(int values) => (values + Inner - 1) / Inner;

    /// <summary>Tiles that cover <paramref name="count"/> rows or columns of the result.</summary>
    public static int OuterTiles(int count) => (count + Rows - 1) / Rows;
}
