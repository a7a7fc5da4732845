using System.Runtime.CompilerServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>What scales the weights of 32 columns have.</summary>
internal enum ByteScales
{
    /// <summary>One.</summary>
    One,

    /// <summary>One, and a minimum that is subtracted.</summary>
    Minimum,

    /// <summary>One, and for each 16 columns another of whole numbers.</summary>
    Halves,
}

/// <summary>What a product of bytes is called with. The kernel uses <see cref="Parts"/> as a variable, which ends at zero.</summary>
internal unsafe struct ByteTileArguments
{
    /// <summary>The first of 16 rows of activations.</summary>
    public sbyte* Activations;

    /// <summary>Bytes from row to row.</summary>
    public long Stride;

    /// <summary>The scales of the first row.</summary>
    public ActivationScale* Scales;

    /// <summary>Bytes from row to row.</summary>
    public long ScaleStride;

    /// <summary>16 rows of weights, a <see cref="ByteTilePart"/> for each 32 columns.</summary>
    public ByteTilePart* Weights;

    /// <summary>How many of them, one at least.</summary>
    public long Parts;

    /// <summary>For each row of activations 16 sums, one for each row of weights.</summary>
    public float* Sums;

    /// <summary>Bytes from row to row.</summary>
    public long SumStride;

    /// <summary>Not zero if the sums begin at zero, whatever the memory holds.</summary>
    public long Begin;

    /// <summary>What follows begins a cache line.</summary>
    private fixed long _padding[7];

    /// <summary>Takes a tile of sums, or of halves two.</summary>
    public fixed int Tiles[2 * 16 * 16];
}

/// <summary>32 columns of 16 rows of weights, unpacked for tiles.</summary>
internal unsafe struct ByteTilePart
{
    /// <summary>Its size.</summary>
    public const int Bytes = 16 * 32 + 3 * 16 * sizeof(float);

    /// <summary>Four columns of a row are adjacent, and the rows of four columns one after the other; without bias.</summary>
    public fixed sbyte Elements[16 * 32];

    /// <summary>The scale of each row.</summary>
    public fixed float Scale[16];

    /// <summary>The minimum of each row, or its other scale for the first 16 columns.</summary>
    public fixed float Second[16];

    /// <summary>Its other scale for the last 16 columns.</summary>
    public fixed float Third[16];
}

/// <summary>
/// Products of signed bytes on AMX tiles: a tile of 16 rows of activations times one of 16 rows of weights, over the 32 (or 16) columns that share scales,
/// is a tile of 32-bit sums, which are exact. Scaling and adding them up is left to vector registers, in the order that defines
/// products with weights in blocks, so that these have the same bits as with any other kernel.
/// </summary>
internal static class ByteTileCode
{
    // Offsets in ByteTileArguments and in ByteTilePart.
    private const int Activations = 0, Stride = 8, Scales = 16, ScaleStride = 24, Weights = 32, Parts = 40, Sums = 48, SumStride = 56, Begin = 64, Tile = 128, OtherTile = Tile + Rows * RowBytes;
    private const int Scale = 512, Second = 576, Third = 640;
    private const int Rows = 16, RowBytes = 64, HalfBytes = 256, PartColumns = 32;

    private static readonly AssemblerRegisterTMM s_product = tmm0, s_left = tmm1, s_right = tmm2, s_leftHalf = tmm3, s_rightHalf = tmm4;

