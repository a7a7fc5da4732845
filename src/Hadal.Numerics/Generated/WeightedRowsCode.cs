using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>What adding weighted rows is called with. The kernel uses the fields as variables: Rows, Output and Next move on, Groups ends at zero.</summary>
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

    /// <summary>What is asked for meanwhile, as many bytes as the rows have; with more rows of the result than two, nothing.</summary>
    public byte* Next;
}

/// <summary>
/// Adds rows of BF16, weighted, to a few rows of a result, with AVX512-BF16: the values of cached keys, or a factor whose rows are k. They are read
/// where they lie, and two neighbours interleaved in registers. In the order of additions of <see cref="VectorTileCode"/>.
/// </summary>
internal static class WeightedRowsCode
{
    /// <summary>Columns of a group.</summary>
    public const int Columns = 32;

    // Offsets in WeightedRowsArguments.
    private const int Rows = 0, RowStride = 8, Weights = 16, WeightStride = 24, Pairs = 32, Output = 40, OutputStride = 48, Groups = 56, Next = 64;

    private const int PairBytes = 2 * sizeof(ushort), Registers = 2, Sums = 16;

    // With fewer groups at once each row serves several rows of the result, and asking for the next ones gains nothing.
    private const int LeastGroupsAsking = 4;

    /// <summary>Groups at once of a single row of the result.</summary>
    public const int MostGroups = 8;

    /// <summary>Groups whose sums fit the registers: a power of two.</summary>
    /// <param name="rows">Rows of the result, one to eight.</param>
    public static int GroupsAtOnce(int rows) => rows switch { 1 => MostGroups, 2 => 4, <= 4 => 2, _ => 1 };

    /// <summary>
    /// Adds to one to eight rows of the result. In plain words:
    /// <code>
    /// for so many groups of 32 columns at once:
    ///     load the sums of all rows of the result
    ///     for each pair of rows, for each group: interleave the two; for each row of the result: broadcast its pair of weights, multiply, add;
    ///         ask for two lines to come
    ///     store the sums
    /// </code>
    /// </summary>
    /// <param name="kernel">Takes the instructions.</param>
    /// <param name="rows">Rows of the result.</param>
    /// <param name="atOnce">Groups at once; the kernel is called for a multiple of them.</param>
    public static void Emit(KernelAssembler kernel, int rows, int atOnce)
    {
        Assembler c = kernel.Code;
        AssemblerRegisterZMM lowOrder = zmm4, highOrder = zmm5;
        bool asks = atOnce >= LeastGroupsAsking;
        Label turn = c.CreateLabel(), loop = c.CreateLabel();
        c.vmovdqu16(lowOrder, kernel.Data(Interleaving(0)));
        c.vmovdqu16(highOrder, kernel.Data(Interleaving(Columns / 2)));
        c.push(rbx);
        c.push(rdi);
        c.mov(rbx, __qword_ptr[rcx + Next]);
        c.mov(r8, __qword_ptr[rcx + RowStride]);
        c.mov(rdi, __qword_ptr[rcx + WeightStride]);
        c.sub(rdi, TileShape.RowBytes);
        c.Label(ref turn);
        EachSum((sum, memory) => c.vmovups(sum, memory));
        c.mov(rax, __qword_ptr[rcx + Rows]);
        c.mov(r9, __qword_ptr[rcx + Weights]);
        c.mov(r10, __qword_ptr[rcx + Pairs]);
        c.mov(r11d, TileShape.Rows);
        c.Label(ref loop);
        for (int group = 0; group < atOnce; group++)
        {
            int column = group * TileShape.RowBytes;
            for (int line = 0; line < 2 && asks; line++) c.prefetcht1(__byte_ptr[rbx + (2 * column + line * CacheLines.Size)]);
            c.vmovdqu64(zmm1, __zmmword_ptr[rax + column]);
            c.vmovdqu64(zmm2, __zmmword_ptr[rax + r8 + column]);
            c.vmovdqa64(zmm0, zmm1);
            c.vpermt2w(zmm0, lowOrder, zmm2);
            c.vpermt2w(zmm1, highOrder, zmm2);
            for (int row = 0; row < rows; row++)
            {
                for (int half = 0; half < Registers; half++) c.vdpbf16ps(Sum(row, group, half), TilePackingCode.Zmm(half), __dword_bcst[r9 + row * TileShape.RowBytes]);
            }
        }

        if (asks) c.add(rbx, atOnce * 2 * CacheLines.Size);

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
        c.add(__qword_ptr[rcx + Rows], atOnce * Columns * sizeof(ushort));
        c.add(__qword_ptr[rcx + Output], atOnce * Columns * sizeof(float));
        c.sub(__qword_ptr[rcx + Groups], atOnce);
        c.jne(turn);
        c.mov(__qword_ptr[rcx + Next], rbx);
        c.pop(rdi);
        c.pop(rbx);

        AssemblerRegisterZMM Sum(int row, int group, int half) => TilePackingCode.Zmm(Sums + (row * atOnce + group) * Registers + half);

        void EachSum(Action<AssemblerRegisterZMM, AssemblerMemoryOperand> move)
        {
            c.mov(rdx, __qword_ptr[rcx + Output]);
            for (int row = 0; row < rows; row++)
            {
                for (int part = 0; part < atOnce * Registers; part++) move(Sum(row, part / Registers, part % Registers), __zmmword_ptr[rdx + part * TileShape.RowBytes]);
                c.add(rdx, __qword_ptr[rcx + OutputStride]);
            }
        }
    }

    // Word 2j comes from word first + j of the first register, word 2j + 1 from that of the second.
    private static byte[] Interleaving(int first) =>
        MemoryMarshal.AsBytes<ushort>([.. Enumerable.Range(0, Columns).Select(word => (ushort)(first + word / 2 + word % 2 * Columns))]).ToArray();
}
