using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>
/// What <see cref="ScaledF8Kernel{TLanes, TSimd, TVector}"/> does, in 512-bit registers: the two upper bytes of 64 numbers are looked up at once, and one
/// permutation for each of four columns puts them where F32 has them.
/// </summary>
internal static class VectorF8Code
{
    // Columns of a register of weights, each a chain of its own.
    private const int Chains = 4;

    // Groups of four columns for which memory is asked once, and of a block.
    private const int UnrolledGroups = 8, Groups = BlockScaling.ReleasedBlock / Chains;

    private static readonly AssemblerRegisterZMM s_upper = zmm20, s_lower = zmm21, s_value = zmm22, s_sign = zmm23;

    private static readonly AssemblerRegisterZMM[] s_tables = [zmm24, zmm25, zmm26, zmm27], s_places = [zmm28, zmm29, zmm30, zmm31];

    /// <summary>
    /// One to four rows of activations times the 16 rows of a panel. In plain words:
    /// <code>
    /// for each block of 128 columns:
    ///     for each four columns: look up the upper bytes of the weights; for each column, for each row: its chain += weights * broadcast activation
    ///     for each row: its sums in memory += factor of the block * ((first chain + second) + (third + fourth))
    /// </code>
    /// </summary>
    public static void EmitProduct(KernelAssembler kernel, int rows)
    {
        Assembler c = kernel.Code;
        Label block = c.CreateLabel(), loop = c.CreateLabel();
        PanelCode.EmitBegin(c);
        EmitConstants(kernel);
        c.mov(rax, __qword_ptr[rcx + PanelCode.Elements]);
        c.mov(rdx, __qword_ptr[rcx + PanelCode.Heads]);
        c.mov(r8, __qword_ptr[rcx + PanelCode.Activations]);
        c.mov(r10, __qword_ptr[rcx + PanelCode.Stride]);
        c.lea(rbx, __[r10 + r10 * 2]);
        c.mov(r9, __qword_ptr[rcx + PanelCode.Sums]);
        c.mov(r11, __qword_ptr[rcx + PanelCode.SumStride]);
        c.lea(r12, __[r11 + r11 * 2]);
        PanelCode.EmitPrefetchStart(c);

        c.Label(ref block);
        for (int i = 0; i < rows * Chains; i++) c.vpxord(TilePackingCode.Zmm(i), TilePackingCode.Zmm(i), TilePackingCode.Zmm(i));
        c.mov(r15d, Groups / UnrolledGroups);
        c.Label(ref loop);
        PanelCode.EmitPrefetch(c, PanelLayout.Of<F8Format>());
        for (int group = 0; group < UnrolledGroups; group++) EmitGroup(c, rows, group);
        c.add(rax, UnrolledGroups * PanelLayout.GroupBytes);
        c.add(r8, UnrolledGroups * Chains * sizeof(float));
        c.dec(r15d);
        c.jne(loop);

        for (int row = 0; row < rows; row++) EmitSums(c, row);
        c.add(rdx, PanelLayout.Rows * sizeof(float));
        c.dec(__qword_ptr[rcx + PanelCode.Blocks]);
        c.jne(block);
        PanelCode.EmitEnd(c);
    }

    private static void EmitConstants(KernelAssembler kernel)
    {
        Assembler c = kernel.Code;
        for (int table = 0; table < s_tables.Length; table++)
        {
            c.vmovdqu64(s_tables[table], kernel.Data(E4M3Lanes512.Tables.Slice(table * PanelLayout.GroupBytes, PanelLayout.GroupBytes).ToArray()));
        }

        // Byte 4i + j of the looked-up bytes is column j of row i: the upper one goes to byte 3 of F32 i, the lower to byte 2.
        for (int column = 0; column < Chains; column++)
        {
            byte[] places = new byte[PanelLayout.GroupBytes];
            for (int row = 0; row < PanelLayout.Rows; row++)
            {
                places[4 * row + 2] = (byte)(PanelLayout.GroupBytes + 4 * row + column);
                places[4 * row + 3] = (byte)(4 * row + column);
            }

            c.vmovdqu64(s_places[column], kernel.Data(places));
        }

        c.mov(rax, 0xcccc_cccc_cccc_ccccUL);
        c.kmovq(k1, rax);
        c.mov(eax, unchecked((int)0x8080_8080));
        c.vpbroadcastd(s_sign, eax);
    }

    private static void EmitGroup(Assembler c, int rows, int group)
    {
        AssemblerMemoryOperand weights = __zmmword_ptr[rax + group * PanelLayout.GroupBytes];
        c.vmovdqu64(s_upper, weights);
        c.vmovdqu64(s_lower, weights);
        c.vpermi2b(s_upper, s_tables[0], s_tables[1]);
        c.vpermi2b(s_lower, s_tables[2], s_tables[3]);

        // upper |= weights & sign.
        c.vpternlogd(s_upper, s_sign, weights, 0xf8);
        for (int column = 0; column < Chains; column++)
        {
            c.vmovdqa64(s_value, s_places[column]);
            c.vpermi2b(s_value.k1.z, s_upper, s_lower);
            for (int row = 0; row < rows; row++)
            {
                c.vfmadd231ps(Chain(row, column), s_value, PanelCode.OfRow(row, (group * Chains + column) * sizeof(float), r8, r8, r10, rbx));
            }
        }
    }

    private static void EmitSums(Assembler c, int row)
    {
        AssemblerMemoryOperand sums = (row % 4) switch
        {
            0 => __zmmword_ptr[r9],
            1 => __zmmword_ptr[r9 + r11],
            2 => __zmmword_ptr[r9 + r11 * 2],
            _ => __zmmword_ptr[r9 + r12],
        };
        c.vaddps(Chain(row, 0), Chain(row, 0), Chain(row, 1));
        c.vaddps(Chain(row, 2), Chain(row, 2), Chain(row, 3));
        c.vaddps(Chain(row, 0), Chain(row, 0), Chain(row, 2));
        c.vmovups(s_value, __zmmword_ptr[rdx]);
        c.vfmadd213ps(Chain(row, 0), s_value, sums);
        c.vmovups(sums, Chain(row, 0));
    }

    private static AssemblerRegisterZMM Chain(int row, int column) => TilePackingCode.Zmm(row * Chains + column);
}
