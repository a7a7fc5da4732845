using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>What a product of a few rows is called with.</summary>
internal unsafe struct FewRowsArguments
{
    /// <summary>First of 16 rows of the right factor, k adjacent.</summary>
    public byte* Weights;

    /// <summary>Bytes from one row of the right factor to the next.</summary>
    public long WeightStride;

    /// <summary>The first of 16 lines that are asked for beside the first line of each row.</summary>
    public byte* Ahead;

    /// <summary>Bytes from one of them to the next.</summary>
    public long AheadStride;

    /// <summary>Bytes from where the next would be to the first of those that are asked for beside the rows' next lines.</summary>
    public long AheadStep;

    /// <summary>The left factor: in F32 the rows of each k side by side, or of each line 32 BF16 of each row.</summary>
    public byte* Left;

    /// <summary>Lines of a row of the right factor, one at least.</summary>
    public long Lines;

    /// <summary>The first row's 16 sums, which go on.</summary>
    public float* Sums;

    /// <summary>Bytes from one row's sums to the next row's.</summary>
    public long SumStride;
}

/// <summary>What a product of a few rows multiplies.</summary>
internal enum FewRowsFactors
{
    /// <summary>F32 by F32.</summary>
    F32,

    /// <summary>F32 by BF16, which is widened.</summary>
    F32ByBFloat16,

    /// <summary>BF16 by BF16, two values of k at a time (AVX512-BF16).</summary>
    BFloat16,
}

/// <summary>
/// Products of a few rows whose weights are read once, where they lie: 16 lines of them are transposed on their way into the registers. An element
/// is one chain over k, ascending, of multiply-adds as in all F32 products, or of BF16's sums of pairs.
/// </summary>
internal static class FewRowsCode
{
    // Offsets in FewRowsArguments.
    private const int Weights = 0, WeightStride = 8, Ahead = 16, AheadStride = 24, AheadStep = 32, Left = 40, Lines = 48, Sums = 56, SumStride = 64;

    // A register holds four quarters of four lanes.
    private const int Quarters = 4, QuarterBytes = 16, LaneBytes = 4, HalfBits = 16;

    private static readonly AssemblerRegister64 s_row = r9, s_stride = r8, s_threeStrides = r11, s_ahead = rbx, s_aheadStride = rsi;

    /// <summary>Rows of the left factor that there are registers for.</summary>
    public const int MostRows = 8;

    /// <summary>
    /// Goes on with the sums of one to eight rows and 16 columns. In plain words:
    /// <code>
    /// load the sums
    /// for each line (16 F32, or 32 BF16) of 16 rows of the right factor:
    ///     load row r, quarter by quarter, into the quarters r / 4 of four registers; ask for lines to come
    ///     for each quarter of the line:
    ///         transpose it, four rows of four lanes in each quarter of the registers
    ///         for each lane (a k, or a pair, which for F32 is widened: first the even k, then the odd one):
    ///             for each row of the left factor: broadcast its element or pair, multiply, add
    /// store the sums
    /// </code>
    /// </summary>
    public static void Emit(KernelAssembler kernel, int rows, FewRowsFactors factors)
    {
        Assembler c = kernel.Code;
        AssemblerRegister64 weights = rdx, left = rax, lines = r10;
        AssemblerRegisterZMM even = zmm28, odd = zmm29, upperHalves = zmm30;
        c.push(rbx);
        c.push(rsi);
        EmitMasks(c);
        c.mov(eax, unchecked((int)0xFFFF0000));
        c.vpbroadcastd(upperHalves, eax);
        ForSums((sum, memory) => c.vmovups(sum, memory));
        c.mov(weights, __qword_ptr[rcx + Weights]);
        c.mov(s_stride, __qword_ptr[rcx + WeightStride]);
        c.lea(s_threeStrides, __[s_stride + s_stride * 2]);
        c.mov(s_ahead, __qword_ptr[rcx + Ahead]);
        c.mov(s_aheadStride, __qword_ptr[rcx + AheadStride]);
        c.mov(left, __qword_ptr[rcx + Left]);
        c.mov(lines, __qword_ptr[rcx + Lines]);
        Label loop = c.CreateLabel();
        c.Label(ref loop);
        EmitLoads(c, weights);
        int lanes = factors == FewRowsFactors.F32ByBFloat16 ? 2 * TileShape.Rows : TileShape.Rows, lane = 0;
        for (int quarter = 0; quarter < Quarters; quarter++)
        {
            EmitTransposition(c, quarter);
            for (int column = 0; column < Quarters; column++)
            {
                AssemblerRegisterZMM weight = Loaded(quarter, column);
                if (factors != FewRowsFactors.F32ByBFloat16)
                {
                    MultiplyAdd(weight);
                    continue;
                }

                c.vpslld(even, weight, HalfBits);
                MultiplyAdd(even);
                c.vpandd(odd, weight, upperHalves);
                MultiplyAdd(odd);
            }
        }

        c.add(s_ahead, __qword_ptr[rcx + AheadStep]);
        c.add(left, lanes * rows * LaneBytes);
        c.add(weights, TileShape.RowBytes);
        c.dec(lines);
        c.jne(loop);
        ForSums((sum, memory) => c.vmovups(memory, sum));
        c.pop(rsi);
        c.pop(rbx);

        void MultiplyAdd(AssemblerRegisterZMM weight)
        {
            for (int row = 0; row < rows; row++)
            {
                if (factors == FewRowsFactors.BFloat16) c.vdpbf16ps(Sum(row), weight, __dword_bcst[left + (row * lanes + lane) * LaneBytes]);
                else c.vfmadd231ps(Sum(row), weight, __dword_bcst[left + (lane * rows + row) * LaneBytes]);
            }

            lane++;
        }

        void ForSums(Action<AssemblerRegisterZMM, AssemblerMemoryOperand> move)
        {
            c.mov(s_row, __qword_ptr[rcx + Sums]);
            for (int row = 0; row < rows; row++)
            {
                move(Sum(row), __zmmword_ptr[s_row]);
                if (row < rows - 1) c.add(s_row, __qword_ptr[rcx + SumStride]);
            }
        }
    }

