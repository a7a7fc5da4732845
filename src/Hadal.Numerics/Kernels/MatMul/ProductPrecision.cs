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
}
