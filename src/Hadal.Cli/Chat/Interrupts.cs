namespace Hadal.Cli.Chat;

/// <summary>
/// What Ctrl-C does: while an answer is written, it stops the answer; at the prompt, a second one leaves, as any program does that is
/// interrupted.
/// </summary>
internal sealed class Interrupts : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Action _warn;
    private CancellationTokenSource? _answer;
    private bool _warned;

    /// <param name="warn">Says that a second one leaves.</param>
    public Interrupts(Action warn)
    {
        _warn = warn;
        Console.CancelKeyPress += Pressed;
    }

    /// <summary>Runs the writing of an answer; false if it was stopped.</summary>
    public async Task<bool> RunAsync(Func<CancellationToken, Task> answer)
    {
        using CancellationTokenSource stop = new();
        lock (_lock) (_answer, _warned) = (stop, false);
        try
        {
            await answer(stop.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            lock (_lock) _answer = null;
        }
    }

    /// <summary>A line was entered, so that the next Ctrl-C is a first one.</summary>
    public void Forget()
    {
        lock (_lock) _warned = false;
    }

    /// <summary>What a Ctrl-C does now; false if it is to end the program.</summary>
    internal bool Interrupt()
    {
        lock (_lock)
        {
            if (_answer is not null)
            {
                _answer.Cancel();
                return true;
            }

            if (_warned) return false;
            _warned = true;
        }

        _warn();
        return true;
    }

    public void Dispose() => Console.CancelKeyPress -= Pressed;

    private void Pressed(object? sender, ConsoleCancelEventArgs e) => e.Cancel = Interrupt();
}
