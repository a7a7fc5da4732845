using Hadal.Training.Reports;

namespace Hadal.Cli;

/// <summary>When long work says on standard error how far it is: every two seconds, not before the first two, so that short work says nothing.</summary>
/// <param name="time">The clock; the system's where none is given.</param>
internal sealed class ProgressClock(TimeProvider? time = null)
{
    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(2);
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly long _start = (time ?? TimeProvider.System).GetTimestamp();
    private TimeSpan _next = s_every;

    /// <summary>Time since the work began.</summary>
    public TimeSpan Elapsed => _time.GetElapsedTime(_start);

    /// <summary>Whether something is to be said now; then not again for a while.</summary>
    public bool IsDue()
    {
        TimeSpan now = Elapsed;
        if (now < _next) return false;
        _next = now + s_every;
        return true;
    }

    /// <summary>So much a second, up to now.</summary>
    public double Rate(double done) => done / Elapsed.TotalSeconds;

    /// <summary>How long the rest takes at the rate up to now, as in "12 s left".</summary>
    public string Left(double done, double all) =>
        done > 0 ? $"{Quantity.Duration(Elapsed * ((all - done) / done))} left" : "nothing done yet";
}
