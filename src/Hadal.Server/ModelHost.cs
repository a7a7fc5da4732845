using Hadal.Server.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Hadal.Server;

/// <summary>
/// Loads the model while the server answers already: /health says so, other endpoints send 503 until it is there. If it can't be loaded,
/// the host stops.
/// </summary>
public sealed class ModelHost : IHostedService, IDisposable
{
    private readonly HadalOptions _options;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<ModelHost> _log;
    private readonly TaskCompletionSource<ServedModel> _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isDisposed;

    internal ModelHost(IOptions<HadalOptions> options, IHostApplicationLifetime lifetime, ILogger<ModelHost> log) =>
        (_options, _lifetime, _log) = (options.Value, lifetime, log);

    /// <summary>Done when the model can be used; faults with what kept it from being loaded.</summary>
    public Task<ServedModel> Loaded => _loaded.Task;

    /// <summary>Told how many of how many parameters have been read.</summary>
    public event Action<long, long>? Progress;

    /// <summary>The model.</summary>
    /// <exception cref="ApiException">It isn't there yet.</exception>
    internal ServedModel Current => _loaded.Task.IsCompletedSuccessfully
        ? _loaded.Task.Result
        : throw new ApiException(503, "the model is still loading", code: "model_loading") { RetryAfter = _options.RetryAfter };

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        // Not awaited: the server starts, finds its port free or taken, and says that it is loading.
        _ = Task.Factory.StartNew(Load, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Frees the model, once it is loaded.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        _loaded.Task.ContinueWith(
            static loaded => loaded.Result.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private void Load()
    {
        try
        {
            _loaded.SetResult(_options.Load is { } make
                ? make()
                : ServedModel.Load(
                    _options.ModelPath!, _options.ModelName, _options.Engine, _options.MatrixType, (read, total) => Progress?.Invoke(read, total),
                    _options.DraftSource, _options.DraftTokens));
        }
#pragma warning disable CA1031 // Whatever it is, the host stops and tells it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _log.LogCritical(e, "The model can't be loaded.");
            _loaded.SetException(e);
            _lifetime.ApplicationStarted.Register(_lifetime.StopApplication); // a host that is still starting would call it cancelled
        }
    }
}
