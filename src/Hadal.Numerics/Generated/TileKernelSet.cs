using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>Instructions that multiply tiles of BF16.</summary>
internal enum TileInstructions
{
    /// <summary>Dot products of pairs in 512-bit registers.</summary>
    Avx512,

    /// <summary>The tile unit.</summary>
    Amx,
}

/// <summary>
/// The generated kernels for products of BF16 tiles. A thread calls <see cref="Configure"/> before its first product and
/// <see cref="Release"/> after its last; between them it may call anything else.
/// </summary>
internal sealed unsafe class TileKernelSet : IDisposable
{
    /// <summary>Products of tiles in a round of <see cref="MultiplyInRegisters"/>.</summary>
    public const int ProductsPerCeilingRound = 4;

    private readonly ExecutableMemory _memory;
    private readonly nint[] _products = new nint[TileProductCode.MostRowTiles];
    private readonly nint[] _directProducts = new nint[TileProductCode.MostRowTiles];
    private readonly nint[] _directProductsOfFewRows = new nint[VectorTileCode.MostFewRows];
    private readonly nint[] _productsOfFewRows = new nint[VectorTileCode.MostFewRows];
    private readonly nint[] _cachedScores = new nint[2];
    private readonly nint[,] _weightedRows = new nint[VectorTileCode.MostFewRows, 1 + int.Log2(WeightedRowsCode.MostGroups)];
    private readonly nint[] _packings = new nint[8];
    private nint _configure;
    private nint _release;
    private nint _packRow;
    private nint _ceiling;

    /// <summary>Generates the kernels.</summary>
    /// <param name="instructions">What multiplies.</param>
    /// <exception cref="NotSupportedException">The system refuses executable memory.</exception>
    public TileKernelSet(TileInstructions instructions)
    {
        Instructions = instructions;
        ReadsCachedRows = instructions == TileInstructions.Avx512;
        KernelAssembler assembler = new();
        if (instructions == TileInstructions.Amx)
        {
            AddProducts(TileProductCode.EmitConfigure, TileProductCode.EmitRelease, TileProductCode.EmitCeiling, TileProductCode.EmitProduct, TileProductCode.EmitDirectProduct);
        }
        else
        {
            AddProducts(VectorTileCode.EmitNothing, VectorTileCode.EmitNothing, VectorTileCode.EmitCeiling, (kernel, _) => VectorTileCode.EmitProduct(kernel), VectorTileCode.EmitDirectProduct);
            for (int i = 0; i < _directProductsOfFewRows.Length; i++)
            {
                int index = i;
                assembler.Add(
                    kernel => FewRowsCode.Emit(kernel, index + 1, FewRowsFactors.BFloat16), address => _directProductsOfFewRows[index] = address,
                    usesLowVectors: true);
                for (int atOnce = 1; atOnce <= WeightedRowsCode.GroupsAtOnce(index + 1); atOnce *= 2)
                {
                    int groups = atOnce;
                    assembler.Add(
                        kernel => WeightedRowsCode.Emit(kernel, index + 1, groups), address => _weightedRows[index, int.Log2(groups)] = address, usesLowVectors: true);
                }

                assembler.Add(kernel => VectorTileCode.EmitProductOfFewRows(kernel, index + 1), address => _productsOfFewRows[index] = address, usesLowVectors: true);
            }

            assembler.Add(TilePackingCode.EmitRow, address => _packRow = address);
            for (int i = 0; i < _cachedScores.Length; i++)
            {
                int index = i;
                assembler.Add(kernel => CachedScoreCode.Emit(kernel, halves: index == 0), address => _cachedScores[index] = address, usesLowVectors: true);
            }
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

        void AddProducts(
            Action<KernelAssembler> configure, Action<KernelAssembler> release, Action<KernelAssembler> ceiling, Action<KernelAssembler, int> product,
            Action<KernelAssembler, int> directProduct)
        {
            assembler.Add(configure, address => _configure = address);
            assembler.Add(release, address => _release = address);
            assembler.Add(ceiling, address => _ceiling = address, usesLowVectors: true);
            for (int i = 0; i < _products.Length; i++)
            {
                int index = i;
                if (i < RowTilesAtOnce) assembler.Add(kernel => product(kernel, index + 1), address => _products[index] = address, usesLowVectors: true);
                assembler.Add(kernel => directProduct(kernel, index + 1), address => _directProducts[index] = address, usesLowVectors: true);
            }
        }
    }

    /// <summary>What multiplies.</summary>
    public TileInstructions Instructions { get; }

    /// <summary>
    /// Panels of rows that a product takes at once: as many tiles of sums as there are registers for. The sums of a panel fill those of AVX-512.
    /// </summary>
    public int RowTilesAtOnce => Instructions == TileInstructions.Amx ? TileProductCode.MostRowTiles : 1;

    /// <summary>
    /// Most values of k in a block, in tiles: those panels of the left factor and one of the right factor, which streams past, fill a
    /// first-level cache, of 48 KB where there is a tile unit and of 32 KB elsewhere.
    /// </summary>
    public int InnerTilesAtOnce => Instructions == TileInstructions.Amx ? 12 : 16;

    /// <summary>What the processor must have for these instructions; packing rounds to BF16 with those of AVX-512.</summary>
    public static ProcessorFeatures Needs(TileInstructions instructions) => ProcessorFeatures.Avx512Bf16
        | (instructions == TileInstructions.Amx ? ProcessorFeatures.AmxTile | ProcessorFeatures.AmxBf16 : ProcessorFeatures.None);

    /// <summary>Configures the tile registers of the calling thread.</summary>
    public void Configure() => ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_configure)(null);

