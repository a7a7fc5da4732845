using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;

namespace Hadal.Inference;

/// <summary>A prompt to continue.</summary>
/// <param name="Prompt">Token ids, at least one.</param>
/// <param name="MaxTokens">Most tokens to add.</param>
/// <param name="Sampling">How tokens are drawn.</param>
public sealed record GenerationRequest(IReadOnlyList<int> Prompt, int MaxTokens, SamplingOptions Sampling);

/// <summary>Why a continuation ended.</summary>
public enum FinishReason
{
    /// <summary>The model ended the text.</summary>
    Stop,

    /// <summary>The allowed number of tokens, or the model's context, was used up.</summary>
    Length,
}

/// <summary>
/// Continues prompts, several side by side: each step decodes one token of every sequence that is still running. What a sequence gets
/// does not depend on the others.
/// </summary>
public sealed class TextGenerator(Transformer model, WorkerPool workers)
{
    // Prompts are taken in pieces of this many tokens, which bounds the memory of activations.
    private const int PrefillTokens = 512;

    /// <summary>Called for each new token; end-of-text tokens are not reported.</summary>
    /// <param name="request">Index of the request.</param>
    /// <param name="token">The token.</param>
    public delegate void TokenHandler(int request, int token);

    /// <summary>Runs requests to their end.</summary>
    /// <param name="requests">The prompts.</param>
    /// <param name="onToken">Receives tokens as they are drawn.</param>
    /// <param name="atOnce">Sequences that run side by side.</param>
    /// <param name="cancellation">Checked before every step.</param>
    /// <returns>Why each request ended.</returns>
    /// <exception cref="ArgumentException">A prompt is empty or leaves no room in the model's context.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public FinishReason[] Run(
        IReadOnlyList<GenerationRequest> requests, TokenHandler onToken, int atOnce = 16, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ArgumentNullException.ThrowIfNull(onToken);
        ArgumentOutOfRangeException.ThrowIfLessThan(atOnce, 1);
        foreach (GenerationRequest request in requests) Check(request);

        FinishReason[] reasons = new FinishReason[requests.Count];
        Array.Fill(reasons, FinishReason.Length);
        Queue<int> waiting = new(Enumerable.Range(0, requests.Count).Where(i => requests[i].MaxTokens > 0));
        List<Running> running = [];
        using Graph g = new(workers, recording: false);
        try
        {
            while (waiting.Count > 0 || running.Count > 0)
            {
                cancellation.ThrowIfCancellationRequested();
                while (running.Count < atOnce && waiting.TryDequeue(out int next)) running.Add(Start(g, requests[next], next, cancellation));
                Step(g, running, onToken, reasons);
            }

            return reasons;
        }
        finally
        {
            foreach (Running sequence in running) sequence.Cache.Dispose();
        }
    }

    private void Check(GenerationRequest request)
    {
        request.Sampling.Validate();
        int context = model.Config.MaxPositionEmbeddings;
        if (request.Prompt.Count == 0 || request.Prompt.Count >= context)
        {
            throw new ArgumentException($"a prompt has {request.Prompt.Count} tokens, expected 1 to {context - 1} for this model's context", nameof(request));
        }
    }

    // Takes in all of the prompt but its last token, which the first step decodes.
    private Running Start(Graph g, GenerationRequest request, int index, CancellationToken cancellation)
    {
        KvCache cache = new(model.Config);
        try
        {
            int[] prompt = [.. request.Prompt];
            for (int start = 0; start < prompt.Length - 1; start += PrefillTokens)
            {
                cancellation.ThrowIfCancellationRequested();
                model.Forward(g, TokenBatch.Continue([prompt[start..Math.Min(start + PrefillTokens, prompt.Length - 1)]], [cache]));
                g.Reset();
            }

            int room = Math.Min(request.MaxTokens, model.Config.MaxPositionEmbeddings - prompt.Length);
            return new Running(index, cache, new Sampler(request.Sampling), room) { Last = prompt[^1] };
        }
        catch
        {
            cache.Dispose();
            throw;
        }
    }

    private void Step(Graph g, List<Running> running, TokenHandler onToken, FinishReason[] reasons)
    {
        TokenBatch batch = TokenBatch.Continue([.. running.Select(s => new[] { s.Last })], [.. running.Select(s => s.Cache)]);
        Matrix logits = model.Logits(g, model.Forward(g, batch)).AsMatrix(); // [sequences, vocabulary]
        for (int i = running.Count - 1; i >= 0; i--) // backwards, as finished ones are removed
        {
            Running sequence = running[i];
            sequence.Last = sequence.Sampler.Next(logits.Row(i));
            bool ended = model.Config.EosTokenIds.Contains(sequence.Last);
            if (ended) reasons[sequence.Request] = FinishReason.Stop;
            else onToken(sequence.Request, sequence.Last);
            if (!ended && ++sequence.Drawn < sequence.Room) continue;
            sequence.Cache.Dispose();
            running.RemoveAt(i);
        }

        g.Reset();
    }

    private sealed class Running(int request, KvCache cache, Sampler sampler, int room)
    {
        public int Request => request;

        public KvCache Cache => cache;

        public Sampler Sampler => sampler;

        public int Room => room;

        public int Last { get; set; }

        public int Drawn { get; set; }
    }
}
