using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>What adding weighted rows is called with. The kernel uses the fields as variables: Rows and Output move on, Groups ends at zero.</summary>
internal unsafe struct WeightedRowsArguments
{
    /// <summary>The first of the rows that are added: BF16, their columns adjacent.</summary>
    public byte* Rows;

    /// <summary>Bytes from row to row.</summary>
    public long RowStride;

    /// <summary>Weights, packed as rows of a left factor: for 32 rows at a time, 64 bytes of each row of the result.</summary>
    public byte* Weights;

    /// <summary>Bytes from the weights of 32 rows to those of the next 32.</summary>
    public long WeightStride;

    /// <summary>Pairs of rows, one at least.</summary>
    public long Pairs;

    /// <summary>First element of the result.</summary>
    public float* Output;

    /// <summary>Bytes from one row of the result to the next.</summary>
    public long OutputStride;

    /// <summary>Groups of <see cref="WeightedRowsCode.Columns"/> columns, one at least.</summary>
    public long Groups;
}

/// <summary>
/// Adds rows of BF16, weighted, to a few rows of a result, with AVX512-BF16: the values of cached keys, or a factor whose rows are k. They are read
/// where they lie, and two neighbours interleaved in registers. In the order of additions of <see cref="VectorTileCode"/>.
/// </summary>
internal static class WeightedRowsCode
{
    /// <summary>Columns that are multiplied in turn.</summary>
    public const int Columns = 32;

    // Offsets in WeightedRowsArguments.
    private const int Rows = 0, RowStride = 8, Weights = 16, WeightStride = 24, Pairs = 32, Output = 40, OutputStride = 48, Groups = 56;

    private const int PairBytes = 2 * sizeof(ushort), Registers = 2;

    /// <summary>
    /// Adds to one to eight rows of the result. In plain words:
    /// <code>
    /// for each 32 columns:
    ///     load the sums of all rows of the result
    ///     for each pair of rows: interleave the two; for each row of the result: broadcast its pair of weights, multiply, add
    ///     store the sums
    /// </code>
    /// </summary>
    public static void Emit(KernelAssembler kernel, int rows)
    {
        Assembler c = kernel.Code;
        AssemblerRegisterZMM lowOrder = zmm4, highOrder = zmm5;
        Label group = c.CreateLabel(), loop = c.CreateLabel();
        c.vmovdqu16(lowOrder, kernel.Data(Interleaving(0)));
        c.vmovdqu16(highOrder, kernel.Data(Interleaving(Columns / 2)));
        c.push(rdi);
        c.mov(r8, __qword_ptr[rcx + RowStride]);
        c.mov(rdi, __qword_ptr[rcx + WeightStride]);
        c.sub(rdi, TileShape.RowBytes);
        c.Label(ref group);
        EachSum((sum, memory) => c.vmovups(sum, memory));
        c.mov(rax, __qword_ptr[rcx + Rows]);
        c.mov(r9, __qword_ptr[rcx + Weights]);
        c.mov(r10, __qword_ptr[rcx + Pairs]);
        c.mov(r11d, TileShape.Rows);
        c.Label(ref loop);
        c.vmovdqu64(zmm1, __zmmword_ptr[rax]);
        c.vmovdqu64(zmm2, __zmmword_ptr[rax + r8]);
        c.vmovdqa64(zmm0, zmm1);
        c.vpermt2w(zmm0, lowOrder, zmm2);
        c.vpermt2w(zmm1, highOrder, zmm2);
        for (int row = 0; row < rows; row++)
        {
            for (int half = 0; half < Registers; half++) c.vdpbf16ps(Sum(row, half), TilePackingCode.Zmm(half), __dword_bcst[r9 + row * TileShape.RowBytes]);
        }

        // Behind 16 pairs of a row of the result the weights of its other rows lie.
        Label sameTile = c.CreateLabel();
        c.lea(rax, __[rax + r8 * 2]);
        c.add(r9, PairBytes);
        c.dec(r11);
        c.jne(sameTile);
        c.add(r9, rdi);
        c.mov(r11d, TileShape.Rows);
        c.Label(ref sameTile);
        c.dec(r10);
        c.jne(loop);
        EachSum((sum, memory) => c.vmovups(memory, sum));
        c.add(__qword_ptr[rcx + Rows], Columns * sizeof(ushort));
        c.add(__qword_ptr[rcx + Output], Columns * sizeof(float));
        c.dec(__qword_ptr[rcx + Groups]);
        c.jne(group);
        c.pop(rdi);

        void EachSum(Action<AssemblerRegisterZMM, AssemblerMemoryOperand> move)
        {
            c.mov(rdx, __qword_ptr[rcx + Output]);
            for (int row = 0; row < rows; row++)
            {
                for (int half = 0; half < Registers; half++) move(Sum(row, half), __zmmword_ptr[rdx + half * TileShape.RowBytes]);
                c.add(rdx, __qword_ptr[rcx + OutputStride]);
            }
        }
    }

    private static AssemblerRegisterZMM Sum(int row, int half) => TilePackingCode.Zmm(16 + row * Registers + half);

    // Word 2j comes from word first + j of the first register, word 2j + 1 from that of the second.
    private static byte[] Interleaving(int first) =>
        MemoryMarshal.AsBytes<ushort>([.. Enumerable.Range(0, Columns).Select(word => (ushort)(first + word / 2 + word % 2 * Columns))]).ToArray();
}
