using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>What packing is called with.</summary>
internal unsafe struct TilePackingArguments
{
    /// <summary>First element of the factor.</summary>
    public byte* Source;

    /// <summary>Bytes from one stored row of the factor to the next.</summary>
    public long SourceStride;

    /// <summary>First tile.</summary>
    public byte* Tiles;

    /// <summary>Bytes from one tile to the next.</summary>
    public long TileStride;

    /// <summary>How many tiles.</summary>
    public long Count;
}

/// <summary>
/// Brings a factor of a product, F32 or BF16, into tiles of BF16. The factor has elements (i, k), see <see cref="Factor"/>; a pair is two
/// elements adjacent in k, in 32 bits. A tile of the left factor has its pairs along a row, one of the right factor one below the other.
/// </summary>
internal static class TilePackingCode
{
    // Offsets in TilePackingArguments.
    private const int Source = 0, SourceStride = 8, Tiles = 16, TileStride = 24, Count = 32;

    // How many tiles ahead memory is asked for, into the second-level cache: rows a multiple of 4 KB apart share a set of the first.
    private const int TilesAhead = 6;

    /// <summary>
    /// Tiles one behind the other along the stored rows of the factor. In plain words:
    /// <code>
    /// for each tile:
    ///     k adjacent in memory: for each of 16 rows: load 32 elements, round F32 to nearest even    -> a register for each i, pairs along it
    ///     i adjacent in memory: for each of 16 pairs of rows: load 16 elements of both, round F32 to
    ///                           nearest even, interleave them                                        -> a register for each pair, i along it
    ///     if the tile wants the other order: transpose 16 x 16 pairs
    ///     store 16 registers
    /// </code>
    /// Denormal F32 count as zero, as they would in the product.
    /// </summary>
    public static void Emit(KernelAssembler kernel, bool isBFloat16, bool isInnerAdjacent, bool transposes)
    {
        if (isInnerAdjacent && !transposes)
        {
            EmitRows(kernel, isBFloat16);
            return;
        }

        Assembler c = kernel.Code;
        int elementBytes = isBFloat16 ? sizeof(ushort) : sizeof(float);
        int advance = elementBytes * (isInnerAdjacent ? TileShape.Inner : TileShape.Rows);
        AssemblerRegisterZMM order = zmm31;
        Label loop = c.CreateLabel();

        c.mov(rax, __qword_ptr[rcx + Source]);
        c.mov(rdx, __qword_ptr[rcx + SourceStride]);
        c.lea(r8, __[rdx + rdx * 2]);
        c.mov(r10, __qword_ptr[rcx + Tiles]);
        c.mov(r11, __qword_ptr[rcx + Count]);
        AssemblerMemoryOperand interleaved = isInnerAdjacent ? default : kernel.Data(Interleaving());
        if (!isInnerAdjacent && !transposes) c.vmovdqu16(order, interleaved);

        c.Label(ref loop);
        if (!isInnerAdjacent && transposes) c.vmovdqu16(order, interleaved);
        if (!isInnerAdjacent) EmitPrefetchOfNextRows();
        c.mov(r9, rax);
        for (int i = 0; i < TileShape.Rows; i++)
        {
            // zmm16 and on: they need no saving where nothing is transposed.
            AssemblerRegisterZMM row = Zmm(transposes ? i : 16 + i % 8);
            if (isInnerAdjacent) LoadRow(row, i);
            else LoadPairOfRows(row, i);
            if (!transposes) c.vmovdqu64(__[r10 + i * TileShape.RowBytes], row);
        }

        if (transposes) EmitTransposition(c, (column, register) => c.vmovdqu64(__[r10 + column * TileShape.RowBytes], register));
        c.add(rax, advance);
        c.add(r10, __qword_ptr[rcx + TileStride]);
        c.dec(r11);
        c.jne(loop);

        void LoadRow(AssemblerRegisterZMM row, int i)
        {
            AssemblerMemoryOperand address = StoredRow(i);
            if (isBFloat16)
            {
                c.vmovdqu64(row, address);
                c.prefetcht1(address + TilesAhead * advance);
            }
            else
            {
                // The first operand of the conversion gives the upper half.
                c.vmovups(row, address + TileShape.RowBytes);
                c.vcvtne2ps2bf16(row, row, address);
                c.prefetcht1(address + TilesAhead * advance);
                c.prefetcht1(address + (TilesAhead * advance + TileShape.RowBytes));
            }
        }

        void LoadPairOfRows(AssemblerRegisterZMM pairs, int i)
        {
            AssemblerMemoryOperand even = StoredRow(2 * i), odd = StoredRow(2 * i + 1);
            if (isBFloat16)
            {
                c.vmovdqu64(new AssemblerRegisterYMM(Register.YMM0 + (pairs.Value - Register.ZMM0)), even);
                c.vinserti64x4(pairs, pairs, odd, 1);
            }
            else
            {
                c.vmovups(pairs, odd);
                c.vcvtne2ps2bf16(pairs, pairs, even);
            }

            c.vpermw(pairs, order, pairs);
        }

        // The next values of k, at the same i: rows are longer than what the processor would fetch ahead by itself.
        void EmitPrefetchOfNextRows()
        {
            c.mov(r9, rdx);
            c.shl(r9, 5);
            c.add(r9, rax);
            for (int i = 0; i < TileShape.Inner; i += 4)
            {
                c.prefetcht1(__[r9]);
                c.prefetcht1(__[r9 + rdx]);
                c.prefetcht1(__[r9 + rdx * 2]);
                c.prefetcht1(__[r9 + r8]);
                c.lea(r9, __[r9 + rdx * 4]);
            }
        }

        // Rows are visited in order; r9 moves on by four at a time.
        AssemblerMemoryOperand StoredRow(int row)
        {
            if (row > 0 && row % 4 == 0) c.lea(r9, __[r9 + rdx * 4]);
            return (row % 4) switch
            {
                0 => __[r9],
                1 => __[r9 + rdx],
                2 => __[r9 + rdx * 2],
                _ => __[r9 + r8],
            };
        }
    }

