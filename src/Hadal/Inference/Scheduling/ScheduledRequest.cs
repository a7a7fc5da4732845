namespace Hadal.Inference;

/// <summary>A request that a <see cref="Scheduler"/> has taken: what it cancels by.</summary>
public sealed class ScheduledRequest
{
    private readonly Action<GenerationEvent> _onEvent;
    private readonly Action<Exception?> _onEnd;
    private int _unfinished;

    internal ScheduledRequest(GenerationRequest request, int samples, Action<GenerationEvent> onEvent, Action<Exception?> onEnd)
    {
        Request = request;
        Sequences = new ScheduledSequence[samples];
        _unfinished = samples;
        (_onEvent, _onEnd) = (onEvent, onEnd);
    }

    /// <summary>What was asked for.</summary>
    public GenerationRequest Request { get; }

    /// <summary>Whether no more will be told of it.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>Tokens of the prompt that were found computed when the request was begun.</summary>
    public int CachedTokens { get; internal set; }

    /// <summary>Whether the prompt has been looked up among cached pages.</summary>
    internal bool IsBegun { get; set; }

    /// <summary>The samples. The first takes the prompt in; the others begin with what it leaves behind.</summary>
    internal ScheduledSequence[] Sequences { get; }

    /// <summary>The model's state at the prompt's last position, [hidden], where a prediction module will need it for the other samples.</summary>
    internal float[]? PromptState { get; set; }

    /// <summary>Where the text's states are added up, for requests that want no tokens: [hidden].</summary>
    internal double[]? StateSum { get; init; }

    internal void Tell(GenerationEvent e) => _onEvent(e);

    /// <summary>Counts a sample as done; true if it was the last.</summary>
    internal bool FinishSample()
    {
        if (--_unfinished > 0) return false;
        End(null);
        return true;
    }

    internal void End(Exception? failure)
    {
        IsEnded = true;
        _onEnd(failure);
    }

    /// <summary>Ends without telling the caller, who gave up.</summary>
    internal void Abandon() => IsEnded = true;
}
