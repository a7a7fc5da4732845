using Hadal.Autograd;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tokenization;

namespace Hadal.Inference;

/// <summary>
/// Who runs next: continuous batching (Yu et al. 2022, Orca) over a paged cache. Every step computes one token of each running sequence and, as
/// far as <see cref="EngineOptions.PrefillTokens"/> goes, pieces of prompts. A sequence is let in when its tokens and one more page fit; when
/// pages run out the youngest gives its own back and is computed again later, to the same tokens. What a request gets depends neither on
/// the others nor on any of this. Serves one thread at a time.
/// </summary>
public sealed partial class Scheduler : IDisposable
{
    private readonly Tokenizer? _tokenizer;
    private readonly Graph _graph;
    private readonly PagePool _pool;
    private readonly PrefixCache _prefixes;
    private readonly StepBatch _batch = new();
    private readonly List<ScheduledSequence> _running = []; // the oldest first
    private readonly List<ScheduledSequence> _parked = [];  // wait, but have pages
    private readonly PriorityQueue<ScheduledSequence, long> _waiting = new();
    private readonly List<int> _foundPages = [];
    private readonly HashSet<int> _endTokens;
    private readonly Drafter? _drafter;
    private long _nextOrder;
    private int _waitingCount;
    private long _promptTokens, _cachedTokens, _generatedTokens, _prefixHits, _preemptions, _steps, _finished, _cancelled, _failed;

    /// <summary>Makes a scheduler without requests.</summary>
    /// <param name="model">The model; it must outlive the scheduler and stay as it is.</param>
    /// <param name="tokenizer">Makes text of tokens; without it events have none.</param>
    /// <param name="workers">Threads that compute; they must outlive the scheduler.</param>
    /// <param name="options">Bounds.</param>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    /// <exception cref="OutOfMemoryException">The system refused the memory for the cache.</exception>
    public Scheduler(Transformer model, Tokenizer? tokenizer, WorkerPool workers, EngineOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(model);
        Options = (options ?? new EngineOptions()).For(model);
        Options.Validate();
        Model = model;
        _tokenizer = tokenizer;
        _endTokens = [.. model.Config.EosTokenIds];
        _pool = Options.CreatePool(model.Config);
        _prefixes = new PrefixCache(_pool);
        _graph = new Graph(workers, recording: false) { Precision = Options.Precision!.Value };
        _drafter = Options.Speculation?.CreateDrafter(model, _pool, Options, _graph);
        ContextLength = (int)Math.Min(Options.MaxContext ?? int.MaxValue, Math.Min(model.Config.MaxPositionEmbeddings, (long)_pool.Pages * PagePool.PageTokens));
    }

    /// <summary>The model.</summary>
    public Transformer Model { get; }

    /// <summary>The bounds.</summary>
    public EngineOptions Options { get; }

    /// <summary>Most tokens that a sequence can have: the model's context, or what all pages hold if that is less.</summary>
    public int ContextLength { get; }

    /// <summary>Whether there is nothing to do.</summary>
    public bool IsIdle => _running.Count == 0 && _waitingCount == 0;

    /// <summary>What is being done and has been done.</summary>
    public EngineStatistics Statistics => new()
    {
        RunningSequences = _running.Count,
        WaitingSequences = _waitingCount,
        PagesTotal = _pool.Pages,
        PagesUsed = _pool.UsedPages,
        PagesCached = _pool.CachedPages,
        PromptTokens = _promptTokens,
        CachedTokens = _cachedTokens,
        GeneratedTokens = _generatedTokens,
        PrefixHits = _prefixHits,
        Preemptions = _preemptions,
        DraftedTokens = _drafted,
        AcceptedTokens = _accepted,
        Verifications = _verifications,
        Steps = _steps,
        FinishedRequests = _finished,
        CancelledRequests = _cancelled,
        FailedRequests = _failed,
    };

    /// <summary>Does the next piece of work.</summary>
    /// <returns>False if there is none.</returns>
    public bool Step()
    {
        _batch.Clear();
        PlanRunning();
        Admit();
        PlanTokens();
        if (_batch.Parts.IsEmpty) return false;
        _steps++;
        try
        {
            Compute();
        }
        catch (Exception e)
        {
            // Nothing of a failed step is known to be right, so all who took part in it end.
            foreach (ref readonly StepPart part in _batch.Parts) Fail(part.Sequence.Request, e);
        }

        _graph.Reset();
        return true;
    }

    /// <summary>Forgets what is kept of earlier prompts: to be called when the model's weights have changed. Nothing may be running.</summary>
    /// <exception cref="InvalidOperationException">Requests run or wait.</exception>
    public void ForgetPrefixes()
    {
        if (!IsIdle) throw new InvalidOperationException($"{_running.Count + _waitingCount} sequences run or wait, expected none while weights change");
        _prefixes.Clear();
    }

