using System.Runtime.Intrinsics;
using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Kernels;

[Trait("Category", "Kernels")]
public sealed unsafe class VectorMathTests
{
    private static readonly float[] s_arguments = Arguments();

    [Fact]
    public void Exp_is_within_one_unit_in_the_last_place_over_the_normal_range()
    {
        foreach (float x in s_arguments)
        {
            double exact = Math.Exp(x);
            if (!(exact >= 1.1754944e-38 && exact <= float.MaxValue)) continue;

            // One unit in the last place of the exact value: 2^(exponent - 23).
            double unit = Math.ScaleB(1, Math.ILogB(exact) - 23);
            double error = Math.Abs(VectorMath.Exp(x) - exact) / unit;
            Assert.True(error <= 1, $"e^{x:R}: {error} units");
        }
    }

    [Fact]
    public void Exp_of_special_values_is_exact()
    {
        Assert.Equal(0f, VectorMath.Exp(float.NegativeInfinity));
        Assert.Equal(0f, VectorMath.Exp(-87.34f));
        Assert.Equal(0f, VectorMath.Exp(-1e30f));
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(float.PositiveInfinity));
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(88.73f));
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(1e30f));
        Assert.Equal(1f, VectorMath.Exp(0f));
        Assert.Equal(1f, VectorMath.Exp(-0f));
        Assert.Equal(1f, VectorMath.Exp(float.Epsilon));
        foreach (uint payload in (uint[])[0x7FC00000, 0x7F800001, 0xFFC00000, 0x7FFFFFFF, 0xFF812345])
        {
            Assert.True(float.IsNaN(VectorMath.Exp(BitConverter.UInt32BitsToSingle(payload))));
        }
    }

    [Fact]
    public void Every_width_gives_the_bits_of_the_scalar_twin()
    {
        AssertSameBits<Simd512, Vector512<float>>();
        AssertSameBits<Simd256, Vector256<float>>();
        AssertSameBits<Simd128, Vector128<float>>();
    }

    [Fact]
    public void Deinterleaving_and_interleaving_are_inverse_at_every_width()
    {
        AssertPairs<Simd512, Vector512<float>>();
        AssertPairs<Simd256, Vector256<float>>();
        AssertPairs<Simd128, Vector128<float>>();
        AssertPairs<SimdScalar, float>();
    }

    [Fact]
    public void Lane_maximum_is_found_in_every_lane_and_nan_wins()
    {
        AssertMaxLane<Simd512, Vector512<float>>();
        AssertMaxLane<Simd256, Vector256<float>>();
        AssertMaxLane<Simd128, Vector128<float>>();
    }

    private static void AssertSameBits<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // Padded with zeros to whole registers.
        float[] padded = new float[(s_arguments.Length + TSimd.Lanes - 1) / TSimd.Lanes * TSimd.Lanes];
        s_arguments.CopyTo(padded, 0);
        float* result = stackalloc float[16];
        fixed (float* source = padded)
        {
            for (int i = 0; i < padded.Length; i += TSimd.Lanes)
            {
                TSimd.Store(VectorMath.Exp<TSimd, TVector>(TSimd.Load(source + i)), result);
                for (int lane = 0; lane < TSimd.Lanes; lane++)
                {
                    float expected = VectorMath.Exp(padded[i + lane]);
                    if (BitConverter.SingleToInt32Bits(expected) != BitConverter.SingleToInt32Bits(result[lane]) && !float.IsNaN(expected))
                    {
                        Assert.Fail($"e^{padded[i + lane]:R}: scalar {expected:R}, {typeof(TSimd).Name} {result[lane]:R}");
                    }
                }
            }
        }
    }

    private static void AssertPairs<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* row = stackalloc float[32];
        float* half = stackalloc float[16];
        int n = TSimd.Lanes;
        for (int i = 0; i < 2 * n; i++) row[i] = i;
        (TVector even, TVector odd) = TSimd.Deinterleave(TSimd.Load(row), TSimd.Load(row + n));
        TSimd.Store(even, half);
        for (int i = 0; i < n; i++) Assert.Equal(2 * i, half[i]);
        TSimd.Store(odd, half);
        for (int i = 0; i < n; i++) Assert.Equal(2 * i + 1, half[i]);
        (TVector a, TVector b) = TSimd.Interleave(even, odd);
        TSimd.Store(a, half);
        for (int i = 0; i < n; i++) Assert.Equal(i, half[i]);
        TSimd.Store(b, half);
        for (int i = 0; i < n; i++) Assert.Equal(n + i, half[i]);
    }

    private static void AssertMaxLane<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* row = stackalloc float[16];
        for (int lane = 0; lane < TSimd.Lanes; lane++)
        {
            for (int i = 0; i < TSimd.Lanes; i++) row[i] = -i - 10;
            row[lane] = -5;
            Assert.Equal(-5f, TSimd.MaxLane(TSimd.Load(row)));
            row[lane] = float.NaN;
            Assert.True(float.IsNaN(TSimd.MaxLane(TSimd.Load(row))));
        }
    }

    // A dense walk over the range, both ends' neighbourhoods, tiny and huge magnitudes, and what is no number.
    private static float[] Arguments()
    {
        List<float> values =
            [0f, -0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.MinValue, float.Epsilon];
        for (double x = -88.5; x < 89.5; x += 0.00071) values.Add((float)x);
        for (float scale = 1e-38f; scale < 1e38f; scale *= 7.3f) values.AddRange([scale, -scale]);
        foreach (float edge in (float[])[-87.33654f, 88.72283f, 88.72284f, 0.34657359f, -0.34657359f, 88.37626f])
        {
            float up = edge, down = edge;
            for (int i = 0; i < 50; i++)
            {
                values.AddRange([up, down]);
                up = MathF.BitIncrement(up);
                down = MathF.BitDecrement(down);
            }
        }

        return [.. values];
    }
}
