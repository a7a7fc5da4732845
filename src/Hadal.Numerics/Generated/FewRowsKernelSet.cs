namespace Hadal.Numerics;

/// <summary>The generated kernels for F32 products of a few rows.</summary>
internal sealed unsafe class FewRowsKernelSet : IDisposable
{
    /// <summary>Rows of the left factor that a kernel takes at most.</summary>
    public const int MostRows = 4;

    private readonly ExecutableMemory _memory;
    private readonly nint[] _products = new nint[2 * MostRows];

    /// <summary>Generates the kernels.</summary>
    /// <exception cref="NotSupportedException">The system refuses executable memory.</exception>
    public FewRowsKernelSet()
    {
        KernelAssembler assembler = new();
        for (int i = 0; i < _products.Length; i++)
        {
            int index = i;
            assembler.Add(
                kernel => FewRowsCode.Emit(kernel, index % MostRows + 1, index < MostRows ? FewRowsFactors.F32 : FewRowsFactors.F32ByBFloat16),
                address => _products[index] = address, usesLowVectors: true);
        }

        _memory = assembler.Assemble();
    }

    /// <summary>What <see cref="FewRowsProduct"/> calls for products of one to <see cref="MostRows"/> rows.</summary>
    public nint Product(int rows, bool isBFloat16) => _products[(isBFloat16 ? MostRows : 0) + rows - 1];

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
