namespace Hadal.Checkpoints.Parity;

/// <summary>Distances between two arrays.</summary>
internal static class Differences
{
    /// <summary>Compares numbers by their largest absolute difference.</summary>
    /// <param name="name">What they are.</param>
    /// <param name="found">This build's.</param>
    /// <param name="expected">The other implementation's.</param>
    /// <param name="tolerance">Bound on the absolute difference.</param>
    /// <param name="scaled">Whether the bound grows with the largest expected magnitude beyond 1, for results that no softmax follows.</param>
    public static ParityRow MaxAbsolute(string name, ReadOnlySpan<float> found, ReadOnlySpan<float> expected, double tolerance, bool scaled)
    {
        double largest = 0, magnitude = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)found[i] - expected[i]);
            if (!(difference <= largest)) largest = double.IsNaN(difference) ? double.PositiveInfinity : difference;
            magnitude = Math.Max(magnitude, Math.Abs((double)expected[i]));
        }

        return new ParityRow(name, "max abs", largest, scaled ? tolerance * Math.Max(1, magnitude) : tolerance)
        {
            MaxAbsolute = largest,
            MaxRelative = magnitude > 0 ? largest / magnitude : largest,
        };
    }

    /// <summary>Compares logits, and how often both have the same best token.</summary>
    public static ParityRow Logits(string name, ReadOnlySpan<float> found, ReadOnlySpan<float> expected, int vocabulary, double tolerance)
    {
        int rows = expected.Length / vocabulary, same = 0;
        for (int r = 0; r < rows; r++)
        {
            int best = ArgMax(found.Slice(r * vocabulary, vocabulary));
            if (best >= 0 && best == ArgMax(expected.Slice(r * vocabulary, vocabulary))) same++;
        }

        return MaxAbsolute(name, found, expected, tolerance, scaled: false) with { ArgMaxAgreement = (double)same / rows };
    }

    /// <summary>Compares a gradient by the relative L2 norm of the difference.</summary>
    public static ParityRow RelativeL2(string name, ReadOnlySpan<float> found, ReadOnlySpan<float> expected, double tolerance)
    {
        double difference = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double d = (double)found[i] - expected[i];
            difference += d * d;
            norm += (double)expected[i] * expected[i];
        }

        double relative = difference == 0 ? 0 : Math.Sqrt(difference / norm);
        ParityRow absolute = MaxAbsolute(name, found, expected, tolerance, scaled: false);
        return absolute with { Measure = "rel L2", Found = double.IsNaN(relative) ? double.PositiveInfinity : relative };
    }

    /// <summary>Compares each token's experts as a set.</summary>
    public static ParityRow Sets(string name, ReadOnlySpan<int> found, ReadOnlySpan<int> expected, int topK)
    {
        int different = 0;
        for (int r = 0; r < expected.Length; r += topK)
        {
            if (!found.Slice(r, topK).ToArray().ToHashSet().SetEquals(expected.Slice(r, topK).ToArray())) different++;
        }

        return new ParityRow(name, "rows that differ", different, 0);
    }

    /// <summary>Index of the largest value, the first of equals; -1 if one is not a number.</summary>
    public static int ArgMax(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (float.IsNaN(values[i])) return -1;
            if (values[i] > values[best]) best = i;
        }

        return best;
    }
}
