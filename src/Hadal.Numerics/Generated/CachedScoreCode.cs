using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>What scores with cached keys are called with. The kernel uses the fields as variables: all but the strides and lengths move on.</summary>
internal unsafe struct CachedScoreArguments
{
    /// <summary>The first key: BF16, its components adjacent.</summary>
    public byte* Keys;

    /// <summary>Bytes from key to key.</summary>
    public long KeyStride;

    /// <summary>A panel of queries, packed as that of a right factor: pairs of components, 16 rows of each.</summary>
    public byte* Queries;

    /// <summary>Pairs of components of a key.</summary>
    public long Pairs;

    /// <summary>Takes the scores, [keys, 16 rows and more].</summary>
    public float* Scores;

    /// <summary>Bytes from the scores of a key to those of the next.</summary>
    public long ScoreStride;

    /// <summary>Groups of <see cref="CachedScoreCode.KeysInTurn"/> keys, one at least.</summary>
    public long Groups;

    /// <summary>Keys that will be read next: as many as are read now are asked for from here on.</summary>
    public byte* Next;
}

/// <summary>
/// Scores of the rows that share cached keys, with AVX512-BF16: a lane is a row, and keys are read where they lie, each pair of components
/// broadcast to all rows. In the order of additions of <see cref="VectorTileCode"/>.
/// </summary>
internal static class CachedScoreCode
{
    /// <summary>Keys that are multiplied in turn; a group that has fewer is computed whole, from whatever lies behind them.</summary>
    public const int KeysInTurn = 16;

    /// <summary>Rows for which half of a register does: an AMD processor of the fourth generation takes half the time for it.</summary>
    public const int HalfRows = 8;

    // Offsets in CachedScoreArguments.
    private const int Keys = 0, KeyStride = 8, Queries = 16, Pairs = 24, Scores = 32, ScoreStride = 40, Groups = 48, Next = 56;

    private const int PairBytes = 2 * sizeof(ushort), PairsInTurn = 4;

    /// <summary>
    /// Scores of a panel of 16 rows, or with <paramref name="halves"/> of eight. In plain words:
    /// <code>
    /// for each group of 16 keys:
    ///     for each pair of components: load it of all rows; for each key: broadcast the key's pair, multiply, add;
    ///                                  ask for a line of the keys to come
    ///     store the sums, key by key
    /// </code>
    /// </summary>
    public static void Emit(KernelAssembler kernel, bool halves)
    {
        Assembler c = kernel.Code;
        Label group = c.CreateLabel(), loop = c.CreateLabel(), rest = c.CreateLabel(), single = c.CreateLabel(), store = c.CreateLabel();
        c.push(rbx);
        c.push(rsi);
        c.push(rdi);
        c.mov(rdi, __qword_ptr[rcx + Next]);
        c.mov(r8, __qword_ptr[rcx + KeyStride]);
        c.lea(r11, __[r8 + r8 * 2]);

        c.Label(ref group);
        c.mov(rdx, __qword_ptr[rcx + Keys]);
        c.lea(r9, __[rdx + r8 * 4]);
        c.lea(r10, __[r9 + r8 * 4]);
        c.lea(rbx, __[r10 + r8 * 4]);
        c.mov(rax, __qword_ptr[rcx + Queries]);
        c.mov(rsi, __qword_ptr[rcx + Pairs]);
        for (int key = 0; key < KeysInTurn; key++) c.vpxord(Sum(key), Sum(key), Sum(key));
        c.Label(ref loop);
        c.sub(rsi, PairsInTurn);
        c.jl(rest);
        EmitPairs(c, PairsInTurn, halves);
        c.add(rdi, PairsInTurn * NativeBuffer.Alignment);
        c.jmp(loop);
        c.Label(ref rest);
        c.add(rsi, PairsInTurn);
        c.Label(ref single);
        c.dec(rsi);
        c.jl(store);
        EmitPairs(c, 1, halves);
        c.jmp(single);

        c.Label(ref store);
        c.lea(rbx, __[rbx + r8 * 4]);
        c.mov(rax, __qword_ptr[rcx + Pairs]);
        c.shl(rax, 2);
        c.sub(rbx, rax);
        c.mov(__qword_ptr[rcx + Keys], rbx);
        c.mov(rdx, __qword_ptr[rcx + Scores]);
        c.mov(r9, __qword_ptr[rcx + ScoreStride]);
        for (int key = 0; key < KeysInTurn; key++)
        {
            if (halves) c.vmovdqu32(__ymmword_ptr[rdx], HalfSum(key));
            else c.vmovups(__zmmword_ptr[rdx], Sum(key));
            c.add(rdx, r9);
        }

        c.mov(__qword_ptr[rcx + Scores], rdx);
        c.dec(__qword_ptr[rcx + Groups]);
        c.jne(group);
        c.pop(rdi);
        c.pop(rsi);
        c.pop(rbx);
    }

    // Pairs of components from rax and from the keys at rdx, r9, r10 and rbx, four at each; moves all behind them.
    private static void EmitPairs(Assembler c, int pairs, bool halves)
    {
        AssemblerRegister64[] fours = [rdx, r9, r10, rbx];
        for (int pair = 0; pair < pairs; pair++)
        {
            if (halves) c.vmovups(new AssemblerRegisterYMM(Register.YMM0 + pair), __ymmword_ptr[rax + pair * TileShape.RowBytes]);
            else c.vmovups(TilePackingCode.Zmm(pair), __zmmword_ptr[rax + pair * TileShape.RowBytes]);

            // A pair of 16 keys is a line's worth of bytes.
            if (pairs > 1) c.prefetcht1(__[rdi + pair * NativeBuffer.Alignment]);
            for (int key = 0; key < KeysInTurn; key++)
            {
                AssemblerRegister64 first = fours[key / 4];
                AssemblerMemoryOperand address = (key % 4) switch
                {
                    0 => __dword_bcst[first + pair * PairBytes],
                    1 => __dword_bcst[first + r8 + pair * PairBytes],
                    2 => __dword_bcst[first + r8 * 2 + pair * PairBytes],
                    _ => __dword_bcst[first + r11 + pair * PairBytes],
                };
                if (halves) c.vdpbf16ps(HalfSum(key), new AssemblerRegisterYMM(Register.YMM0 + pair), address);
                else c.vdpbf16ps(Sum(key), TilePackingCode.Zmm(pair), address);
            }
        }

        c.add(rax, pairs * TileShape.RowBytes);
        foreach (AssemblerRegister64 four in fours) c.add(four, pairs * PairBytes);
    }

    private static AssemblerRegisterZMM Sum(int key) => TilePackingCode.Zmm(16 + key);

    private static AssemblerRegisterYMM HalfSum(int key) => new(Register.YMM16 + key);
}