    /// <summary>Forgets the tile registers of the calling thread.</summary>
    public void Release() => ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_release)(null);

    /// <summary>Computes up to <see cref="RowTilesAtOnce"/> panels of rows of a result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Multiply(int rowTiles, TileProductArguments* arguments) =>
        ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_products[rowTiles - 1])(arguments);

    /// <summary>Up to how many rows <see cref="MultiplyFewRows"/> takes; zero where a whole tile costs no more.</summary>
    public int MostFewRows => Instructions == TileInstructions.Avx512 ? VectorTileCode.MostFewRows : 0;

    /// <summary>Whether <see cref="ScoreCached"/> and <see cref="AddWeightedRows"/> are there.</summary>
    public bool ReadsCachedRows { get; init; }

    /// <summary>Computes up to <see cref="MostFewRows"/> rows of a result; the left factor has one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyFewRows(int rows, TileProductArguments* arguments) =>
        ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_productsOfFewRows[rows - 1])(arguments);

    /// <summary>Computes the scores of up to 16 rows with keys where they lie in a cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ScoreCached(int rows, CachedScoreArguments* arguments) =>
        ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_cachedScores[rows <= CachedScoreCode.HalfRows ? 0 : 1])(arguments);

    /// <summary>Adds rows of BF16 where they lie, weighted, to up to <see cref="MostFewRows"/> rows of a result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddWeightedRows(int rows, WeightedRowsArguments* arguments)
    {
        long rest = arguments->Groups;
        for (int atOnce = WeightedRowsCode.GroupsAtOnce(rows); rest > 0; atOnce /= 2)
        {
            arguments->Groups = rest / atOnce * atOnce;
            rest -= arguments->Groups;
            if (arguments->Groups > 0) ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_weightedRows[rows - 1, int.Log2(atOnce)])(arguments);
        }
    }

    /// <summary>Computes 16 columns of up to three panels of rows, from a right factor that is not packed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyDirectly(int rows, DirectProductArguments* arguments) =>
        ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_directProducts[TileShape.OuterTiles(rows) - 1])(arguments);

    /// <summary>What <see cref="FewRowsProduct"/> calls for up to <see cref="MostFewRows"/> rows, packed by <see cref="PackRow"/>.</summary>
    public nint DirectProductOfFewRows(int rows) => _directProductsOfFewRows[rows - 1];

    /// <summary>Packs tiles of a factor; <paramref name="isLeft"/> says for which side of the product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Pack(Factor factor, bool isLeft, TilePackingArguments* arguments)
    {
        bool transposes = factor.IsInnerAdjacent != isLeft;
        int index = (factor.IsBFloat16 ? 4 : 0) + (factor.IsInnerAdjacent ? 2 : 0) + (transposes ? 1 : 0);
        ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_packings[index])(arguments);
    }

    /// <summary>Rounds a row of F32, 32 elements at a time; with <see cref="MostFewRows"/> only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PackRow(TilePackingArguments* arguments) => ((delegate* unmanaged[SuppressGCTransition]<void*, void>)_packRow)(arguments);

    /// <summary>Multiplies tiles in registers, for so many rounds of <see cref="ProductsPerCeilingRound"/>.</summary>
    public void MultiplyInRegisters(long rounds) => ((delegate* unmanaged<void*, void>)_ceiling)(&rounds);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
