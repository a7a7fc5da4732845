using Hadal.Models;

namespace Hadal.Inference;

// How requests come and go.
public sealed partial class Scheduler
{
    /// <summary>Most samples of one request.</summary>
    public const int MaxSamples = 1024;

    /// <summary>Takes a request in, to be begun by a later step.</summary>
    /// <param name="request">The request.</param>
    /// <param name="onEvent">Told what happens, within <see cref="Step"/> or this call. What it throws ends the request.</param>
    /// <param name="onEnd">Told once that all samples have ended, with the exception if the request failed; never after a cancellation.</param>
    /// <exception cref="ArgumentException">The request makes no sense for this model.</exception>
    public ScheduledRequest Submit(GenerationRequest request, Action<GenerationEvent> onEvent, Action<Exception?> onEnd)
    {
        Check(request);
        ScheduledRequest scheduled = new(request, request.Samples, onEvent, onEnd);
        int[] prompt = [.. request.Prompt];
        int limit = (int)Math.Min(ContextLength, (long)prompt.Length + request.MaxTokens);
        for (int s = 0; s < request.Samples; s++)
        {
            Sampler sampler = new(request.Sampling with { Seed = unchecked(request.Sampling.Seed + s) }, request.Constraint);
            sampler.ObservePrompt(prompt);
            scheduled.Sequences[s] = new ScheduledSequence(scheduled, s, _nextOrder++, s == 0 ? prompt : [.. prompt], limit)
            {
                Sampler = sampler,
                Text = _tokenizer is null ? null : new SequenceText(_tokenizer, prompt, request.StopStrings, request.ShownSpecials),
            };
        }

        // The other samples come in when the first has taken in the prompt.
        _waitingCount += request.Samples;
        _waiting.Enqueue(scheduled.Sequences[0], scheduled.Sequences[0].Order);
        if (request.MaxTokens == 0)
        {
            foreach (ScheduledSequence sequence in scheduled.Sequences) FinishWith(sequence, FinishReason.Length);
        }

        return scheduled;
    }

    /// <summary>Takes a text in whose last hidden states are wanted, rather than its continuation.</summary>
    /// <param name="ids">Its tokens.</param>
    /// <param name="onEnd">Told once, with the mean of the states, [hidden], or with the exception if it failed; never after a cancellation.</param>
    /// <exception cref="ArgumentException">There are no tokens, too many, or one that is not in the vocabulary.</exception>
    public ScheduledRequest SubmitEmbedding(IReadOnlyList<int> ids, Action<float[]?, Exception?> onEnd)
    {
        CheckText(ids);
        double[] sum = new double[Model.Config.HiddenSize];
        ScheduledRequest scheduled = new(
            new GenerationRequest(ids, 0, new SamplingOptions()), 1, _ => { },
            failure => onEnd(failure is null ? [.. sum.Select(s => (float)(s / ids.Count))] : null, failure))
        {
            StateSum = sum,
        };
        scheduled.Sequences[0] = new ScheduledSequence(scheduled, 0, _nextOrder++, [.. ids], ids.Count);
        _waitingCount++;
        _waiting.Enqueue(scheduled.Sequences[0], scheduled.Sequences[0].Order);
        return scheduled;
    }

    /// <summary>Ends a request that its caller has given up; its pages are back when this returns.</summary>
    public void Cancel(ScheduledRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.IsEnded) return;
        request.Abandon();
        RetireAll(request);
        _cancelled++;
    }

    /// <summary>Refuses requests that make no sense for this model.</summary>
    /// <exception cref="ContextLengthException">The prompt is longer than the context.</exception>
    /// <exception cref="ArgumentException">It says what was found and what was expected.</exception>
    public void Check(GenerationRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Sampling.Validate();
        CheckTokens(request.Prompt, ContextLength - 1, nameof(request));
        if (request.MaxTokens < 0) throw new ArgumentException($"a request is for {request.MaxTokens} tokens, expected 0 or more", nameof(request));
        if (request.Samples is < 1 or > MaxSamples)
        {
            throw new ArgumentException($"a request is for {request.Samples} samples, expected 1 to {MaxSamples}", nameof(request));
        }

        if (request.TopLogProbs < 0) throw new ArgumentException($"a request is for {request.TopLogProbs} alternatives, expected 0 or more", nameof(request));
        if (request.StopStrings.Count > 0 && _tokenizer is null) throw new ArgumentException("stop strings need a tokenizer, found none", nameof(request));
        foreach (string stop in request.StopStrings)
        {
            if (string.IsNullOrEmpty(stop)) throw new ArgumentException("a stop string is empty, expected at least one character", nameof(request));
        }
    }

    /// <summary>Refuses texts that this model can't take in.</summary>
    /// <exception cref="ContextLengthException">The text is longer than the context.</exception>
    /// <exception cref="ArgumentException">It says what was found and what was expected.</exception>
    public void CheckText(IReadOnlyList<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        CheckTokens(ids, ContextLength, nameof(ids));
    }

    private void CheckTokens(IReadOnlyList<int> ids, int most, string name)
    {
        if (ids.Count == 0) throw new ArgumentException($"a prompt has 0 tokens, expected 1 to {most}", name);
        if (ids.Count > most)
        {
            string room = ContextLength < Model.Config.MaxPositionEmbeddings ? "the pages of this engine's cache" : "this model's context";
            throw new ContextLengthException("a prompt", ids.Count, most, room);
        }

        for (int i = 0; i < ids.Count; i++)
        {
            if ((uint)ids[i] < (uint)Model.Config.VocabSize) continue;
            throw new ArgumentException($"token {i} of a prompt is {ids[i]}, expected 0 to {Model.Config.VocabSize - 1}, the model's vocabulary", name);
        }
    }

    private void Fail(ScheduledRequest request, Exception failure)
    {
        if (request.IsEnded) return;
        RetireAll(request);
        _failed++;
        request.End(failure);
    }

    private void RetireAll(ScheduledRequest request)
    {
        foreach (ScheduledSequence sequence in request.Sequences) Retire(sequence);
    }

    // Takes a sequence from wherever it is; its entry in the queue is passed over when its turn comes.
    private void Retire(ScheduledSequence sequence)
    {
        if (sequence.IsEnded) return;
        sequence.IsEnded = true;
        if (sequence.IsRunning) _running.Remove(sequence);
        else _waitingCount--;
        _parked.Remove(sequence);
        sequence.IsRunning = false;
        sequence.Release(_prefixes);
    }
}