    /// <summary>Ends all requests as failed.</summary>
    public void FailAll(Exception failure)
    {
        while (_running.Count > 0) Fail(_running[^1].Request, failure);
        while (_waiting.TryDequeue(out ScheduledSequence? sequence, out _)) Fail(sequence.Request, failure);
    }

    /// <summary>Frees the cache. Requests that have not ended are told nothing; see <see cref="FailAll"/>.</summary>
    public void Dispose()
    {
        _drafter?.Dispose();
        _graph.Dispose();
        _pool.Dispose();
    }

    private void Compute()
    {
        TokenBatch tokens = _batch.Tokens();
        Tensor hidden = Model.Forward(_graph, tokens, Options.Form, Probe); // [tokens, hidden]
        _drafter?.TakeIn(_batch, hidden);
        Matrix? logits = null;                                              // [scored, vocabulary]
        if (_batch.Scored > 0)
        {
            logits = Model.Logits(_graph, _batch.ScoresAll ? hidden : _graph.Rows(hidden, _batch.ScoredRows())).AsMatrix();
        }

        foreach (ref readonly StepPart part in _batch.Parts)
        {
            // A sample that failed took the others of its request with it.
            if (part.Sequence.IsEnded) continue;
            if (part.Drafts == 0) part.Sequence.KeepPages(_prefixes);
            if (part.Sequence.Request.StateSum is { } sum) AddStates(part, hidden.AsMatrix(), sum);
            if (part.LogitsRow >= 0) Draw(part, logits!.Value);
        }

        if (_drafter is not null) Draft(_drafter, hidden);
    }

    private void AddStates(StepPart part, Matrix hidden, double[] sum)
    {
        for (int row = part.Start; row < part.Start + part.Count; row++)
        {
            ReadOnlySpan<float> state = hidden.Row(row);
            for (int i = 0; i < sum.Length; i++) sum[i] += state[i];
        }

        if (part.Sequence.Pending == 0) Finish(part.Sequence);
    }

    // The first sample has taken the prompt in for all: they draw from the same row, and fork.
    private void Draw(StepPart part, Matrix logits)
    {
        ScheduledSequence sequence = part.Sequence;
        ScheduledRequest request = sequence.Request;
        try
        {
            if (sequence.Sample == 0 && sequence.Count == sequence.PromptLength)
            {
                for (int s = 1; s < request.Sequences.Length; s++)
                {
                    ScheduledSequence sibling = request.Sequences[s];
                    sibling.Begin(sequence);
                    Park(sibling);
                    DrawOne(sibling, logits.Row(part.LogitsRow));
                }
            }

            if (part.Drafts == 0) DrawOne(sequence, logits.Row(part.LogitsRow));
            else Verify(part, logits);
        }
        catch (Exception e)
        {
            Fail(request, e);
        }
    }

    private void DrawOne(ScheduledSequence sequence, ReadOnlySpan<float> logits)
    {
        GenerationRequest request = sequence.Request.Request;
        int token = sequence.Sampler!.Next(logits);
        _generatedTokens++;
        if (_endTokens.Contains(token))
        {
            FinishWith(sequence, FinishReason.Stop, endToken: token);
            return;
        }

        sequence.Sampler.Observe(token);
        sequence.Add(token);
        string text = sequence.Text?.Add(token) ?? "";
        GenerationEvent e = new(sequence.Sample, text) { Token = new TokenScore(token, float.NaN) };
        if (request.TopLogProbs is { } top)
        {
            ScoredToken scored = LogProbabilities.Of(logits, token, top);
            e = e with { Token = scored.Token, Alternatives = scored.Best };
        }

        sequence.Request.Tell(e);
        if (sequence.IsEnded) return; // cancelled by who was told
        if (sequence.Text is { IsStopped: true } || sequence.Sampler.IsFulfilled) FinishWith(sequence, FinishReason.Stop);
        else if (sequence.Count == sequence.Limit) FinishWith(sequence, FinishReason.Length);
    }

    private void FinishWith(ScheduledSequence sequence, FinishReason reason, int? endToken = null)
    {
        ScheduledRequest request = sequence.Request;
        request.Tell(new GenerationEvent(sequence.Sample, sequence.Text?.Flush() ?? "") { Finish = reason, EndToken = endToken, CachedTokens = request.CachedTokens });
        Finish(sequence);
    }

    private void Finish(ScheduledSequence sequence)
    {
        Retire(sequence);
        if (sequence.Request.FinishSample()) _finished++;
    }
}
