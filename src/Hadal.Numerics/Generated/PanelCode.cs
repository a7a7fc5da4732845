using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>What kernels of panels have in common.</summary>
internal static class PanelCode
{
    // Offsets in PanelArguments.
    public const int Activations = 0, Stride = 8, Scales = 16, ScaleStride = 24, Heads = 32, Elements = 40, Blocks = 48, Ahead = 56, PrefetchEnd = 64, Sums = 72, SumStride = 80, Begin = 88,
        Groups = 96, BlocksLeft = 104;

    // Registers that belong to the caller, on Linux or on Windows.
    private static readonly AssemblerRegister64[] s_kept = [rbx, rbp, rsi, rdi, r12, r13, r14, r15];

    /// <summary>Keeps what belongs to the caller, so that the instructions between this and <see cref="EmitEnd"/> may use all registers but rcx and rsp.</summary>
    public static void EmitBegin(Assembler c)
    {
        foreach (AssemblerRegister64 register in s_kept) c.push(register);
    }

    /// <summary>Gives it back.</summary>
    public static void EmitEnd(Assembler c)
    {
        foreach (AssemblerRegister64 register in s_kept.Reverse()) c.pop(register);
    }

    /// <summary>Readies rdi for <see cref="EmitPrefetch"/>; it must be left to it from here on.</summary>
    public static void EmitPrefetchStart(Assembler c)
    {
        if (CacheLines.ReadsStraight) c.mov(rdi, __qword_ptr[rcx + Ahead]);
    }

    /// <summary>
    /// What <see cref="PanelPrefetch"/> does for the 32 columns whose elements are at rax, if anything is to be asked for. Changes rbp and rdi.
    /// </summary>
    public static void EmitPrefetch(Assembler c, PanelLayout layout)
    {
        if (CacheLines.ReadsStraight) EmitPrefetchStraight(c, layout.PartBytesWithHeads);
        else EmitPrefetchSpread(c, half: layout.Bits == 4);
    }

    /// <summary>32 bits of a row, broadcast: rows 0 to 3 lie 0 to 3 strides behind <paramref name="first"/>, rows 4 to 7 behind <paramref name="fourth"/>.</summary>
    public static AssemblerMemoryOperand OfRow(
        int row, int offset, AssemblerRegister64 first, AssemblerRegister64 fourth, AssemblerRegister64 stride, AssemblerRegister64 threeStrides)
    {
        AssemblerRegister64 start = row < 4 ? first : fourth;
        return (row % 4) switch
        {
            0 => __dword_bcst[start + offset],
            1 => __dword_bcst[start + stride + offset],
            2 => __dword_bcst[start + stride * 2 + offset],
            _ => __dword_bcst[start + threeStrides + offset],
        };
    }

    // Some lines behind the end are asked for, which does no harm.
    private static void EmitPrefetchStraight(Assembler c, int bytes)
    {
        Label none = c.CreateLabel();
        c.cmp(rdi, __qword_ptr[rcx + PrefetchEnd]);
        c.jae(none);
        for (int line = 0; line < bytes; line += CacheLines.Size) c.prefetcht1(__byte_ptr[rdi + line]);
        c.Label(ref none);
        c.add(rdi, bytes);
    }

    private static void EmitPrefetchSpread(Assembler c, bool half)
    {
        Label none = c.CreateLabel();
        c.cmp(__qword_ptr[rcx + PrefetchEnd], 0);
        c.je(none);
        c.mov(rbp, rax);
        c.and(rbp, -CacheLines.SpreadBytes);
        c.mov(edi, eax);
        c.and(edi, CacheLines.SpreadBytes - 1);
        c.shr(edi, 9);
        c.shl(edi, 6);
        c.lea(rbp, __[rbp + rdi + CacheLines.SpreadBytes]);
        if (half)
        {
            // The upper 256 of 512 bytes ask for the upper pages.
            c.mov(edi, eax);
            c.and(edi, 256);
            c.shl(edi, 6);
            c.add(rbp, rdi);
        }

        EmitPrefetchOfPages(c, 0);
        if (!half) EmitPrefetchOfPages(c, CacheLines.SpreadPages / 2);
        c.Label(ref none);
    }

    private static void EmitPrefetchOfPages(Assembler c, int first)
    {
        const int Pages = CacheLines.SpreadPages / 2;
        Label each = c.CreateLabel(), end = c.CreateLabel();
        c.lea(rdi, Page(Pages - 1));
        c.cmp(rdi, __qword_ptr[rcx + PrefetchEnd]);
        c.jae(each);
        for (int page = 0; page < Pages; page++) c.prefetcht1(Page(page));
        c.jmp(end);
        c.Label(ref each);
        for (int page = 0; page < Pages - 1; page++)
        {
            c.lea(rdi, Page(page));
            c.cmp(rdi, __qword_ptr[rcx + PrefetchEnd]);
            c.jae(end);
            c.prefetcht1(Page(page));
        }

        c.Label(ref end);
        c.nop();

        AssemblerMemoryOperand Page(int page) => __byte_ptr[rbp + (first + page) * CacheLines.PageBytes];
    }
}
