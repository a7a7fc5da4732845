using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>What a product of a few rows in F32 is called with; the kernel moves Ahead on.</summary>
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

    /// <summary>Bytes to those that are asked for beside the rows' next lines.</summary>
    public long AheadStep;

    /// <summary>The left factor in F32, the rows of each k side by side.</summary>
    public float* Left;

    /// <summary>Lines of a row of the right factor, one at least.</summary>
    public long Lines;

    /// <summary>For each row of the left factor 16 sums, which go on; behind them <see cref="FewRowsCode.ScratchBytes"/> of scratch memory.</summary>
    public float* Sums;
}

/// <summary>
/// What <see cref="TransposedProduct{TSimd, TVector}"/> does, in generated code: F32 products of a few rows with weights in F32 or BF16, whose lines are
/// transposed in registers. An element is one chain of multiply-adds over k, ascending, as in all F32 products.
/// </summary>
internal static class FewRowsCode
{
    /// <summary>Bytes behind the sums that the kernel writes.</summary>
    public const int ScratchBytes = TileShape.Bytes;

    // Offsets in FewRowsArguments.
    private const int Weights = 0, WeightStride = 8, Ahead = 16, AheadStride = 24, AheadStep = 32, Left = 40, Lines = 48, Sums = 56;

    private const int HalfBits = 16;

    /// <summary>
    /// Goes on with the sums of one to four rows and 16 columns. In plain words:
    /// <code>
    /// for each line (16 F32, or 32 BF16) of 16 rows of the right factor:
    ///     transpose it into memory; ask for the lines to come
    ///     load the sums; for each k, of BF16 the even and then the odd one of a pair, widened:
    ///         for each row of the left factor: broadcast its element, multiply, add
    ///     store the sums
    /// </code>
    /// </summary>
    public static void Emit(KernelAssembler kernel, int rows, bool isBFloat16)
    {
        Assembler c = kernel.Code;
        AssemblerRegisterZMM upper = zmm1, even = zmm2, odd = zmm3;
        int scratch = rows * TileShape.RowBytes, left = 0;
        Label loop = c.CreateLabel();
        c.push(rbx);
        c.mov(rdx, __qword_ptr[rcx + Weights]);
        c.mov(r8, __qword_ptr[rcx + WeightStride]);
        c.mov(rax, __qword_ptr[rcx + Left]);
        c.mov(r10, __qword_ptr[rcx + Lines]);
        c.mov(r11, __qword_ptr[rcx + Sums]);
        c.Label(ref loop);
        c.mov(r9, rdx);
        for (int row = 0; row < TileShape.Rows; row++)
        {
            c.vmovups(TilePackingCode.Zmm(row), __zmmword_ptr[r9]);
            c.add(r9, r8);
        }

        EmitPrefetch(c);
        TilePackingCode.EmitTransposition(c, (column, register) => c.vmovups(__zmmword_ptr[r11 + (scratch + column * TileShape.RowBytes)], register));
        for (int row = 0; row < rows; row++) c.vmovups(Sum(row), __zmmword_ptr[r11 + row * TileShape.RowBytes]);
        for (int column = 0; column < TileShape.Rows; column++)
        {
            AssemblerMemoryOperand weights = __zmmword_ptr[r11 + (scratch + column * TileShape.RowBytes)];
            if (!isBFloat16)
            {
                c.vmovups(even, weights);
                MultiplyAdd(even);
                continue;
            }

            c.vmovdqu32(upper, weights);
            c.vpslld(even, upper, HalfBits);
            MultiplyAdd(even);
            c.vpsrld(odd, upper, HalfBits);
            c.vpslld(odd, odd, HalfBits);
            MultiplyAdd(odd);
        }

        for (int row = 0; row < rows; row++) c.vmovups(__zmmword_ptr[r11 + row * TileShape.RowBytes], Sum(row));
        c.add(rax, left);
        c.add(rdx, TileShape.RowBytes);
        c.dec(r10);
        c.jne(loop);
        c.pop(rbx);

        void MultiplyAdd(AssemblerRegisterZMM weight)
        {
            for (int row = 0; row < rows; row++, left += sizeof(float)) c.vfmadd231ps(Sum(row), weight, __dword_bcst[rax + left]);
        }
    }

    private static void EmitPrefetch(Assembler c)
    {
        AssemblerRegister64 line = r9, stride = rbx;
        c.mov(line, __qword_ptr[rcx + Ahead]);
        c.mov(stride, __qword_ptr[rcx + AheadStride]);
        for (int row = 0; row < TileShape.Rows; row += 2)
        {
            c.prefetcht1(__[line]);
            c.prefetcht1(__[line + stride]);
            c.lea(line, __[line + stride * 2]);
        }

        c.mov(line, __qword_ptr[rcx + AheadStep]);
        c.add(__qword_ptr[rcx + Ahead], line);
    }

    private static AssemblerRegisterZMM Sum(int row) => TilePackingCode.Zmm(16 + row);
}
