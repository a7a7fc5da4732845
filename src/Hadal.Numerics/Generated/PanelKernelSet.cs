using System.Runtime.CompilerServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hadal.Numerics;

/// <summary>The generated kernels for products with weights in blocks in 512-bit registers.</summary>
internal sealed unsafe class PanelKernelSet : IDisposable
{
    /// <summary>What the processor must have.</summary>
    public const ProcessorFeatures Needs = ProcessorFeatures.Avx512Vnni;

    /// <summary>Rows of activations in bytes that a kernel takes at most.</summary>
    public const int MostRows = 8;

    /// <summary>Rows of activations in F32 that a kernel takes at most.</summary>
    public const int MostFloatRows = PanelProduct.KernelRows;

    /// <summary>Operations of a round of <see cref="MultiplyInRegisters"/>, a product and an addition being two.</summary>
    public const int OperationsPerCeilingRound = CeilingProducts * 2 * 64;

    private const int CeilingProducts = 16;

    private readonly ExecutableMemory _memory;
    private readonly nint[] _products = new nint[4 * MostRows];
    private readonly nint[] _floatProducts = new nint[MostFloatRows];
    private nint _ceiling;

    /// <summary>Generates the kernels.</summary>
    /// <exception cref="NotSupportedException">The system refuses executable memory.</exception>
    public PanelKernelSet()
    {
        KernelAssembler assembler = new();
        assembler.Add(EmitCeiling, address => _ceiling = address, usesLowVectors: true);
        Add<Q8Format>(assembler);
        Add<Q4Format>(assembler);
        Add<Q4KFormat>(assembler);
        Add<Q6KFormat>(assembler);
        for (int i = 0; i < MostFloatRows; i++)
        {
            int index = i;
            assembler.Add(kernel => VectorF8Code.EmitProduct(kernel, index + 1), address => _floatProducts[index] = address, usesLowVectors: true);
        }

        _memory = assembler.Assemble();
    }

    /// <summary>Continues the sums of one to <see cref="MostRows"/> rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Multiply<TFormat>(int rows, PanelArguments* arguments) where TFormat : struct, IBlockFormat =>
        ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_products[First<TFormat>() + rows - 1])(arguments);

    /// <summary>Continues the sums of one to <see cref="MostFloatRows"/> rows of F32 times E4M3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyF8(int rows, PanelArguments* arguments) =>
        ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_floatProducts[rows - 1])(arguments);

    /// <summary>Multiplies in registers, for so many rounds.</summary>
    public void MultiplyInRegisters(long rounds) => ((delegate* unmanaged<void*, void>)_ceiling)(&rounds);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private static int First<TFormat>() =>
        MostRows * (typeof(TFormat) == typeof(Q8Format) ? 0 : typeof(TFormat) == typeof(Q4Format) ? 1 : typeof(TFormat) == typeof(Q4KFormat) ? 2 : 3);

    private void Add<TFormat>(KernelAssembler assembler) where TFormat : struct, IBlockFormat
    {
        for (int i = 0; i < MostRows; i++)
        {
            int index = First<TFormat>() + i, rows = i + 1;
            assembler.Add(kernel => new VectorByteCode<TFormat>(kernel.Code, rows).EmitProduct(), address => _products[index] = address, usesLowVectors: true);
        }
    }

    // Multiplies in registers only, 16 independent sums in turn, for as many rounds as the argument says.
    private static void EmitCeiling(KernelAssembler kernel)
    {
        Assembler c = kernel.Code;
        Label loop = c.CreateLabel();
        for (int i = 0; i < CeilingProducts + 2; i++) c.vpxord(TilePackingCode.Zmm(i), TilePackingCode.Zmm(i), TilePackingCode.Zmm(i));
        c.mov(r10, __qword_ptr[rcx]);
        c.Label(ref loop);
        for (int i = 0; i < CeilingProducts; i++) c.vpdpbusd(TilePackingCode.Zmm(i), zmm16, zmm17);
        c.dec(r10);
        c.jne(loop);
    }
}
