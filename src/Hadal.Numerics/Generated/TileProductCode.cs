using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>What a tile product is called with. The kernel uses the fields as variables: C moves on, Panels ends at zero.</summary>
internal unsafe struct TileProductArguments
{
    /// <summary>First tiles of up to three panels of the left factor; a panel's tiles lie one behind the other, k ascending.</summary>
    public byte* A0, A1, A2;

    /// <summary>First tile of the first panel of the right factor.</summary>
    public byte* B;

    /// <summary>Bytes from the end of a panel's tiles to the next panel of the right factor.</summary>
    public long BSkip;

    /// <summary>Panels of the right factor, one at least.</summary>
    public long Panels;

    /// <summary>First element of the result.</summary>
    public float* C;

    /// <summary>Bytes from one row of the result to the next.</summary>
    public long CStride;

    /// <summary>Tiles in each panel.</summary>
    public long Tiles;

    /// <summary>Not zero if the sums start at what the result holds.</summary>
    public long Accumulates;
}

/// <summary>What a product straight from memory is called with.</summary>
internal unsafe struct DirectProductArguments
{
    /// <summary>First of 16 rows of the right factor, BF16 with k adjacent.</summary>
    public byte* Weights;

    /// <summary>Bytes from one row of the right factor to the next.</summary>
    public long WeightStride;

    /// <summary>
    /// The left factor's tiles, packed as those of a right one: all panels for the first 32 values of k, then the next. A few rows: 64 bytes of each
    /// row for the first 32 values of k, then the next.
    /// </summary>
    public byte* Left;

    /// <summary>Tiles in each panel, one at least.</summary>
    public long Tiles;

    /// <summary>Takes a tile of the result for each panel, 16 rows of 16 columns.</summary>
    public float* Result;
}

/// <summary>
/// BF16 products on AMX tiles: a tile register holds 16 rows of 64 bytes. A tile of the left factor has 16 rows of the result and 32
/// values of k; one of the right factor has 16 pairs of k and, for each pair, 16 columns of the result; one of the result 16 x 16 F32.
/// </summary>
internal static class TileProductCode
{
    /// <summary>Panels of the left factor that a kernel takes at most.</summary>
    public const int MostRowTiles = 3;

    // Offsets in TileProductArguments.
    private const int A0 = 0, A1 = 8, A2 = 16, B = 24, BSkip = 32, Panels = 40, C = 48, CStride = 56, Tiles = 64, Accumulates = 72;

    // Panels ahead for which lines of the result are asked for: their way from memory is longer than a panel takes.
    private const int PanelsAhead = 2;

    private static readonly AssemblerRegisterTMM[] s_sums = [tmm0, tmm1, tmm2];

    /// <summary>
    /// Up to 48 rows of the result, panel of columns by panel. In plain words:
    /// <code>
    /// for each panel of the right factor:
    ///     load (or zero) the result's tiles
    ///     for each tile of k:
    ///         load the right tile; for each panel of the left factor: load its tile, multiply, add to the result's tile
    ///     store the result's tiles
    /// </code>
    /// Three panels of the left factor stay in the first-level cache; a tile of the right factor, which comes from the second, serves three
    /// products. Three sums are enough, since products that add to the same tile follow each other without waiting. Five of the eight registers are
    /// used, on purpose. At times, probably while another hardware thread keeps the core busy, loads and products wait for each other the more the
    /// more registers are in use: two by two tiles, with all eight, then take 65 cycles a product instead of 18, three by one 33 instead of 20.
    /// </summary>
    public static void EmitProduct(KernelAssembler kernel, int rowTiles)
    {
        Assembler c = kernel.Code;
        Label panel = c.CreateLabel(), fromMemory = c.CreateLabel(), start = c.CreateLabel(), loop = c.CreateLabel(), store = c.CreateLabel();
        AssemblerRegister64[] left = [rax, rdx, r8];

        c.mov(r10, __qword_ptr[rcx + C]);
        c.mov(r11, __qword_ptr[rcx + CStride]);
        for (int ahead = 0; ahead < PanelsAhead; ahead++) EmitPrefetchOfResult(ahead);
        c.mov(r9, __qword_ptr[rcx + B]);
        c.Label(ref panel);
        c.mov(r10, __qword_ptr[rcx + C]);
        c.mov(r11, __qword_ptr[rcx + CStride]);
        EmitPrefetchOfResult(PanelsAhead);
        c.cmp(__qword_ptr[rcx + Accumulates], 0);
        c.jne(fromMemory);
        for (int i = 0; i < rowTiles; i++) c.tilezero(s_sums[i]);
        c.jmp(start);
        c.Label(ref fromMemory);
        EmitResult((sum, tile) => c.tileloadd(sum, tile));

        c.Label(ref start);
        for (int i = 0; i < rowTiles; i++) c.mov(left[i], __qword_ptr[rcx + (A0 + i * 8)]);
        c.mov(r10, __qword_ptr[rcx + Tiles]);
        c.mov(r11d, TileShape.RowBytes);
        c.test(r10, r10);
        c.je(store);
        c.Label(ref loop);
        c.tileloadd(tmm4, __[r9 + r11]);
        for (int i = 0; i < rowTiles; i++)
        {
            c.tileloadd(tmm3, __[left[i] + r11]);
            c.tdpbf16ps(s_sums[i], tmm3, tmm4);
        }

        for (int i = 0; i < rowTiles; i++) c.add(left[i], TileShape.Bytes);
        c.add(r9, TileShape.Bytes);
        c.dec(r10);
        c.jne(loop);

        c.Label(ref store);
        c.mov(r10, __qword_ptr[rcx + C]);
        c.mov(r11, __qword_ptr[rcx + CStride]);
        EmitResult((sum, tile) => c.tilestored(tile, sum));
        c.add(__qword_ptr[rcx + C], TileShape.RowBytes);
        c.add(r9, __qword_ptr[rcx + BSkip]);
        c.dec(__qword_ptr[rcx + Panels]);
        c.jne(panel);

        void EmitPrefetchOfResult(int panelsAhead)
        {
            c.lea(rax, __[r11 + r11 * 2]);
            c.mov(rdx, r10);
            for (int row = 0; row < rowTiles * TileShape.Rows; row += 4)
            {
                int bytes = panelsAhead * TileShape.RowBytes;
                c.prefetchw(__[rdx + bytes]);
                c.prefetchw(__[rdx + r11 + bytes]);
                c.prefetchw(__[rdx + r11 * 2 + bytes]);
                c.prefetchw(__[rdx + rax + bytes]);
                c.lea(rdx, __[rdx + r11 * 4]);
            }
        }

        void EmitResult(Action<AssemblerRegisterTMM, AssemblerMemoryOperand> access)
        {
            for (int i = 0; i < rowTiles; i++)
            {
                access(s_sums[i], __[r10 + r11]);
                if (i + 1 == rowTiles) break;
                c.mov(rax, r11);
                c.shl(rax, 4);
                c.add(r10, rax);
            }
        }
    }

