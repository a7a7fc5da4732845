using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>What adding cached values is called with. The kernel uses the fields as variables: Values and Output move on, Columns ends at zero.</summary>
internal unsafe struct CachedValueArguments
{
    /// <summary>The first value: BF16, its components adjacent.</summary>
    public byte* Values;

    /// <summary>Bytes from value to value.</summary>
    public long ValueStride;

    /// <summary>Weights, packed as a panel of a left factor.</summary>
    public byte* Weights;

    /// <summary>Pairs of values, one at least.</summary>
    public long Pairs;

    /// <summary>First element of the result.</summary>
    public float* Output;

    /// <summary>Bytes from one row of the result to the next.</summary>
    public long OutputStride;

    /// <summary>Groups of <see cref="CachedValueCode.Columns"/> components, one at least.</summary>
    public long Groups;
}

/// <summary>
/// Adds cached values, weighted, to the outputs of a few rows, with AVX512-BF16: values are read where they lie, and two neighbours interleaved in
/// registers. In the order of additions of <see cref="VectorTileCode"/>.
/// </summary>
internal static class CachedValueCode
{
    /// <summary>Components that are multiplied in turn.</summary>
    public const int Columns = 32;

    // Offsets in CachedValueArguments.
    private const int Values = 0, ValueStride = 8, Weights = 16, Pairs = 24, Output = 32, OutputStride = 40, Groups = 48;

    private const int PairBytes = 2 * sizeof(ushort), Registers = 2;

    /// <summary>
    /// Adds to the outputs of one to eight rows. In plain words:
    /// <code>
    /// for each 32 components:
    ///     load the sums of all rows
    ///     for each pair of values: interleave the two; for each row: broadcast the pair of weights, multiply, add
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
        c.mov(r8, __qword_ptr[rcx + ValueStride]);
        c.Label(ref group);
        EachSum((sum, memory) => c.vmovups(sum, memory));
        c.mov(rax, __qword_ptr[rcx + Values]);
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

        // Behind 16 pairs of a row of weights those of the other rows lie.
        Label sameTile = c.CreateLabel();
        c.lea(rax, __[rax + r8 * 2]);
        c.add(r9, PairBytes);
        c.dec(r11);
        c.jne(sameTile);
        c.add(r9, TileShape.Bytes - TileShape.RowBytes);
        c.mov(r11d, TileShape.Rows);
        c.Label(ref sameTile);
        c.dec(r10);
        c.jne(loop);
        EachSum((sum, memory) => c.vmovups(memory, sum));
        c.add(__qword_ptr[rcx + Values], Columns * sizeof(ushort));
        c.add(__qword_ptr[rcx + Output], Columns * sizeof(float));
        c.dec(__qword_ptr[rcx + Groups]);
        c.jne(group);

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
