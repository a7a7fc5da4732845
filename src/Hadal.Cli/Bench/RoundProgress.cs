using System.Globalization;

namespace Hadal.Cli.Bench;

/// <summary>Says on standard error how far the rounds of a bench are.</summary>
/// <param name="what">What is measured.</param>
/// <param name="time">The clock; the system's where none is given.</param>
internal sealed class RoundProgress(string what, TimeProvider? time = null)
{
    private ProgressClock _clock = new(time);

    /// <summary>Takes in that so many rounds of so many are done; none, when they begin.</summary>
    public void Report(int done, int all)
    {
        if (Line(done, all) is { } line) Console.Error.WriteLine(line);
    }

    /// <summary>What is to be said of that now, if anything.</summary>
    internal string? Line(int done, int all)
    {
        if (done == 0) _clock = new ProgressClock(time);
        return _clock.IsDue() ? string.Create(CultureInfo.InvariantCulture, $"{what}: round {done} of {all}, {_clock.Left(done, all)}") : null;
    }
}
