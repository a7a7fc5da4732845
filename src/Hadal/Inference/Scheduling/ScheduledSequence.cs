using Hadal.Models;

namespace Hadal.Inference;

/// <summary>One sample of a request: its tokens, and while it has pages its cache.</summary>
internal sealed class ScheduledSequence
{
    private readonly int _promptLength;
    private int[] _tokens;
    private int _count;
    private int _keptPages, _draftCount;

    /// <param name="request">The request.</param>
    /// <param name="sample">Which of its samples.</param>
    /// <param name="order">Who came earlier: the lower goes first.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="limit">Most tokens that the sequence can have, those of the prompt included.</param>
    public ScheduledSequence(ScheduledRequest request, int sample, long order, int[] prompt, int limit)
    {
        (Request, Sample, Order, Limit) = (request, sample, order, limit);
        (_tokens, _count, _promptLength) = (prompt, prompt.Length, prompt.Length);
    }

    public ScheduledRequest Request { get; }

    public int Sample { get; }

    public long Order { get; }

    public int Limit { get; }

    /// <summary>Draws its tokens; null if none are wanted.</summary>
    public Sampler? Sampler { get; init; }

    /// <summary>Makes text of them; null where nobody reads it.</summary>
    public SequenceText? Text { get; init; }

    /// <summary>What it has computed so far; null while it has no pages.</summary>
    public KvCache? Cache { get; set; }

    /// <summary>Whether it is computed in the next step, rather than waiting.</summary>
    public bool IsRunning { get; set; }

    /// <summary>Whether it has come to its end.</summary>
    public bool IsEnded { get; set; }

    public int Count => _count;

    public int PromptLength => _promptLength;

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, _count);

    /// <summary>Tokens that are not computed yet, one at least; all of them without a cache.</summary>
    public int Pending => _count - (Cache?.Length ?? 0);

    public void Add(int token)
    {
        if (_count == _tokens.Length) Array.Resize(ref _tokens, Math.Min(Limit, 2 * _count + 16));
        _tokens[_count++] = token;
    }

    /// <summary>What is guessed to follow the tokens.</summary>
    public ReadOnlySpan<int> Drafts => _tokens.AsSpan(_count, _draftCount);

    /// <summary>The tokens and what is guessed to follow them.</summary>
    public ReadOnlySpan<int> TokensAndDrafts => _tokens.AsSpan(0, _count + _draftCount);

    /// <summary>Most tokens to draft now.</summary>
    public int DraftRoom { get; set; }

    /// <summary>How many that should be.</summary>
    public DraftPace Pace { get; } = new();

    /// <summary>What a draft model has computed.</summary>
    public KvCache? DraftCache { get; set; }

    /// <summary>For how many of the first tokens a prediction module's rows are in the cache.</summary>
    public int ModuleLength { get; set; }

    /// <summary>Where the last pass of a prediction module has the sequence's last row.</summary>
    public int ModuleRow { get; set; }

    /// <summary>Adds a guess; there has to be room for it and one more token within <see cref="Limit"/>.</summary>
    public void AddDraft(int token)
    {
        if (_count + _draftCount == _tokens.Length) Array.Resize(ref _tokens, Math.Min(Limit, 2 * _tokens.Length + 16));
        _tokens[_count + _draftCount++] = token;
    }

    /// <summary>Forgets the guesses.</summary>
    public void DropDrafts() => _draftCount = 0;

    /// <summary>Frees what a draft model has computed.</summary>
    public void EndDraftCache()
    {
        DraftCache?.Dispose();
        DraftCache = null;
    }

    /// <summary>The last page that later sequences can begin with.</summary>
    public PrefixPage? LastKept { get; private set; }

    /// <summary>Gives the sequence a cache with all pages that are kept of its beginning.</summary>
    /// <param name="pool">The pool.</param>
    /// <param name="prefixes">The pages that are kept.</param>
    /// <param name="pages">Receives the pages in order.</param>
    /// <param name="hasModule">
    /// Whether pages have rows of a prediction module: these look at the token that follows, so that the last page found is of use only as
    /// far as another one follows it, and is computed again.
    /// </param>
    public void Begin(PagePool pool, PrefixCache prefixes, List<int> pages, bool hasModule)
    {
        Cache = new KvCache(pool);

        // States are asked for all tokens, and pages have none.
        if (Request.StateSum is not null) return;
        LastKept = prefixes.Find(Tokens, pages);
        if (hasModule && LastKept is not null)
        {
            LastKept = LastKept.Parent;
            pages.RemoveAt(pages.Count - 1);
        }

        Cache.Adopt(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(pages));
        (_keptPages, ModuleLength) = (pages.Count, Cache.Length);
    }

    /// <summary>Takes over what another sample has computed of the prompt.</summary>
    public void Begin(ScheduledSequence leader)
    {
        Cache = leader.Cache!.Fork();
        (LastKept, _keptPages, ModuleLength) = (leader.LastKept, leader._keptPages, leader.ModuleLength);
    }

    /// <summary>Keeps the pages that have become full.</summary>
    public void KeepPages(PrefixCache prefixes)
    {
        if (LastKept is { IsForgotten: true }) (LastKept, _keptPages) = (null, 0);
        for (int full = Cache!.Length / PagePool.PageTokens; _keptPages < full; _keptPages++)
        {
            // Once a page could not be kept, those behind it could never be found.
            if (_keptPages > 0 && LastKept is null) return;
            LastKept = prefixes.Keep(LastKept, Tokens.Slice(_keptPages * PagePool.PageTokens, PagePool.PageTokens), Cache.Pages[_keptPages]);
        }
    }

    /// <summary>Gives all pages back; what is kept of them can be found again.</summary>
    public void Release(PrefixCache prefixes)
    {
        DropDrafts();
        EndDraftCache();
        if (Cache is null) return;
        prefixes.Touch(LastKept);
        Cache.Dispose();
        (Cache, LastKept, _keptPages, ModuleLength) = (null, null, 0, 0);
    }
}
