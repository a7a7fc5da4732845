using System.Globalization;

namespace Hadal.Cli.Bench;

/// <summary>Says on standard error how far the rounds of a bench are.</summary>
/// <param name="what">What is measured.</param>
internal sealed class RoundProgress(string what)
{
    private ProgressClock _clock = new();

    /// <summary>Takes in that so many rounds of so many are done; none, when they begin.</summary>
    public void Report(int done, int all)
    {
        if (done == 0) _clock = new ProgressClock();
        if (!_clock.IsDue()) return;
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: round {done} of {all}, {_clock.Left(done, all)}"));
    }
}
