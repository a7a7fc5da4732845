using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// The generated kernels for BF16 products on AMX tiles. A thread calls <see cref="Configure"/> before its first product and
/// <see cref="Release"/> after its last; between them it may call anything else.
/// </summary>
internal sealed unsafe class TileKernelSet : IDisposable
{
    /// <summary>What the processor must have.</summary>
    public const ProcessorFeatures Needs = ProcessorFeatures.AmxTile | ProcessorFeatures.AmxBf16 | ProcessorFeatures.Avx512Bf16;

    /// <summary>Products of tiles in a round of <see cref="MultiplyInRegisters"/>.</summary>
    public const int ProductsPerCeilingRound = 4;

    private readonly ExecutableMemory _memory;
    private readonly nint[] _products = new nint[TileProductCode.MostRowTiles];
    private readonly nint[] _directProducts = new nint[TileProductCode.MostRowTiles];
    private readonly nint[] _packings = new nint[8];
    private nint _configure;
    private nint _release;
    private nint _ceiling;

    /// <summary>Generates the kernels.</summary>
    /// <exception cref="NotSupportedException">The system refuses executable memory.</exception>
    public TileKernelSet()
    {
        KernelAssembler assembler = new();
        assembler.Add(TileProductCode.EmitConfigure, address => _configure = address);
        assembler.Add(TileProductCode.EmitRelease, address => _release = address);
        assembler.Add(TileProductCode.EmitCeiling, address => _ceiling = address);
        for (int i = 0; i < _products.Length; i++)
        {
            int index = i;
            assembler.Add(kernel => TileProductCode.EmitProduct(kernel, index + 1), address => _products[index] = address);
            assembler.Add(
                kernel => TileProductCode.EmitDirectProduct(kernel, index + 1), address => _directProducts[index] = address, usesLowVectors: true);
        }

        for (int i = 0; i < _packings.Length; i++)
        {
            int index = i;
            (bool isBFloat16, bool isInnerAdjacent, bool transposes) = ((index & 4) != 0, (index & 2) != 0, (index & 1) != 0);
            assembler.Add(
                kernel => TilePackingCode.Emit(kernel, isBFloat16, isInnerAdjacent, transposes), address => _packings[index] = address,
                usesLowVectors: transposes);
        }

        _memory = assembler.Assemble();
    }

    /// <summary>Configures the tile registers of the calling thread.</summary>
    public void Configure() => ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_configure)(null);

    /// <summary>Forgets the tile registers of the calling thread.</summary>
    public void Release() => ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_release)(null);

    /// <summary>Computes one to three panels of rows of a result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Multiply(int rowTiles, TileProductArguments* arguments) =>
        ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_products[rowTiles - 1])(arguments);

    /// <summary>Computes 16 columns of one to three panels of rows, from a right factor that is not packed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyDirectly(int rowTiles, DirectProductArguments* arguments) =>
        ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_directProducts[rowTiles - 1])(arguments);

    /// <summary>Packs tiles of a factor; <paramref name="isLeft"/> says for which side of the product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Pack(Factor factor, bool isLeft, TilePackingArguments* arguments)
    {
        bool transposes = factor.IsInnerAdjacent != isLeft;
        int index = (factor.IsBFloat16 ? 4 : 0) + (factor.IsInnerAdjacent ? 2 : 0) + (transposes ? 1 : 0);
        ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_packings[index])(arguments);
    }

    /// <summary>Multiplies tiles in registers, for so many rounds of <see cref="ProductsPerCeilingRound"/>.</summary>
    public void MultiplyInRegisters(long rounds) => ((delegate* unmanaged<void*, void>)_ceiling)(&rounds);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
