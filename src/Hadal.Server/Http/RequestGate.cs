using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Hadal.Server.Http;

/// <summary>
/// Counts requests in and out: more than the bound get 429, those that come while the host stops 503. When the host stops, the requests
/// inside get <see cref="HadalOptions.DrainTime"/> to end, while the server still listens; then they are cancelled.
/// </summary>
internal sealed class RequestGate(IOptions<HadalOptions> options, IHostApplicationLifetime lifetime) : IHostedLifecycleService, IDisposable
{
    // For cancelled requests to tell their clients and leave.
    private static readonly TimeSpan s_goodbye = TimeSpan.FromSeconds(5);

    private readonly HadalOptions _options = options.Value;
    private readonly CancellationTokenSource _end = new();
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private volatile bool _isDraining;

    /// <summary>Requests inside.</summary>
    public int Active { get; private set; }

    /// <summary>Whether the host is stopping.</summary>
    public bool IsStopping => _isDraining || lifetime.ApplicationStopping.IsCancellationRequested;

    /// <summary>Cancelled when requests that are still inside must end.</summary>
    public CancellationToken End => _end.Token;

    /// <summary>Lets a request in; <see cref="Leave"/> must follow.</summary>
    /// <exception cref="ApiException">429 or 503.</exception>
    public void Enter()
    {
        if (IsStopping) throw new ApiException(503, "the server is stopping", code: "stopping") { RetryAfter = _options.RetryAfter };
        lock (_lock)
        {
            if (Active >= _options.MaxConcurrentRequests) throw Busy($"{Active} requests are worked on already, and no more are taken");
            Active++;
        }
    }

    /// <summary>Lets a request out.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            Active--;
            if (_isDraining && Active == 0) _empty.TrySetResult();
        }
    }

    /// <summary>What a client is told when there is no room.</summary>
    public ApiException Busy(string problem) => new(429, problem, code: "rate_limit_exceeded") { RetryAfter = _options.RetryAfter };

    /// <summary>Waits for the requests inside, then cancels them.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _isDraining = true;
            if (Active == 0) _empty.TrySetResult();
        }

        if (await IsEmptyWithinAsync(_options.DrainTime, cancellationToken).ConfigureAwait(false)) return;
        await _end.CancelAsync().ConfigureAwait(false);
        await IsEmptyWithinAsync(s_goodbye, cancellationToken).ConfigureAwait(false);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _end.Dispose();

    private async Task<bool> IsEmptyWithinAsync(TimeSpan time, CancellationToken cancellation)
    {
        try
        {
            await _empty.Task.WaitAsync(time, cancellation).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            return false;
        }
    }
}
