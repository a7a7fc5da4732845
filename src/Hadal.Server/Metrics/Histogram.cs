namespace Hadal.Server.Metrics;

/// <summary>Counts durations in buckets, as Prometheus wants them: each bucket counts all that are at most its bound.</summary>
/// <param name="bounds">Upper bounds in seconds, rising.</param>
internal sealed class Histogram(params double[] bounds)
{
    private readonly Lock _lock = new();
    private readonly long[] _counts = new long[bounds.Length + 1];
    private double _sum;

    /// <summary>Counts a duration in.</summary>
    public void Observe(double seconds)
    {
        int bucket = 0;
        while (bucket < bounds.Length && seconds > bounds[bucket]) bucket++;
        lock (_lock)
        {
            _counts[bucket]++;
            _sum += seconds;
        }
    }

    /// <summary>Writes what was counted.</summary>
    public void WriteTo(PrometheusText text, string name, string help)
    {
        long[] counts;
        double sum;
        lock (_lock) (counts, sum) = ([.. _counts], _sum);
        text.Describe(name, "histogram", help);
        long total = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            total += counts[i];
            text.Sample($"{name}_bucket", total, ("le", i < bounds.Length ? PrometheusText.Number(bounds[i]) : "+Inf"));
        }

        text.Sample($"{name}_sum", sum);
        text.Sample($"{name}_count", total);
    }
}
