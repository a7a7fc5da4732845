using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization;

namespace Hadal.Inference;

/// <summary>
/// Runs requests from any number of callers on one model: the asynchronous face of a <see cref="Scheduler"/>, which one thread owns.
/// Everything reaches that thread through one channel, between two steps; what happens to a request leaves through a channel of its own.
/// </summary>
public sealed class InferenceEngine : IDisposable
{
    private readonly WorkerPool _workers;
    private readonly Scheduler _scheduler;
    private readonly Channel<Action> _commands = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Thread _loop;
    private EngineStatistics _statistics;
    private int _taken; // places of MaxRunning and MaxQueued that are taken

    /// <summary>Starts an engine; the model stays the caller's and must outlive it, with the same weights.</summary>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    /// <exception cref="OutOfMemoryException">The system refused the memory for the cache.</exception>
    public InferenceEngine(Transformer model, Tokenizer tokenizer, EngineOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        (Model, Tokenizer, Options) = (model, tokenizer, options ?? new EngineOptions());
        Options.Validate();
        _workers = new WorkerPool(Options.Threads);
        try
        {
            _scheduler = new Scheduler(model, tokenizer, _workers, Options);
        }
        catch
        {
            _workers.Dispose();
            throw;
        }

        _statistics = _scheduler.Statistics;
        _loop = new Thread(Loop) { IsBackground = true, Name = "hadal-engine" };
        _loop.Start();
    }

    /// <summary>The model.</summary>
    public Transformer Model { get; }

    /// <summary>Its tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The bounds.</summary>
    public EngineOptions Options { get; }

    /// <summary>Most tokens that a sequence can have: the model's context, or what the cache holds if that is less.</summary>
    public int ContextLength => _scheduler.ContextLength;

    /// <summary>What the engine did and had to do after its last step.</summary>
    public EngineStatistics Statistics => Volatile.Read(ref _statistics);

    /// <summary>Continues a prompt. Ending the enumeration, or cancelling, stops the work and gives its pages back at the next step.</summary>
    /// <exception cref="ArgumentException">The request makes no sense for this model; thrown before the first event.</exception>
    /// <exception cref="EngineBusyException">The queue is full; thrown before the first event.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed, before or meanwhile.</exception>
    public async IAsyncEnumerable<GenerationEvent> GenerateAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        _scheduler.Check(request);
        cancellation.ThrowIfCancellationRequested();
        Channel<GenerationEvent> events = Channel.CreateUnbounded<GenerationEvent>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        Place place = Take(request.Samples);
        Post(() =>
        {
            if (place.IsFree) return; // given up before it was begun
            place.Request = _scheduler.Submit(request, e => events.Writer.TryWrite(e), failure =>
            {
                place.Free();
                events.Writer.TryComplete(failure);
            });
        }, place);
        try
        {
            await foreach (GenerationEvent e in events.Reader.ReadAllAsync(cancellation).ConfigureAwait(false)) yield return e;
        }
        finally
        {
            GiveUp(place);
        }
    }

    /// <summary>The mean of a text's last hidden states.</summary>
    /// <returns>[hidden].</returns>
    /// <exception cref="ArgumentException">There are no tokens, too many for the context, or one that is not in the vocabulary.</exception>
    /// <exception cref="EngineBusyException">The queue is full.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed, before or meanwhile.</exception>
    public async Task<float[]> EmbedAsync(IReadOnlyList<int> ids, CancellationToken cancellation = default)
    {
        _scheduler.CheckText(ids);
        cancellation.ThrowIfCancellationRequested();
        TaskCompletionSource<float[]> mean = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Place place = Take(1);
        Post(() =>
        {
            if (place.IsFree) return;
            place.Request = _scheduler.SubmitEmbedding(ids, (states, failure) =>
            {
                place.Free();
                if (failure is null) mean.TrySetResult(states!);
                else mean.TrySetException(failure);
            });
        }, place);
        try
        {
            return await mean.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            GiveUp(place);
        }
    }

    /// <summary>Ends all requests, with an <see cref="ObjectDisposedException"/> for those who wait for them, and waits for the step under way.</summary>
    public void Dispose()
    {
        if (!_commands.Writer.TryComplete()) return;
        if (Thread.CurrentThread != _loop) _loop.Join();
    }

    private Place Take(int samples)
    {
        int wanted = Math.Min(samples, Options.MaxRunning), all = Options.MaxRunning + Options.MaxQueued;
        while (true)
        {
            int taken = Volatile.Read(ref _taken);
            if (taken + wanted > all) throw new EngineBusyException(Math.Max(0, taken - Options.MaxRunning));
            if (Interlocked.CompareExchange(ref _taken, taken + wanted, taken) == taken) return new Place(this, wanted);
        }
    }

    private void Post(Action command, Place place)
    {
        if (_commands.Writer.TryWrite(command)) return;
        place.Free();
        throw new ObjectDisposedException(nameof(InferenceEngine));
    }

    private void GiveUp(Place place)
    {
        if (place.IsFree) return;
        _commands.Writer.TryWrite(() =>
        {
            if (place.Request is { } request) _scheduler.Cancel(request);
            place.Free();
        });
    }

    private void Loop()
    {
        ChannelReader<Action> commands = _commands.Reader;
        do
        {
            while (!commands.Completion.IsCompleted && Work(commands))
            {
            }
        }
        while (commands.WaitToReadAsync().AsTask().GetAwaiter().GetResult());

        _scheduler.FailAll(new ObjectDisposedException(nameof(InferenceEngine)));
        Volatile.Write(ref _statistics, _scheduler.Statistics);
        _scheduler.Dispose();
        _workers.Dispose();
    }

    // Commands and one step; false if there was nothing to compute. Whatever goes wrong ends requests, never the engine.
    private bool Work(ChannelReader<Action> commands)
    {
        try
        {
            while (commands.TryRead(out Action? command)) command();
            return _scheduler.Step();
        }
        catch (Exception e)
        {
            _scheduler.FailAll(e);
            return true;
        }
        finally
        {
            Volatile.Write(ref _statistics, _scheduler.Statistics);
        }
    }

    /// <summary>What a request takes of the engine's bounds until it ends.</summary>
    private sealed class Place(InferenceEngine engine, int count)
    {
        private int _isFree;

        public bool IsFree => Volatile.Read(ref _isFree) != 0;

        /// <summary>Set and read by the engine's thread.</summary>
        public ScheduledRequest? Request { get; set; }

        public void Free()
        {
            if (Interlocked.Exchange(ref _isFree, 1) == 0) Interlocked.Add(ref engine._taken, -count);
        }
    }
}
