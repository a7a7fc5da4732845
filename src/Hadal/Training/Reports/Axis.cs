namespace Hadal.Training.Reports;

/// <summary>A range of values on a line from 0 to 1, with round ticks.</summary>
internal sealed class Axis
{
    private const int MostSteps = 6;

    private Axis(double low, double high, bool log) => (Low, High, IsLog) = (low, high, log);

    /// <summary>The value at 0.</summary>
    public double Low { get; }

    /// <summary>The value at 1.</summary>
    public double High { get; }

    /// <summary>Whether equal distances are equal ratios.</summary>
    public bool IsLog { get; }

    /// <summary>The axis that holds all finite values (all positive ones, if logarithmic), with a little room if wanted.</summary>
    public static Axis Of(IEnumerable<double> values, bool log = false, double room = 0)
    {
        (double low, double high) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (double value in values)
        {
            if (!Shows(value, log)) continue;
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
        }

        if (low > high) (low, high) = log ? (1, 10) : (0, 1);
        if (log)
        {
            double factor = high / low > 1 + 1e-9 ? Math.Pow(high / low, room) : 2;
            return new Axis(Math.Max(low / factor, double.Epsilon), Math.Min(high * factor, double.MaxValue), log);
        }

        // A range that double precision can't divide into steps is a single value.
        bool isRange = high - low > 1e-9 * Math.Max(Math.Abs(low), Math.Abs(high));
        double middle = (high + low) / 2, margin = isRange ? room * (high - low) : Math.Max(Math.Abs(middle) * 0.1, 1e-12);
        return isRange ? new Axis(low - margin, high + margin, log) : new Axis(middle - margin, middle + margin, log);
    }

    /// <summary>Whether a value has a place on such an axis.</summary>
    public static bool Shows(double value, bool log) => double.IsFinite(value) && (!log || value > 0);

    /// <summary>The place of a value.</summary>
    public double Place(double value) => IsLog ? Math.Log(value / Low) / Math.Log(High / Low) : (value - Low) / (High - Low);

    /// <summary>
    /// Round values within the axis, lowest first: 1, 2 or 5 times a power of ten apart; on a logarithmic axis powers of ten if there are enough.
    /// </summary>
    public IReadOnlyList<double> Ticks() => IsLog && High / Low >= 10 ? LogTicks() : LinearTicks();

    private List<double> LinearTicks()
    {
        double rough = (High - Low) / MostSteps, power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = (rough / power) switch { <= 1 + 1e-9 => power, <= 2 + 1e-9 => 2 * power, <= 5 + 1e-9 => 5 * power, _ => 10 * power };
        List<double> ticks = [];
        for (double i = Math.Ceiling(Low / step - 1e-9); i * step <= High + step * 1e-9; i++)
        {
            // Dividing keeps 0.3 from becoming 0.30000000000000004 where the step is a negative power of ten; adding 0 makes -0 a 0.
            ticks.Add((step < 1 ? i / Math.Round(1 / step, 6) : i * step) + 0.0);
        }

        return ticks;
    }

    private List<double> LogTicks()
    {
        int first = (int)Math.Ceiling(Math.Log10(Low)), last = (int)Math.Floor(Math.Log10(High));
        int every = (last - first + 6) / 6;
        double[] within = last - first <= 1 ? [1, 2, 5] : [1];
        return [.. Enumerable.Range(first - 1, last - first + 2).Where(exponent => exponent % every == 0)
            .SelectMany(exponent => within.Select(factor => factor * Math.Pow(10, exponent))).Where(tick => tick >= Low && tick <= High)];
    }
}
