using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hadal.Cli;

/// <summary>
/// Turns the first Ctrl-C (or a request to terminate) into a cancelled token, so that work stops where it can go on later, and leaves the
/// second to the system, which ends the process at once.
/// </summary>
internal sealed class StopSignal : IDisposable
{
    // Work that stops sooner needs no explanation.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    // Some senders (timeout, process supervisors) signal the process and its group: that is one request, not two.
    private static readonly TimeSpan s_oneRequest = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly Timer _explanation;
    private long? _requested;

    public StopSignal()
    {
        _explanation = new Timer(_ => Console.Error.WriteLine("hadal: stopping at the next safe point; Ctrl-C again ends at once."));
        _registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, Handle))];
    }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations) registration.Dispose();
        _explanation.Dispose();
        _source.Dispose();
    }

    // Runs on threads of the runtime's own. Disposing a registration waits for its handler, so the source is still there.
    private void Handle(PosixSignalContext context)
    {
        lock (_lock)
        {
            context.Cancel = _requested is not { } first || Stopwatch.GetElapsedTime(first) < s_oneRequest;
            if (_requested is not null) return;
            _requested = Stopwatch.GetTimestamp();
        }

        _explanation.Change(s_patience, Timeout.InfiniteTimeSpan);
        _source.Cancel();
    }
}
