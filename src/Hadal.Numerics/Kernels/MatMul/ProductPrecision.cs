namespace Hadal.Numerics;

/// <summary>What a matrix product does to its factors before it multiplies. Sums are F32 in every case.</summary>
public enum ProductPrecision
{
    /// <summary>Factors are multiplied as they are; BF16 is widened exactly.</summary>
    F32,

    /// <summary>
    /// F32 factors are rounded to BF16 first, to nearest, ties to even. Such products run on the processor's matrix tiles where it has
    /// them, whose order of additions is another than that of F32 products (docs/numerics.md); everywhere else they are the F32
    /// products of the rounded factors.
    /// </summary>
    BF16,

    /// <summary>
    /// Both factors are rounded to E4M3 as DeepSeek-V3 trains (2412.19437, section 3.3): activations and gradients with a scale for each 128
    /// values along k, the right factor of <see cref="MatMul.Nt"/> and <see cref="MatMul.Nn"/>, a weight, with one for each block of 128 x 128. Sums over
    /// 128 values of k are multiplied by both scales and added up in F32.
    /// </summary>
    F8,
}

/// <summary>What a precision means beside the products of linear layers and experts.</summary>
public static class ProductPrecisions
{
    /// <summary>
    /// The precision of what V3 keeps from FP8 (2412.19437, section 3.3.1): BF16 in its place, for the output head, attention and the products that it is
    /// rearranged into.
    /// </summary>
    public static ProductPrecision WithoutF8(this ProductPrecision precision) => precision == ProductPrecision.F8 ? ProductPrecision.BF16 : precision;

    /// <summary>The type that weights are held in for it: those of FP8 are rounded anew for each product, from BF16.</summary>
    public static ElementType WeightType(this ProductPrecision precision) => precision == ProductPrecision.F32 ? ElementType.F32 : ElementType.BF16;
}
