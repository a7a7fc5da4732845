using System.Runtime.ExceptionServices;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Inference;

/// <summary>
/// Continues prompts, several side by side, and returns when all are done: a <see cref="Scheduler"/> for those who wait. What a
/// sequence gets does not depend on the others.
/// </summary>
public sealed class TextGenerator(Transformer model, WorkerPool workers)
{
    /// <summary>Called for each new token; end-of-text tokens are not reported.</summary>
    /// <param name="request">Index of the request.</param>
    /// <param name="token">The token.</param>
    public delegate void TokenHandler(int request, int token);

    /// <summary>Called for whatever happens to a sample of a request.</summary>
    /// <param name="request">Index of the request.</param>
    /// <param name="e">What happened; it has no text.</param>
    public delegate void GenerationHandler(int request, GenerationEvent e);

    /// <summary>What products do to their factors; as the graph of training for the same log-probabilities. Null: <see cref="EngineOptions.For"/>.</summary>
    public ProductPrecision? Precision { get; init; }

    /// <summary>The form of latent attention; see <see cref="EngineOptions.Form"/>.</summary>
    public MlaForm Form { get; init; } = MlaForm.Absorbed;

    /// <summary>How tokens are drafted; see <see cref="EngineOptions.Speculation"/>.</summary>
    public SpeculationOptions? Speculation { get; init; }

    /// <summary>What the last run did.</summary>
    public EngineStatistics Statistics { get; private set; } = new();

    /// <summary>Runs requests of one sample each to their end.</summary>
    /// <param name="requests">The prompts.</param>
    /// <param name="onToken">Receives tokens as they are drawn.</param>
    /// <param name="atOnce">Sequences that run side by side.</param>
    /// <param name="cancellation">Checked before every step.</param>
    /// <returns>Why each request ended.</returns>
    /// <exception cref="ArgumentException">A request is for several samples, or makes no sense for this model.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public FinishReason[] Run(
        IReadOnlyList<GenerationRequest> requests, TokenHandler onToken, int atOnce = 16, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ArgumentNullException.ThrowIfNull(onToken);
        foreach (GenerationRequest request in requests)
        {
            if (request.Samples != 1) throw new ArgumentException($"a request is for {request.Samples} samples, expected 1", nameof(requests));
        }

        FinishReason[] reasons = new FinishReason[requests.Count];
        RunSamples(requests, (request, e) =>
        {
            if (e.Token is { } token) onToken(request, token.Token);
            if (e.Finish is { } reason) reasons[request] = reason;
        }, atOnce, cancellation);
        return reasons;
    }

    /// <summary>Runs requests of any number of samples to their end.</summary>
    /// <param name="requests">The prompts.</param>
    /// <param name="onEvent">Receives what happens, in order for each sample.</param>
    /// <param name="atOnce">Sequences that run side by side.</param>
    /// <param name="cancellation">Checked before every step.</param>
    /// <exception cref="ArgumentException">A request makes no sense for this model.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public void RunSamples(
        IReadOnlyList<GenerationRequest> requests, GenerationHandler onEvent, int atOnce = 16, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ArgumentNullException.ThrowIfNull(onEvent);
        ArgumentOutOfRangeException.ThrowIfLessThan(atOnce, 1);
        if (requests.Count == 0) return;
        EngineOptions options = new() { MaxRunning = atOnce, Precision = Precision, Form = Form, Speculation = Speculation };
        using Scheduler scheduler = new(model, null, workers, options with { MaxPages = PagesFor(requests, atOnce) });
        foreach (GenerationRequest request in requests) scheduler.Check(request);
        Exception? failed = null;
        for (int i = 0; i < requests.Count; i++)
        {
            int index = i;
            scheduler.Submit(requests[i], e => onEvent(index, e), failure => failed ??= failure);
        }

        while (failed is null && !scheduler.IsIdle)
        {
            cancellation.ThrowIfCancellationRequested();
            scheduler.Step();
        }

        Statistics = scheduler.Statistics;

        if (failed is not null) ExceptionDispatchInfo.Throw(failed);
    }

    // What those need that run at a time, if they are the longest.
    private static long PagesFor(IReadOnlyList<GenerationRequest> requests, int atOnce) => requests
        .SelectMany(request => Enumerable.Repeat(CacheRows.PagesFor((int)Math.Min(int.MaxValue, (long)request.Prompt.Count + request.MaxTokens)), request.Samples))
        .OrderDescending().Take(atOnce).Sum(pages => (long)pages);
}
