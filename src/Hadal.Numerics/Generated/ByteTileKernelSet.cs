using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>
/// The generated kernels for products of bytes on AMX tiles. A thread calls <see cref="Configure"/> before its first product and
/// <see cref="Release"/> after its last; between them it may call anything else but kernels of other tiles.
/// </summary>
internal sealed unsafe class ByteTileKernelSet : IDisposable
{
    /// <summary>What the processor must have.</summary>
    public const ProcessorFeatures Needs = ProcessorFeatures.AmxTile | ProcessorFeatures.AmxInt8;

    /// <summary>Operations of a round of <see cref="MultiplyInRegisters"/>: four products of tiles, a product and an addition being two.</summary>
    public const int OperationsPerCeilingRound = 4 * 2 * 16 * 16 * 64;

    private readonly ExecutableMemory _memory;
    private readonly nint[] _products = new nint[3];
    private nint _configure;
    private nint _release;
    private nint _ceiling;

    /// <summary>Generates the kernels.</summary>
    /// <exception cref="NotSupportedException">The system refuses executable memory.</exception>
    public ByteTileKernelSet()
    {
        KernelAssembler assembler = new();
        assembler.Add(ByteTileCode.EmitConfigure, address => _configure = address);
        assembler.Add(TileProductCode.EmitRelease, address => _release = address);
        assembler.Add(ByteTileCode.EmitCeiling, address => _ceiling = address);
        for (int i = 0; i < _products.Length; i++)
        {
            ByteScales scales = (ByteScales)i;
            assembler.Add(kernel => ByteTileCode.EmitProduct(kernel, scales), address => _products[(int)scales] = address, usesLowVectors: true);
        }

        _memory = assembler.Assemble();
    }

    /// <summary>Configures the tile registers of the calling thread.</summary>
    public void Configure() => ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_configure)(null);

    /// <summary>Forgets the tile registers of the calling thread.</summary>
    public void Release() => ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_release)(null);

    /// <summary>Continues the sums of 16 rows and 16 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Multiply(ByteScales scales, ByteTileArguments* arguments) =>
        ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_products[(int)scales])(arguments);

    /// <summary>Multiplies tiles in registers, for so many rounds.</summary>
    public void MultiplyInRegisters(long rounds) => ((delegate* unmanaged<void*, void>)_ceiling)(&rounds);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