    // The lanes of all quarters but the first.
    private static void EmitMasks(Assembler c)
    {
        c.mov(eax, 0x00F0);
        c.kmovw(k1, eax);
        c.mov(eax, 0x0F00);
        c.kmovw(k2, eax);
        c.mov(eax, 0xF000);
        c.kmovw(k3, eax);
    }

    // Each line is read at once: rows a power of two apart share few places of the first-level cache.
    private static void EmitLoads(Assembler c, AssemblerRegister64 weights)
    {
        c.mov(s_row, weights);
        for (int four = 0; four < Quarters; four++)
        {
            EmitPrefetch(c);
            EmitLoad(c, four, 0, s_row + 0);
            EmitLoad(c, four, 1, s_row + s_stride);
            EmitLoad(c, four, 2, s_row + s_stride * 2);
            EmitLoad(c, four, 3, s_row + s_threeStrides);
            if (four < Quarters - 1) c.lea(s_row, __[s_row + s_stride * 4]);
        }
    }

    private static void EmitLoad(Assembler c, int four, int row, AssemblerMemoryOperand line)
    {
        for (int quarter = 0; quarter < Quarters; quarter++)
        {
            AssemblerRegisterZMM loaded = Loaded(quarter, row);
            AssemblerMemoryOperand source = __[line + quarter * QuarterBytes];
            switch (four)
            {
                case 0: c.vmovups(new AssemblerRegisterXMM(Register.XMM0 + Quarters * quarter + row), source); break;
                case 1: c.vbroadcastf32x4(loaded.k1, source); break;
                case 2: c.vbroadcastf32x4(loaded.k2, source); break;
                default: c.vbroadcastf32x4(loaded.k3, source); break;
            }
        }
    }

    // As many lines as rows are loaded in between.
    private static void EmitPrefetch(Assembler c)
    {
        for (int line = 0; line < Quarters; line += 2)
        {
            c.prefetcht1(__[s_ahead]);
            c.prefetcht1(__[s_ahead + s_aheadStride]);
            c.lea(s_ahead, __[s_ahead + s_aheadStride * 2]);
        }
    }

    private static void EmitTransposition(Assembler c, int quarter)
    {
        for (int row = 0; row < Quarters; row += 2)
        {
            c.vpunpckldq(Paired(row), Loaded(quarter, row), Loaded(quarter, row + 1));
            c.vpunpckhdq(Paired(row + 1), Loaded(quarter, row), Loaded(quarter, row + 1));
        }

        for (int half = 0; half < 2; half++)
        {
            c.vpunpcklqdq(Loaded(quarter, 2 * half), Paired(half), Paired(2 + half));
            c.vpunpckhqdq(Loaded(quarter, 2 * half + 1), Paired(half), Paired(2 + half));
        }
    }

    private static AssemblerRegisterZMM Loaded(int quarter, int row) => TilePackingCode.Zmm(Quarters * quarter + row);

    private static AssemblerRegisterZMM Paired(int row) => TilePackingCode.Zmm(16 + row);

    private static AssemblerRegisterZMM Sum(int row) => TilePackingCode.Zmm(20 + row);
}