    /// <summary>
    /// 16 columns of a result of up to 48 rows, from rows of the right factor as they lie in memory: in BF16 with k adjacent they are a tile of a left
    /// factor. In plain words:
    /// <code>
    /// for each 32 values of k:
    ///     load the tile of the right factor; ask for its lines in the next 16 rows
    ///     for each panel of 16 rows of the left factor: load its tile, multiply, add
    /// store the sums, which are the result with rows and columns changed, and transpose them
    /// </code>
    /// A product does not change with its factors' places, so an element has the bits that <see cref="EmitProduct"/> gives it.
    /// </summary>
    public static void EmitDirectProduct(KernelAssembler kernel, int panels)
    {
        const int Weights = 0, WeightStride = 8, Left = 16, Tiles = 24, Result = 32;
        Assembler c = kernel.Code;
        Label loop = c.CreateLabel();
        for (int i = 0; i < panels; i++) c.tilezero(s_sums[i]);
        c.mov(rdx, __qword_ptr[rcx + Weights]);
        c.mov(r8, __qword_ptr[rcx + WeightStride]);
        c.mov(rax, __qword_ptr[rcx + Left]);
        c.mov(r10, __qword_ptr[rcx + Tiles]);
        c.mov(r11d, TileShape.RowBytes);
        c.Label(ref loop);
        c.tileloadd(tmm4, __[rdx + r8]);
        EmitPrefetchOfNextRows(c);
        for (int i = 0; i < panels; i++)
        {
            c.tileloadd(tmm3, __[rax + r11 + i * TileShape.Bytes]);
            c.tdpbf16ps(s_sums[i], tmm4, tmm3);
        }

        c.add(rax, panels * TileShape.Bytes);
        c.add(rdx, TileShape.RowBytes);
        c.dec(r10);
        c.jne(loop);

        c.mov(rax, __qword_ptr[rcx + Result]);
        for (int i = 0; i < panels; i++)
        {
            c.tilestored(__[rax + r11], s_sums[i]);
            for (int row = 0; row < TileShape.Rows; row++) c.vmovdqu64(TilePackingCode.Zmm(row), __[rax + row * TileShape.RowBytes]);
            TilePackingCode.EmitTransposition(c, (column, register) => c.vmovdqu64(__[rax + column * TileShape.RowBytes], register));
            c.add(rax, TileShape.Bytes);
        }
    }

    /// <summary>Asks for a line of each of the 16 rows, r8 bytes apart, behind those from rdx on; changes r9.</summary>
    public static void EmitPrefetchOfNextRows(Assembler c)
    {
        c.mov(r9, r8);
        c.shl(r9, 4);
        c.add(r9, rdx);
        for (int row = 0; row < TileShape.Rows; row += 2)
        {
            c.prefetcht1(__[r9]);
            c.prefetcht1(__[r9 + r8]);
            c.lea(r9, __[r9 + r8 * 2]);
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
    public static void EmitCeiling(KernelAssembler kernel) => EmitCeiling(kernel, (sum, left, right) => kernel.Code.tdpbf16ps(sum, left, right));

    /// <summary>The same of other products of whole tiles.</summary>
    public static void EmitCeiling(KernelAssembler kernel, Action<AssemblerRegisterTMM, AssemblerRegisterTMM, AssemblerRegisterTMM> multiply)
    {
        Assembler c = kernel.Code;
        for (int register = 0; register < 8; register++) c.tilezero(new AssemblerRegisterTMM(Register.TMM0 + register));
        Label loop = c.CreateLabel();
        c.mov(r10, __qword_ptr[rcx]);
        c.Label(ref loop);
        multiply(tmm0, tmm4, tmm6);
        multiply(tmm1, tmm4, tmm7);
        multiply(tmm2, tmm5, tmm6);
        multiply(tmm3, tmm5, tmm7);
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
