using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>Exponentials of one row of scores, for those who draw from it: exp((x - max) / temperature), their sum, and the maximum.</summary>
public static unsafe class RowExponentials
{
    /// <summary>The largest element; -inf if there is none, NaN if one is NaN.</summary>
    public static float Max(ReadOnlySpan<float> x)
    {
        fixed (float* p = x)
        {
            if (KernelSelection.Current == KernelKind.Reference) return RowReductions.MaxReference(p, x.Length);
            if (Vector512.IsHardwareAccelerated) return RowReductions.Max<Simd512, Vector512<float>>(p, x.Length);
            if (Vector256.IsHardwareAccelerated) return RowReductions.Max<Simd256, Vector256<float>>(p, x.Length);
            if (Vector128.IsHardwareAccelerated) return RowReductions.Max<Simd128, Vector128<float>>(p, x.Length);
            return RowReductions.Max<SimdScalar, float>(p, x.Length);
        }
    }

    /// <summary>y = exp((x - max) / temperature).</summary>
    /// <param name="x">[N].</param>
    /// <param name="max">The largest element, finite.</param>
    /// <param name="temperature">Above 0.</param>
    /// <param name="y">[N], may be x.</param>
    /// <returns>The sum of y.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static double Store(ReadOnlySpan<float> x, float max, float temperature, Span<float> y)
    {
        if (y.Length != x.Length) throw new ArgumentException($"there is room for {y.Length} exponentials of {x.Length} scores", nameof(y));
        fixed (float* source = x, destination = y)
        {
            StoredTerm term = new(source, max, temperature, destination);
            if (KernelSelection.Current == KernelKind.Reference) return Reference(source, x.Length, max, temperature, destination);
            if (Vector512.IsHardwareAccelerated) return RowReductions.Sum<Simd512, Vector512<float>, StoredTerm>(term, x.Length);
            if (Vector256.IsHardwareAccelerated) return RowReductions.Sum<Simd256, Vector256<float>, StoredTerm>(term, x.Length);
            if (Vector128.IsHardwareAccelerated) return RowReductions.Sum<Simd128, Vector128<float>, StoredTerm>(term, x.Length);
            return RowReductions.Sum<SimdScalar, float, StoredTerm>(term, x.Length);
        }
    }

    /// <summary>log(sum(exp(x))).</summary>
    public static double LogSum(ReadOnlySpan<float> x)
    {
        float max = Max(x);
        if (!float.IsFinite(max)) return max;
        fixed (float* source = x)
        {
            Term term = new(source, max);
            double sum =
                KernelSelection.Current == KernelKind.Reference ? Reference(source, x.Length, max, 1, null)
                : Vector512.IsHardwareAccelerated ? RowReductions.Sum<Simd512, Vector512<float>, Term>(term, x.Length)
                : Vector256.IsHardwareAccelerated ? RowReductions.Sum<Simd256, Vector256<float>, Term>(term, x.Length)
                : Vector128.IsHardwareAccelerated ? RowReductions.Sum<Simd128, Vector128<float>, Term>(term, x.Length)
                : RowReductions.Sum<SimdScalar, float, Term>(term, x.Length);
            return max + Math.Log(sum);
        }
    }

    private static double Reference(float* x, int count, float max, float temperature, float* y)
    {
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            float e = MathF.Exp((x[i] - max) / temperature);
            if (y != null) y[i] = e;
            sum += e;
        }

        return sum;
    }

    private readonly struct StoredTerm(float* x, float max, float temperature, float* y) : ISumTerm
    {
        public TVector Add<TSimd, TVector>(TVector sum, nint i) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            TVector below = TSimd.Subtract(TSimd.Load(x + i), TSimd.Broadcast(max));
            TVector e = VectorMath.Exp<TSimd, TVector>(TSimd.Divide(below, TSimd.Broadcast(temperature)));
            TSimd.Store(e, y + i);
            return TSimd.Add(sum, e);
        }
    }

    private readonly struct Term(float* x, float max) : ISumTerm
    {
        public TVector Add<TSimd, TVector>(TVector sum, nint i) where TSimd : struct, ISimd<TVector> where TVector : struct =>
            TSimd.Add(sum, VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(x + i), TSimd.Broadcast(max))));
    }
}
