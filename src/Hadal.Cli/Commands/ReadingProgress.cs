using System.Globalization;

namespace Hadal.Cli.Commands;

/// <summary>Says on standard error how far the reading of a model is, if it takes more than a moment.</summary>
internal sealed class ReadingProgress
{
    private readonly ProgressClock _clock = new();

    /// <summary>Takes in that so many parameters of so many have been read.</summary>
    public void Report(long read, long total)
    {
        if (!_clock.IsDue()) return;
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"reading weights: {read / 1e6:F0} of {total / 1e6:F0} million parameters, {_clock.Rate(read) / 1e6:F0} million a second, {_clock.Left(read, total)}"));
    }
}
