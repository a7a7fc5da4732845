using System.Runtime.CompilerServices;

namespace Hadal.Numerics;

/// <summary>Elementary functions on registers of any width; every width gives the same bits for the same element.</summary>
internal static class VectorMath
{
    // Beyond these e^x leaves the normal numbers of binary32: 2^-126 = e^-87.33654 and 2^128 = e^88.72284.
    private const float SmallestArgument = -87.33654f;
    private const float LargestArgument = 88.72283f;

    // Adding 1.5*2^23 rounds to an integer (ties to even) and leaves that integer in the low mantissa bits.
    private const float RoundingShift = 12582912f;

    /// <summary>
    /// e^x with an error below 1 unit in the last place, with FMA (0.974 measured) and without (0.963). Results below the smallest normal
    /// number are 0, as is e^-inf; results above the largest are +inf; NaN gives NaN.
    /// </summary>
    /// <remarks>
    /// x = n ln 2 + r with |r| below ln(2)/2, e^x = 2^n e^r, and e^r = 1 + r + r^2 P(r) with the coefficients of the Cephes library's
    /// expf (S. Moshier). ln 2 is subtracted in two parts, the first with so few bits that n times it is exact.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp<TSimd, TVector>(TVector x)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        TVector shift = TSimd.Broadcast(RoundingShift);
        TVector shifted = TSimd.MultiplyAdd(x, TSimd.Broadcast(1.44269504f), shift);
        TVector n = TSimd.Subtract(shifted, shift);
        TVector r = TSimd.MultiplyAdd(n, TSimd.Broadcast(-0.693359375f), x);
        r = TSimd.MultiplyAdd(n, TSimd.Broadcast(2.12194440e-4f), r);

        TVector p = TSimd.MultiplyAdd(TSimd.Broadcast(1.9875691500e-4f), r, TSimd.Broadcast(1.3981999507e-3f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(8.3334519073e-3f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(4.1665795894e-2f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(1.6666665459e-1f));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(5.0000001201e-1f));
        p = TSimd.Add(TSimd.MultiplyAdd(p, TSimd.Multiply(r, r), r), TSimd.Broadcast(1f));

        // x - x is 0 for a number and NaN for NaN, whose bits the scaling may have mangled; infinities are replaced below.
        TVector result = TSimd.Add(TSimd.ScaleByPowerOfTwo(p, shifted), TSimd.Subtract(x, x));
        result = TSimd.Select(
            TSimd.GreaterThan(x, TSimd.Broadcast(LargestArgument)), TSimd.Broadcast(float.PositiveInfinity), result);
        return TSimd.Select(TSimd.GreaterThan(TSimd.Broadcast(SmallestArgument), x), TSimd.Zero, result);
    }

    /// <summary>The scalar twin: the bits that a lane gets.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Exp(float x) => Exp<SimdScalar, float>(x);

    /// <summary>1 / (1 + e^-x). Below -88.7 the result is 0, where the exact one is below 3e-39.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid<TSimd, TVector>(TVector x)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        TVector one = TSimd.Broadcast(1f);
        return TSimd.Divide(one, TSimd.Add(one, Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, x))));
    }
}
