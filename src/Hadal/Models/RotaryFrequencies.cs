namespace Hadal.Models;

/// <summary>
/// The angles by which pairs of lanes turn per position, and the amplitude of the tables. Computed in F32 step by step, as every
/// reference implementation does: at position 163,839 one unit in the last place of a frequency is already a hundredth of a radian.
/// </summary>
internal static class RotaryFrequencies
{
    /// <summary>Radians per position for each pair of lanes: dim / 2 values.</summary>
    public static float[] Inverse(RopeConfig rope, int dim)
    {
        float[] powers = Powers(rope, dim);
        return rope.Kind switch
        {
            RopeKind.Linear => [.. powers.Select(p => 1 / p / (float)rope.Factor)],
            RopeKind.Yarn => Yarn(rope, dim, powers),
            RopeKind.Llama3 => [.. powers.Select(p => Llama3(rope, 1 / p))],
            _ => [.. powers.Select(p => 1 / p)],
        };
    }

    /// <summary>What cosines and sines are multiplied by.</summary>
    public static float Amplitude(RopeConfig rope)
    {
        if (rope.Kind != RopeKind.Yarn) return 1;
        if (rope.AttentionFactor is { } given) return (float)given;
        return rope is { Mscale: { } mscale and not 0, MscaleAllDim: { } allDim and not 0 }
            ? (float)(YarnMscale(rope.Factor, mscale) / YarnMscale(rope.Factor, allDim))
            : (float)YarnMscale(rope.Factor, 1);
    }

    /// <summary>What DeepSeek multiplies the softmax scale by: mscale(factor, mscale_all_dim)².</summary>
    public static double SoftmaxScaleFactor(RopeConfig rope)
    {
        if (rope.Kind != RopeKind.Yarn || rope.MscaleAllDim is not { } allDim || allDim == 0) return 1;
        double mscale = YarnMscale(rope.Factor, allDim);
        return mscale * mscale;
    }

    /// <summary>Fills row i of the tables ([positions, dim / 2]) with cosine and sine of position i of <paramref name="positions"/>.</summary>
    public static void FillTables(ReadOnlySpan<float> inverse, float amplitude, ReadOnlySpan<int> positions, Span<float> cos, Span<float> sin)
    {
        for (int i = 0; i < positions.Length; i++)
        {
            for (int d = 0; d < inverse.Length; d++)
            {
                float angle = positions[i] * inverse[d]; // rounded to F32 before the cosine, as the references do
                cos[i * inverse.Length + d] = (float)Math.Cos(angle) * amplitude;
                sin[i * inverse.Length + d] = (float)Math.Sin(angle) * amplitude;
            }
        }
    }

    // theta^(2d/dim), the inverse of the unscaled frequency.
    private static float[] Powers(RopeConfig rope, int dim)
    {
        float[] powers = new float[dim / 2];
        for (int d = 0; d < powers.Length; d++) powers[d] = (float)Math.Pow((float)rope.Theta, 2 * d / (float)dim);
        return powers;
    }

    // Peng et al. 2023, section 3.2: dimensions that turn often within the original context extrapolate, those that turn less than
    // beta_slow times interpolate, with a linear ramp between.
    private static float[] Yarn(RopeConfig rope, int dim, float[] powers)
    {
        double low = CorrectionDimension(rope.BetaFast, rope, dim), high = CorrectionDimension(rope.BetaSlow, rope, dim);
        if (rope.Truncate) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        low = Math.Max(low, 0);
        high = Math.Min(high, dim - 1);
        if (low == high) high += 0.001;
        float[] frequencies = new float[powers.Length];
        for (int d = 0; d < powers.Length; d++)
        {
            float ramp = Math.Clamp((d - (float)low) / (float)(high - low), 0, 1);
            float keep = 1 - ramp;
            float interpolated = 1 / ((float)rope.Factor * powers[d]), extrapolated = 1 / powers[d];
            frequencies[d] = interpolated * (1 - keep) + extrapolated * keep;
        }

        return frequencies;
    }

    // The dimension that turns `rotations` times within the original context.
    private static double CorrectionDimension(double rotations, RopeConfig rope, int dim) =>
        dim * Math.Log(rope.OriginalMaxPositions / (rotations * 2 * Math.PI)) / (2 * Math.Log(rope.Theta));

    private static double YarnMscale(double factor, double mscale) => factor <= 1 ? 1 : 0.1 * mscale * Math.Log(factor) + 1;

    private static float Llama3(RopeConfig rope, float frequency)
    {
        float wavelength = (float)(2 * Math.PI) / frequency;
        double longest = rope.OriginalMaxPositions / rope.LowFrequencyFactor, shortest = rope.OriginalMaxPositions / rope.HighFrequencyFactor;
        if (wavelength > longest) return frequency / (float)rope.Factor;
        if (wavelength < shortest) return frequency;
        float smooth = (rope.OriginalMaxPositions / wavelength - (float)rope.LowFrequencyFactor) / (float)(rope.HighFrequencyFactor - rope.LowFrequencyFactor);
        return (1 - smooth) * frequency / (float)rope.Factor + smooth * frequency;
    }
}
