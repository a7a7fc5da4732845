using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Hadal.Numerics;

/// <summary>
/// Finds the scales with which few levels come nearest to some values: rounds with several step widths around the obvious one, solves
/// the weighted least squares for scale (and minimum) of each rounding, and keeps the best, as ggml's make_qx_quants and make_qkx2_quants
/// do. Lanes and their order are fixed and nothing is fused, so every machine finds the same.
/// </summary>
internal static class ScaleSearch
{
    // Adding it leaves a number below 2^22 rounded to nearest even; subtracting it gives the rounded number back.
    private const float Rounding = 12_582_912;

    // Below this a step width has no reciprocal; what is so small is taken for zero.
    private const float Smallest = 1e-30f;

    /// <summary>The scale for which scale · q, q from -levels to levels - 1, comes near to the values; zero if they are zero.</summary>
    /// <param name="values">A whole number of eights, 32 at most; weighted by their squares.</param>
    /// <param name="levels">Half the number of levels.</param>
    public static float Symmetric(ReadOnlySpan<float> values, int levels)
    {
        ReadOnlySpan<Vector256<float>> x = MemoryMarshal.Cast<float, Vector256<float>>(values);
        float extreme = 0;
        foreach (float value in values)
        {
            if (Math.Abs(value) > Math.Abs(extreme)) extreme = value;
        }

        if (Math.Abs(extreme) < Smallest) return 0;

        // The extreme becomes -levels, for there is one level more below zero than above. Values are scaled by it, so that squares can't
        // leave the range of F32.
        Vector256<float> unit = Vector256.Create(1 / extreme);
        float bestScale = 0, best = 0;
        for (int step = -9; step <= 9; step++)
        {
            Vector256<float> inverse = Vector256.Create(-(levels + 0.1f * step));
            Vector256<float> xq = Vector256<float>.Zero, qq = Vector256<float>.Zero;
            foreach (Vector256<float> lanes in x)
            {
                Vector256<float> u = lanes * unit, q = Round(inverse * u, -levels, levels - 1), weighted = u * u * q;
                xq += weighted * u;
                qq += weighted * q;
            }

            (float sumXq, float sumQq) = (Sum(xq), Sum(qq));
            if (sumQq > 0 && sumXq * sumXq > best * sumQq)
            {
                bestScale = sumXq / sumQq;
                best = bestScale * sumXq;
            }
        }

        return bestScale * extreme;
    }

    /// <summary>
    /// Scale and minimum, neither negative, for which scale · q - minimum, q from 0 to <paramref name="top"/>, comes near to the values.
    /// </summary>
    /// <param name="values">32 of them, weighted by their magnitudes plus the mean one.</param>
    /// <param name="top">The highest level.</param>
    public static (float Scale, float Minimum) WithMinimum(ReadOnlySpan<float> values, int top)
    {
        const int Registers = 4;
        ReadOnlySpan<Vector256<float>> source = MemoryMarshal.Cast<float, Vector256<float>>(values);
        Span<Vector256<float>> x = stackalloc Vector256<float>[Registers], w = stackalloc Vector256<float>[Registers];
        float largest = 0;
        foreach (float value in values) largest = Math.Max(largest, Math.Abs(value));
        if (largest < Smallest) return (0, 0);

        float least = 0, most = float.NegativeInfinity;
        Vector256<float> unit = Vector256.Create(1 / largest), squares = Vector256<float>.Zero;
        for (int r = 0; r < Registers; r++)
        {
            x[r] = source[r] * unit;
            squares += x[r] * x[r];
            for (int lane = 0; lane < 8; lane++) (least, most) = (Math.Min(least, x[r][lane]), Math.Max(most, x[r][lane]));
        }

        // All equal and not above zero: the minimum alone says it.
        if (most == least) return (0, -least * largest);

        Vector256<float> mean = Vector256.Create(MathF.Sqrt(Sum(squares) / 32));
        Vector256<float> sumsW = Vector256<float>.Zero, sumsX = Vector256<float>.Zero;
        for (int r = 0; r < Registers; r++)
        {
            w[r] = mean + Vector256.Abs(x[r]);
            sumsW += w[r];
            sumsX += w[r] * x[r];
        }

        (float sumW, float sumX) = (Sum(sumsW), Sum(sumsX));
        float scale = (most - least) / top, minimum = least;
        float best = Error(x, w, top / (most - least), minimum, scale, minimum, top);
        for (int step = 0; step <= 20; step++)
        {
            float inverse = (-1 + 0.1f * step + top) / (most - minimum);
            Vector256<float> q1 = Vector256<float>.Zero, q2 = Vector256<float>.Zero, qx = Vector256<float>.Zero;
            for (int r = 0; r < Registers; r++)
            {
                Vector256<float> q = Round((x[r] - Vector256.Create(minimum)) * Vector256.Create(inverse), 0, top), weighted = w[r] * q;
                q1 += weighted;
                q2 += weighted * q;
                qx += weighted * x[r];
            }

            (float sumQ, float sumQq, float sumQx) = (Sum(q1), Sum(q2), Sum(qx));
            float determinant = sumW * sumQq - sumQ * sumQ;
            if (determinant <= 0) continue;
            float thisScale = (sumW * sumQx - sumX * sumQ) / determinant, thisMinimum = (sumQq * sumX - sumQ * sumQx) / determinant;
            if (thisMinimum > 0) (thisMinimum, thisScale) = (0, sumQx / sumQq);
            float error = Error(x, w, inverse, minimum, thisScale, thisMinimum, top);
            if (error < best && thisScale > 0) (best, scale, minimum) = (error, thisScale, thisMinimum);
        }

        return (scale * largest, -minimum * largest);
    }

    // The weighted squared error of levels that were rounded with one inverse scale and minimum and are read with another.
    private static float Error(
        ReadOnlySpan<Vector256<float>> x, ReadOnlySpan<Vector256<float>> w, float inverse, float from, float scale, float minimum, int top)
    {
        Vector256<float> errors = Vector256<float>.Zero;
        for (int r = 0; r < x.Length; r++)
        {
            Vector256<float> q = Round((x[r] - Vector256.Create(from)) * Vector256.Create(inverse), 0, top);
            Vector256<float> difference = q * Vector256.Create(scale) + Vector256.Create(minimum) - x[r];
            errors += w[r] * difference * difference;
        }

        return Sum(errors);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Round(Vector256<float> value, float least, float most)
    {
        Vector256<float> held = Vector256.Min(Vector256.Max(value, Vector256.Create(least)), Vector256.Create(most));
        return held + Vector256.Create(Rounding) - Vector256.Create(Rounding);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Vector256<float> value)
    {
        Vector128<float> halves = value.GetLower() + value.GetUpper();
        return halves[0] + halves[2] + (halves[1] + halves[3]);
    }
}
