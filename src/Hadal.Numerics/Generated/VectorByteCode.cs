using System.Runtime.CompilerServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>
/// What <see cref="PanelKernel{TFormat, TLanes, TInt, TSimd, TVector}"/> does, in 512-bit registers: VPDPBUSD multiplies four columns of the 16 rows of a
/// panel by four activations that it broadcasts, and adds them up in 32 bits, which is exact. Weights are unpacked in registers, for up to eight rows.
/// </summary>
/// <param name="c">Takes the instructions.</param>
/// <param name="rows">Rows of activations, one to <see cref="PanelKernelSet.MostRows"/>.</param>
internal sealed class VectorByteCode<TFormat>(Assembler c, int rows) where TFormat : struct, IBlockFormat
{
    // Offsets in ActivationScale.
    private const int NegativeSum = 4, HalfSums = 8, MinusSum = 12;

    // Four columns of 16 rows fill a register; half of a part has four such groups.
    private const int Groups = PanelLayout.PartColumns / 8, GroupColumns = 4;

    // A sum must not wait for the addition before: few rows have several sums each, which are added in the end.
    private static readonly int[] s_chains = [4, 4, 2, 1, 1, 1, 1, 1];

    private static readonly AssemblerRegisterZMM s_nibble = zmm24, s_upper = zmm25, s_bias = zmm26, s_secondBias = zmm27, s_weights = zmm28, s_high = zmm29,
        s_factor = zmm30, s_minimum = zmm31;

    private readonly int _chains = s_chains[rows - 1];

    private static int Parts => TFormat.Elements / PanelLayout.PartColumns;

    /// <summary>
    /// In plain words:
    /// <code>
    /// for each group of rows (one, unless they are most rows):
    ///     load (or zero) the sums, a register for each row of activations
    ///     for each block, for each 32 columns of it:
    ///         ask for weights to come
    ///         for each row: 32-bit sum = -bias * sum of its bytes
    ///         for each four columns: unpack the weights; for each row: broadcast its four bytes, multiply, add to the 32-bit sum
    ///             (of formats with two scales a 32-bit sum ends after 16 columns; times its scale it goes on in F32, exactly)
    ///         for each row: sums += (scale of the weights * scale of the row) * sum of the 32 columns
    ///                       minimum: sums += minimum of the weights * negative sum of the row
    ///     store the sums
    /// </code>
    /// </summary>
    public void EmitProduct()
    {
        Label group = c.CreateLabel(), zero = c.CreateLabel(), start = c.CreateLabel(), block = c.CreateLabel(), part = c.CreateLabel();
        PanelCode.EmitBegin(c);
        EmitConstants();
        c.mov(r8, __qword_ptr[rcx + PanelCode.Activations]);
        c.mov(r9, __qword_ptr[rcx + PanelCode.Scales]);
        c.mov(r10, __qword_ptr[rcx + PanelCode.Stride]);
        c.mov(r11, __qword_ptr[rcx + PanelCode.ScaleStride]);
        c.lea(rbx, __[r10 + r10 * 2]);
        c.lea(r12, __[r11 + r11 * 2]);
        PanelCode.EmitPrefetchStart(c);

        c.Label(ref group);
        c.cmp(__qword_ptr[rcx + PanelCode.Begin], 0);
        c.jne(zero);
        EmitSums((sums, address) => c.vmovups(sums, address));
        c.jmp(start);
        c.Label(ref zero);
        for (int row = 0; row < rows; row++) EmitZero(Sum(row));
        c.Label(ref start);
        c.mov(rax, __qword_ptr[rcx + PanelCode.Elements]);
        c.mov(rdx, __qword_ptr[rcx + PanelCode.Heads]);
        c.lea(r13, __[r8 + r10 * 4]);
        c.lea(r14, __[r9 + r11 * 4]);
        c.mov(r15, __qword_ptr[rcx + PanelCode.Blocks]);
        c.mov(__qword_ptr[rcx + PanelCode.BlocksLeft], r15);

        c.Label(ref block);
        c.lea(rsi, __[rdx + TFormat.WideFields * TFormat.WideBytes * PanelLayout.Rows]);
        c.mov(r15d, Parts);
        c.Label(ref part);
        EmitPart();
        c.add(rax, PanelLayout.Of<TFormat>().PartBytes);
        c.add(rsi, 2 * PanelLayout.Rows);
        c.add(r8, PanelLayout.PartColumns);
        c.add(r13, PanelLayout.PartColumns);
        c.add(r9, Unsafe.SizeOf<ActivationScale>());
        c.add(r14, Unsafe.SizeOf<ActivationScale>());
        c.dec(r15d);
        c.jne(part);
        c.add(rdx, TFormat.HeadBytes * PanelLayout.Rows);
        c.dec(__qword_ptr[rcx + PanelCode.BlocksLeft]);
        c.jne(block);

        EmitSums((sums, address) => c.vmovups(address, sums));
        if (rows == PanelKernelSet.MostRows)
        {
            c.mov(__qword_ptr[rcx + PanelCode.Sums], rsi);
            c.mov(__qword_ptr[rcx + PanelCode.PrefetchEnd], 0);
            EmitAdvance(r8, PanelCode.Activations, r10);
            EmitAdvance(r9, PanelCode.Scales, r11);
            c.dec(__qword_ptr[rcx + PanelCode.Groups]);
            c.jne(group);
        }

        PanelCode.EmitEnd(c);

        void EmitAdvance(AssemblerRegister64 pointer, int argument, AssemblerRegister64 stride)
        {
            c.mov(pointer, __qword_ptr[rcx + argument]);
            c.lea(pointer, __[pointer + stride * PanelKernelSet.MostRows]);
            c.mov(__qword_ptr[rcx + argument], pointer);
        }
    }

