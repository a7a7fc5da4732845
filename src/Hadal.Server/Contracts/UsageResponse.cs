namespace Hadal.Server.Contracts;

/// <summary>What a request cost.</summary>
internal sealed record UsageResponse(int PromptTokens, int CompletionTokens, int TotalTokens)
{
    public PromptTokensDetails? PromptTokensDetails { get; init; }

    public CompletionTokensDetails? CompletionTokensDetails { get; init; }
}

internal sealed record PromptTokensDetails(int CachedTokens);

internal sealed record CompletionTokensDetails(int ReasoningTokens);