    // k adjacent, for the left factor: a row of the factor is a row of each tile, so four rows at a time are read from end to end, which is
    // how the processor fetches ahead by itself.
    private static void EmitRows(KernelAssembler kernel, bool isBFloat16)
    {
        const int RowsAtOnce = 4;
        Assembler c = kernel.Code;
        int advance = TileShape.Inner * (isBFloat16 ? sizeof(ushort) : sizeof(float));
        c.mov(rdx, __qword_ptr[rcx + SourceStride]);
        c.lea(r8, __[rdx + rdx * 2]);
        for (int first = 0; first < TileShape.Rows; first += RowsAtOnce)
        {
            Label loop = c.CreateLabel();
            c.mov(rax, __qword_ptr[rcx + Source]);
            if (first > 0)
            {
                c.lea(rax, __[rax + rdx * 4]);
                c.mov(__qword_ptr[rcx + Source], rax);
            }

            c.mov(r10, __qword_ptr[rcx + Tiles]);
            c.mov(r11, __qword_ptr[rcx + Count]);
            c.Label(ref loop);
            for (int i = 0; i < RowsAtOnce; i++)
            {
                AssemblerMemoryOperand address = i switch { 0 => __[rax], 1 => __[rax + rdx], 2 => __[rax + rdx * 2], _ => __[rax + r8] };
                AssemblerRegisterZMM row = Zmm(16 + i);
                c.vmovups(row, isBFloat16 ? address : address + TileShape.RowBytes);
                if (!isBFloat16) c.vcvtne2ps2bf16(row, row, address);
                c.vmovdqu64(__[r10 + (first + i) * TileShape.RowBytes], row);
            }

            c.add(rax, advance);
            c.add(r10, __qword_ptr[rcx + TileStride]);
            c.dec(r11);
            c.jne(loop);
        }
    }