    private void EmitConstants()
    {
        Fill(s_nibble, 0x0f0f0f0f);
        Fill(s_upper, 0x30303030);
        int bias = -TFormat.Bias & 0xffff;
        Fill(s_bias, bias);
        Fill(s_secondBias, bias << 16);

        void Fill(AssemblerRegisterZMM register, int value)
        {
            c.mov(eax, value);
            c.vpbroadcastd(register, eax);
        }
    }

    private void EmitSums(Action<AssemblerRegisterZMM, AssemblerMemoryOperand> access)
    {
        c.mov(rsi, __qword_ptr[rcx + PanelCode.Sums]);
        c.mov(r15, __qword_ptr[rcx + PanelCode.SumStride]);
        for (int row = 0; row < rows; row++)
        {
            access(Sum(row), __[rsi]);
            c.add(rsi, r15);
        }
    }

    private void EmitPart()
    {
        PanelCode.EmitPrefetch(c, PanelLayout.Of<TFormat>());
        EmitStart(isSecond: false);
        EmitGroups(isSecond: false);
        if (TFormat.HasHalves)
        {
            for (int row = 0; row < rows; row++) EmitZero(Half(row));
            EmitHalf(0);
            EmitStart(isSecond: true);
        }

        EmitGroups(isSecond: true);
        if (TFormat.HasHalves)
        {
            EmitHalf(PanelLayout.Rows);
        }
        else
        {
            EmitJoinedChains();
            for (int row = 0; row < rows; row++) c.vcvtdq2ps(Integer(row, 0), Integer(row, 0));
        }

        c.vcvtph2ps(s_factor, __ymmword_ptr[rdx]);
        if (TFormat.HasMinima)
        {
            EmitBytes(c.vpmovzxbd, 0);
            c.vmulps(s_factor, s_factor, s_high);
            c.vcvtph2ps(s_minimum, __ymmword_ptr[rdx + TFormat.WideBytes * PanelLayout.Rows]);
            EmitBytes(c.vpmovzxbd, PanelLayout.Rows);
            c.vmulps(s_minimum, s_minimum, s_high);
        }

        for (int row = 0; row < rows; row++)
        {
            c.vmulps(s_weights, s_factor, Scale(row, 0));
            c.vfmadd231ps(Sum(row), s_weights, TFormat.HasHalves ? Half(row) : Integer(row, 0));
            if (TFormat.HasMinima) c.vfmadd231ps(Sum(row), s_minimum, Scale(row, NegativeSum));
        }
    }

