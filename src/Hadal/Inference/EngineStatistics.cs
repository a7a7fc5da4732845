namespace Hadal.Inference;

/// <summary>What a scheduler does and has done.</summary>
public sealed record EngineStatistics
{
    /// <summary>Sequences that are computed side by side.</summary>
    public int RunningSequences { get; init; }

    /// <summary>Sequences that wait: new ones, samples that wait for their prompt, and those that gave way to others.</summary>
    public int WaitingSequences { get; init; }

    /// <summary>Pages of the cache.</summary>
    public int PagesTotal { get; init; }

    /// <summary>Pages that sequences hold; 0 when nothing runs or waits.</summary>
    public int PagesUsed { get; init; }

    /// <summary>Pages that no sequence holds and that are kept for later prompts.</summary>
    public int PagesCached { get; init; }

    /// <summary>Tokens of the prompts that were begun.</summary>
    public long PromptTokens { get; init; }

    /// <summary>How many of them were found computed.</summary>
    public long CachedTokens { get; init; }

    /// <summary>Tokens drawn.</summary>
    public long GeneratedTokens { get; init; }

    /// <summary>Requests whose prompt began with cached pages.</summary>
    public long PrefixHits { get; init; }

    /// <summary>Times that a sequence lost its pages to an older one.</summary>
    public long Preemptions { get; init; }

    /// <summary>Tokens that were drafted and verified.</summary>
    public long DraftedTokens { get; init; }

    /// <summary>How many of them were right.</summary>
    public long AcceptedTokens { get; init; }

    /// <summary>Times that drafts of a sequence were verified.</summary>
    public long Verifications { get; init; }

    /// <summary>The share of drafted tokens that were right; 0 if none was drafted.</summary>
    public double AcceptanceRate => DraftedTokens == 0 ? 0 : (double)AcceptedTokens / DraftedTokens;

    /// <summary>Tokens that a sequence gained with a verification, where plain decoding gains one; 1 if there was none.</summary>
    public double TokensPerVerification => Verifications == 0 ? 1 : 1 + (double)AcceptedTokens / Verifications;

    /// <summary>Passes through the model.</summary>
    public long Steps { get; init; }

    /// <summary>Requests that came to their end.</summary>
    public long FinishedRequests { get; init; }

    /// <summary>Requests that their caller gave up.</summary>
    public long CancelledRequests { get; init; }

    /// <summary>Requests that failed.</summary>
    public long FailedRequests { get; init; }
}
