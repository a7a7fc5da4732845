namespace Hadal.Training.Reports;

/// <summary>What is done to a long series before it is drawn.</summary>
internal static class Series
{
    /// <summary>
    /// At most so many points that look the same: of each stretch the lowest and the highest value in their order, and a gap if it holds one;
    /// first and last point as they are.
    /// </summary>
    public static PlotSeries Downsample(PlotSeries series, int limit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 5);
        int count = series.X.Count;
        if (count <= limit) return series;
        int stretches = (limit - 2) / 3;
        List<int> kept = [0];
        for (int s = 0; s < stretches; s++)
        {
            int from = 1 + (int)((long)(count - 2) * s / stretches), to = 1 + (int)((long)(count - 2) * (s + 1) / stretches);
            kept.AddRange(Extremes(series.Y, from, to));
        }

        kept.Add(count - 1);
        return series with { X = [.. kept.Select(i => series.X[i])], Y = [.. kept.Select(i => series.Y[i])] };
    }

    /// <summary>
    /// Exponential moving average without the pull towards its start (Kingma and Ba, 1412.6980, section 3): value t weighs 2^(-age / half-life).
    /// The half-life begins at 1 and grows to <paramref name="halfLife"/> by one for every twenty values, so that a steep start is followed.
    /// Values that are not finite leave gaps and are not averaged.
    /// </summary>
    public static double[] Smooth(IReadOnlyList<double> values, double halfLife)
    {
        (double sum, double weight) = (0, 0);
        double[] smooth = new double[values.Count];
        for (int i = 0; i < smooth.Length; i++)
        {
            double decay = Math.Pow(2, -1 / Math.Min(halfLife, 1 + i / 20.0));
            bool isNumber = double.IsFinite(values[i]);
            sum = sum * decay + (isNumber ? values[i] : 0);
            weight = weight * decay + (isNumber ? 1 : 0);
            smooth[i] = isNumber ? sum / weight : double.NaN;
        }

        return smooth;
    }

    /// <summary>At most so many items, first and last among them, evenly far apart.</summary>
    public static T[] Spread<T>(IReadOnlyList<T> items, int most) => items.Count <= most
        ? [.. items]
        : [.. Enumerable.Range(0, most).Select(i => items[(int)((long)i * (items.Count - 1) / (most - 1))])];

    private static SortedSet<int> Extremes(IReadOnlyList<double> y, int from, int to)
    {
        (int low, int high, int gap) = (-1, -1, -1);
        for (int i = from; i < to; i++)
        {
            if (!double.IsFinite(y[i])) gap = i;
            else
            {
                if (low < 0 || y[i] < y[low]) low = i;
                if (high < 0 || y[i] > y[high]) high = i;
            }
        }

        return [.. new[] { low, high, gap }.Where(i => i >= 0)];
    }
}