    // The 32-bit sums begin at what the bias adds, so that nothing is left to subtract. The bias is a power of two; of 16 columns it is multiplied by
    // one of a pair of words.
    private void EmitStart(bool isSecond)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int chain = 0; chain < _chains; chain++)
            {
                AssemblerRegisterZMM sum = Integer(row, chain);
                if (chain > 0 || TFormat.Bias == 0 || TFormat.HasHalves) EmitZero(sum);
                else c.vpslld(sum, Scale(row, MinusSum), (byte)int.Log2(TFormat.Bias));
            }

            if (TFormat.HasHalves) c.vpdpwssd(Integer(row, 0), isSecond ? s_secondBias : s_bias, Scale(row, HalfSums));
        }
    }

    // 16 columns: those in the low bits, or in the high bits of the same bytes.
    private void EmitGroups(bool isSecond)
    {
        if (TFormat.Bits == 6) c.vmovdqu32(s_high, __zmmword_ptr[rax + (Groups + (isSecond ? 1 : 0)) * PanelLayout.GroupBytes]);
        for (int group = 0; group < Groups; group++)
        {
            AssemblerMemoryOperand source = __zmmword_ptr[rax + (group + (isSecond && TFormat.Bits == 8 ? Groups : 0)) * PanelLayout.GroupBytes];
            if (TFormat.Bits == 8)
            {
                c.vmovdqu32(s_weights, source);
            }
            else if (isSecond)
            {
                c.vpsrld(s_weights, source, 4);
                c.vpandd(s_weights, s_weights, s_nibble);
            }
            else
            {
                c.vpandd(s_weights, s_nibble, source);
            }

            if (TFormat.Bits == 6) EmitUpperBits(group);
            for (int row = 0; row < rows; row++)
            {
                c.vpdpbusd(Integer(row, group % _chains), s_weights, Activation(row, (group + (isSecond ? Groups : 0)) * GroupColumns));
            }
        }
    }

    // weights |= two bits of each byte, which are the lowest for the first group, << 4.
    private void EmitUpperBits(int group)
    {
        if (group < 2) c.vpslld(s_minimum, s_high, (byte)(4 - 2 * group));
        else c.vpsrld(s_minimum, s_high, (byte)(2 * group - 4));
        c.vpternlogd(s_weights, s_minimum, s_upper, 0xf8);
    }

    // Sums of 16 columns times their scale, added up in F32, in which all of it is exact.
    private void EmitHalf(int scale)
    {
        EmitJoinedChains();
        EmitBytes(c.vpmovsxbd, scale);
        for (int row = 0; row < rows; row++)
        {
            c.vcvtdq2ps(Integer(row, 0), Integer(row, 0));
            c.vfmadd231ps(Half(row), s_high, Integer(row, 0));
        }
    }

    private void EmitJoinedChains()
    {
        for (int row = 0; row < rows; row++)
        {
            for (int chain = 1; chain < _chains; chain++) c.vpaddd(Integer(row, 0), Integer(row, 0), Integer(row, chain));
        }
    }

    // 16 of the bytes among the scales, as F32.
    private void EmitBytes(Action<AssemblerRegisterZMM, AssemblerMemoryOperand> widen, int offset)
    {
        widen(s_high, __xmmword_ptr[rsi + offset]);
        c.vcvtdq2ps(s_high, s_high);
    }

    private void EmitZero(AssemblerRegisterZMM register) => c.vpxord(register, register, register);

    private AssemblerRegisterZMM Integer(int row, int chain) => TilePackingCode.Zmm(8 + row * _chains + chain);

    private static AssemblerRegisterZMM Sum(int row) => TilePackingCode.Zmm(row);

    private static AssemblerRegisterZMM Half(int row) => TilePackingCode.Zmm(16 + row);

    private static AssemblerMemoryOperand Activation(int row, int offset) => PanelCode.OfRow(row, offset, r8, r13, r10, rbx);

    private static AssemblerMemoryOperand Scale(int row, int offset) => PanelCode.OfRow(row, offset, r9, r14, r11, r12);
}