    /// <summary>
    /// A row of F32 alone, 32 elements at a time, each 32 a tile's stride behind those before. In plain words:
    /// <code>
    /// for each 32 elements: load them, round them to nearest even, store 64 bytes
    /// </code>
    /// </summary>
    public static void EmitRow(KernelAssembler kernel)
    {
        Assembler c = kernel.Code;
        Label loop = c.CreateLabel();
        c.mov(rax, __qword_ptr[rcx + Source]);
        c.mov(r9, __qword_ptr[rcx + TileStride]);
        c.mov(r10, __qword_ptr[rcx + Tiles]);
        c.mov(r11, __qword_ptr[rcx + Count]);
        c.Label(ref loop);
        c.vmovups(zmm16, __zmmword_ptr[rax + TileShape.RowBytes]);
        c.vcvtne2ps2bf16(zmm16, zmm16, __zmmword_ptr[rax]);
        c.vmovdqu64(__zmmword_ptr[r10], zmm16);
        c.add(rax, TileShape.Inner * sizeof(float));
        c.add(r10, r9);
        c.dec(r11);
        c.jne(loop);
    }

    /// <summary>Transposes 16 x 16 lanes of 32 bits, in zmm0 to zmm15, through zmm16 to zmm31; <paramref name="store"/> takes each column.</summary>
    public static void EmitTransposition(Assembler c, Action<int, AssemblerRegisterZMM> store)
    {
        // Pairs of rows: lane by lane within quarters.
        for (int i = 0; i < 16; i += 2)
        {
            c.vpunpckldq(Zmm(16 + i), Zmm(i), Zmm(i + 1));
            c.vpunpckhdq(Zmm(17 + i), Zmm(i), Zmm(i + 1));
        }

        // Groups g of four rows: quarter q of register 4g + j now holds column 4q + j of the group's rows.
        for (int g = 0; g < 16; g += 4)
        {
            c.vpunpcklqdq(Zmm(g), Zmm(16 + g), Zmm(18 + g));
            c.vpunpckhqdq(Zmm(g + 1), Zmm(16 + g), Zmm(18 + g));
            c.vpunpcklqdq(Zmm(g + 2), Zmm(17 + g), Zmm(19 + g));
            c.vpunpckhqdq(Zmm(g + 3), Zmm(17 + g), Zmm(19 + g));
        }

        // The quarters of the four groups come together.
        for (int j = 0; j < 4; j++)
        {
            AssemblerRegisterZMM low01 = Zmm(16 + 4 * j), high01 = Zmm(17 + 4 * j), low23 = Zmm(18 + 4 * j), high23 = Zmm(19 + 4 * j);
            c.vshufi32x4(low01, Zmm(j), Zmm(4 + j), 0x44);
            c.vshufi32x4(high01, Zmm(j), Zmm(4 + j), 0xEE);
            c.vshufi32x4(low23, Zmm(8 + j), Zmm(12 + j), 0x44);
            c.vshufi32x4(high23, Zmm(8 + j), Zmm(12 + j), 0xEE);
            Column(j, low01, low23, 0x88);
            Column(4 + j, low01, low23, 0xDD);
            Column(8 + j, high01, high23, 0x88);
            Column(12 + j, high01, high23, 0xDD);

            void Column(int column, AssemblerRegisterZMM groups01, AssemblerRegisterZMM groups23, byte quarters)
            {
                c.vshufi32x4(Zmm(j), groups01, groups23, quarters);
                store(column, Zmm(j));
            }
        }
    }

    // Word 2j comes from word j of the lower half, word 2j + 1 from word j of the upper half.
    private static byte[] Interleaving() =>
        MemoryMarshal.AsBytes<ushort>([.. Enumerable.Range(0, 32).Select(word => (ushort)(word / 2 + word % 2 * 16))]).ToArray();

    /// <summary>The vector register of a number.</summary>
    public static AssemblerRegisterZMM Zmm(int number) => new(Register.ZMM0 + number);
}
