namespace Hadal.Numerics;

/// <summary>
/// The operations that kernels use, for one register width. A kernel is written once, generic in TSimd and TVector, and the JIT
/// specialises it: no call survives. Multiply-add is fused where the processor has FMA, and two roundings where it hasn't.
/// </summary>
internal unsafe interface ISimd<TVector> where TVector : struct
{
    static abstract int Lanes { get; }

    static abstract TVector Zero { get; }

    static abstract TVector Broadcast(float value);

    static abstract TVector Load(float* source);

    /// <summary>Loads <see cref="Lanes"/> BF16 elements, widened exactly.</summary>
    static abstract TVector LoadBFloat16(ushort* source);

    /// <summary>Loads <see cref="Lanes"/> E4M3 elements, widened exactly.</summary>
    static abstract TVector LoadE4M3(byte* source);

    /// <summary>
    /// Transposes one cache line of each of <see cref="Lanes"/> rows: 16 columns of F32, or 32 of BF16 that are widened exactly. Column j
    /// goes to <paramref name="destination"/> + j * <paramref name="stride"/>.
    /// </summary>
    static abstract void TransposeLines(byte* source, long rowBytes, bool isBFloat16, float* destination, long stride);

    /// <summary>
    /// Continues sums of products over one cache line of each of <see cref="Lanes"/> rows, k ascending: lane i of sum r adds element k of row i times
    /// a[k * rows + r], for one to four sums.
    /// </summary>
    static abstract void AddLines<TRows>(byte* source, long rowBytes, bool isBFloat16, float* a, ref RowSums<TVector> sums) where TRows : ICount;

    static abstract void Store(TVector value, float* destination);

    static abstract TVector Add(TVector a, TVector b);

    static abstract TVector Subtract(TVector a, TVector b);

    static abstract TVector Multiply(TVector a, TVector b);

    static abstract TVector Divide(TVector a, TVector b);

    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

    static abstract TVector Max(TVector a, TVector b);

    static abstract TVector Min(TVector a, TVector b);

    /// <summary>Adds the lanes in a fixed tree: halves, quarters, ...</summary>
    static abstract float Sum(TVector value);

    /// <summary>The largest lane; NaN if there is one.</summary>
    static abstract float MaxLane(TVector value);

    /// <summary>All bits set in the lanes where a > b, none in the others (and where either is NaN).</summary>
    static abstract TVector GreaterThan(TVector a, TVector b);

    /// <summary>Whether a > b in any lane.</summary>
    static abstract bool AnyGreaterThan(TVector a, TVector b);

    /// <summary>The lanes of a where the mask made by a comparison is set, else those of b.</summary>
    static abstract TVector Select(TVector mask, TVector a, TVector b);

    /// <summary>
    /// value * 2^n, where the low bits of <paramref name="shifted"/> hold n, as those of 1.5*2^23 + n do: n is added to the exponent
    /// field, so the result must be a normal number.
    /// </summary>
    static abstract TVector ScaleByPowerOfTwo(TVector value, TVector shifted);

    /// <summary>Splits a row of pairs, its first half in a and its second in b, into the first and the second of each pair.</summary>
    static abstract (TVector Even, TVector Odd) Deinterleave(TVector a, TVector b);

    /// <summary>The inverse of <see cref="Deinterleave"/>.</summary>
    static abstract (TVector A, TVector B) Interleave(TVector even, TVector odd);

    /// <summary>Stores the lanes as BF16, rounded to nearest, ties to even; NaN stays NaN.</summary>
    static abstract void StoreBFloat16(TVector value, ushort* destination);
}
