using System.Diagnostics;
using System.Globalization;

namespace Hadal.Cli.Commands;

/// <summary>Says on standard error how far the reading of a model is, if it takes more than a moment.</summary>
internal sealed class ReadingProgress
{
    private static readonly TimeSpan s_reportEvery = TimeSpan.FromSeconds(2);
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private TimeSpan _next = s_reportEvery;

    /// <summary>Takes in that so many parameters of so many have been read.</summary>
    public void Report(long read, long total)
    {
        if (_watch.Elapsed < _next) return;
        _next = _watch.Elapsed + s_reportEvery;
        double rate = read / _watch.Elapsed.TotalSeconds;
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"reading weights: {read / 1e6:F0} of {total / 1e6:F0} million parameters, {rate / 1e6:F0} million a second, {(total - read) / rate:F0} s left"));
    }
}
