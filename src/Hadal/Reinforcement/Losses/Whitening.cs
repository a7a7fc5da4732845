namespace Hadal.Reinforcement.Losses;

/// <summary>Brings values to unit variance over a whole batch, as PPO does with advantages and, if wanted, rewards.</summary>
public static class Whitening
{
    private const double Epsilon = 1e-8; // under the root, as in TRL

    /// <summary>
    /// (x - mean) / √(variance + 1e-8) in place, the variance unbiased; without <paramref name="centre"/> the mean is put back.
    /// </summary>
    /// <exception cref="ArgumentException">There are fewer than two values.</exception>
    public static void Whiten(Span<float> values, bool centre = true)
    {
        if (values.Length < 2) throw new ArgumentException($"{values.Length} values have no variance, expected two or more", nameof(values));
        double mean = 0, squares = 0;
        foreach (float value in values) mean += value;
        mean /= values.Length;
        foreach (float value in values) squares += (value - mean) * (value - mean);
        double factor = 1 / Math.Sqrt(squares / (values.Length - 1) + Epsilon);
        for (int i = 0; i < values.Length; i++) values[i] = (float)((values[i] - mean) * factor + (centre ? 0 : mean));
    }
}
