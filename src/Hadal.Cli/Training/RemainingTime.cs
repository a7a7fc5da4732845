using Hadal.Training;

namespace Hadal.Cli.Training;

/// <summary>
/// How long a run still takes, from the recent steps by the clock, so that evaluating and saving count. One interval counts at most so many
/// times the median: a machine that was asleep doesn't spoil the estimate.
/// </summary>
internal sealed class RemainingTime(TimeProvider time)
{
    private const int Recent = 64;
    private const double MostMedians = 20;

    private readonly Queue<double> _seconds = new();
    private long _last;
    private bool _isRunning;
    private int _left;

    /// <summary>The time left; null before the second step.</summary>
    public TimeSpan? Estimate
    {
        get
        {
            if (_seconds.Count == 0) return null;
            double[] sorted = [.. _seconds.Order()];
            double most = MostMedians * sorted[sorted.Length / 2];
            return TimeSpan.FromSeconds(Math.Min(_left * sorted.Average(s => Math.Min(s, most)), TimeSpan.MaxValue.TotalSeconds / 2));
        }
    }

    /// <summary>Takes in a step that has just ended.</summary>
    public void Add(int step, int totalSteps)
    {
        long now = time.GetTimestamp();
        _left = Math.Max(0, totalSteps - step);
        if (_isRunning) _seconds.Enqueue(time.GetElapsedTime(_last, now).TotalSeconds);
        if (_seconds.Count > Recent) _seconds.Dequeue();
        (_last, _isRunning) = (now, true);
    }
}