    /// <summary>
    /// 16 rows of activations times 16 rows of weights. In plain words:
    /// <code>
    /// load (or zero) the sums, a register for each row of activations
    /// for each 32 columns:
    ///     multiply the tiles of bytes, store the tile of 32-bit sums
    ///     for each row: convert its 32-bit sums to F32; sums += (scale of the weights * scale of the row) * converted
    ///                   minimum: sums += minimum of the weights * negative sum of the row
    ///     halves: the same with two tiles of 16 columns each, where converted = first * second scale + other * third scale
    /// store the sums
    /// </code>
    /// </summary>
    public static void EmitProduct(KernelAssembler kernel, ByteScales scales)
    {
        Assembler c = kernel.Code;
        Label zero = c.CreateLabel(), start = c.CreateLabel(), loop = c.CreateLabel();
        AssemblerRegisterZMM scale = zmm16, second = zmm17, third = zmm18;
        c.push(rbx);
        c.push(r12);
        c.mov(rax, __qword_ptr[rcx + Activations]);
        c.mov(rdx, __qword_ptr[rcx + Stride]);
        c.mov(r8, __qword_ptr[rcx + Weights]);
        c.mov(r9, __qword_ptr[rcx + Scales]);
        c.cmp(__qword_ptr[rcx + Begin], 0);
        c.jne(zero);
        EmitSums((row, address) => c.vmovups(row, address));
        c.jmp(start);
        c.Label(ref zero);
        for (int row = 0; row < Rows; row++) c.vpxord(TilePackingCode.Zmm(row), TilePackingCode.Zmm(row), TilePackingCode.Zmm(row));
        c.Label(ref start);
        c.mov(r10, __qword_ptr[rcx + ScaleStride]);
        c.lea(r12, __[r10 + r10 * 2]);
        c.mov(r11d, RowBytes);

        c.Label(ref loop);
        if (scales == ByteScales.Halves)
        {
            EmitTile(s_leftHalf, 0, s_rightHalf, 0, Tile);
            EmitTile(s_leftHalf, PartColumns / 2, s_rightHalf, HalfBytes, OtherTile);
        }
        else
        {
            EmitTile(s_left, 0, s_right, 0, Tile);
        }

        c.vmovups(scale, __[r8 + Scale]);
        if (scales != ByteScales.One) c.vmovups(second, __[r8 + Second]);
        if (scales == ByteScales.Halves) c.vmovups(third, __[r8 + Third]);
        for (int row = 0; row < Rows; row++) EmitRow(row);
        c.add(rax, PartColumns);
        c.add(r8, ByteTilePart.Bytes);
        c.add(r9, Unsafe.SizeOf<ActivationScale>());
        c.dec(__qword_ptr[rcx + Parts]);
        c.jne(loop);

        EmitSums((row, address) => c.vmovups(address, row));
        c.pop(r12);
        c.pop(rbx);

        void EmitSums(Action<AssemblerRegisterZMM, AssemblerMemoryOperand> access)
        {
            c.mov(rbx, __qword_ptr[rcx + Sums]);
            c.mov(r10, __qword_ptr[rcx + SumStride]);
            for (int row = 0; row < Rows; row++)
            {
                access(TilePackingCode.Zmm(row), __[rbx]);
                c.add(rbx, r10);
            }
        }

        void EmitTile(AssemblerRegisterTMM left, int leftOffset, AssemblerRegisterTMM right, int rightOffset, int tile)
        {
            c.tileloadd(left, __[rax + rdx + leftOffset]);
            c.tileloadd(right, __[r8 + r11 + rightOffset]);
            c.tilezero(s_product);
            c.tdpbssd(s_product, left, right);
            c.tilestored(__[rcx + r11 + tile], s_product);
        }

        void EmitRow(int row)
        {
            AssemblerRegisterZMM sums = TilePackingCode.Zmm(row), converted = TilePackingCode.Zmm(20 + row % 4), factor = TilePackingCode.Zmm(24 + row % 4);
            if (row == 0) c.mov(rbx, r9);
            else if (row % 4 == 0) c.lea(rbx, __[rbx + r10 * 4]);
            c.vcvtdq2ps(converted, __zmmword_ptr[rcx + (Tile + row * RowBytes)]);
            if (scales == ByteScales.Halves)
            {
                // Whole numbers below 2^24: the sum of both halves is exact in F32, in any order.
                AssemblerRegisterZMM other = TilePackingCode.Zmm(28 + row % 4);
                c.vcvtdq2ps(other, __zmmword_ptr[rcx + (OtherTile + row * RowBytes)]);
                c.vmulps(converted, converted, second);
                c.vfmadd231ps(converted, other, third);
            }

            c.vmulps(factor, scale, OfRow(row, 0));
            c.vfmadd231ps(sums, factor, converted);
            if (scales == ByteScales.Minimum) c.vfmadd231ps(sums, second, OfRow(row, sizeof(float)));
        }

        AssemblerMemoryOperand OfRow(int row, int offset) => (row % 4) switch
        {
            0 => __dword_bcst[rbx + offset],
            1 => __dword_bcst[rbx + r10 + offset],
            2 => __dword_bcst[rbx + r10 * 2 + offset],
            _ => __dword_bcst[rbx + r12 + offset],
        };
    }

    /// <summary>Configures the tile registers of the calling thread: sums, activations and weights of 32 columns, the same of 16.</summary>
    public static void EmitConfigure(KernelAssembler kernel)
    {
        byte[] configuration = new byte[64];
        configuration[0] = 1;
        Shape(s_product, Rows, RowBytes);
        Shape(s_left, Rows, PartColumns);
        Shape(s_right, PartColumns / sizeof(int), RowBytes);
        Shape(s_leftHalf, Rows, PartColumns / 2);
        Shape(s_rightHalf, PartColumns / 2 / sizeof(int), RowBytes);
        kernel.Code.ldtilecfg(kernel.Data(configuration));

        void Shape(AssemblerRegisterTMM register, int rows, int rowBytes)
        {
            int number = register.Value - Register.TMM0;
            configuration[16 + 2 * number] = (byte)rowBytes;
            configuration[48 + number] = (byte)rows;
        }
    }

    /// <summary>
    /// The ceiling: <see cref="TileProductCode.EmitCeiling(KernelAssembler)"/> for tiles of 64 columns of bytes. It configures the registers by itself.
    /// </summary>
    public static void EmitCeiling(KernelAssembler kernel)
    {
        TileProductCode.EmitConfigure(kernel);
        TileProductCode.EmitCeiling(kernel, (sum, left, right) => kernel.Code.tdpbssd(sum, left, right));
        TileProductCode.EmitRelease(kernel);
    }
}
