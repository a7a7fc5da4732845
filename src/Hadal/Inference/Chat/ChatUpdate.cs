namespace Hadal.Inference.Chat;

/// <summary>Why an answer ended.</summary>
public enum ChatFinish
{
    /// <summary>The assistant is done, or a stop string came.</summary>
    Stop,

    /// <summary>The allowed number of tokens, or the context, was used up.</summary>
    Length,

    /// <summary>The assistant called tools.</summary>
    ToolCalls,
}

/// <summary>A call of a tool.</summary>
/// <param name="Id">Names the call for the tool's answer.</param>
/// <param name="Name">The function.</param>
/// <param name="Arguments">Its arguments, the text of a JSON object.</param>
public sealed record ToolCall(string Id, string Name, string Arguments);

/// <summary>What a request cost.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="CachedTokens">How many of them had been computed before.</param>
/// <param name="CompletionTokens">Tokens drawn, of all samples.</param>
/// <param name="ReasoningTokens">How many of them were thoughts.</param>
public sealed record ChatUsage(int PromptTokens, int CachedTokens, int CompletionTokens, int ReasoningTokens);

/// <summary>A piece of an answer. What is null is not in this piece.</summary>
/// <param name="Sample">Which answer, from 0.</param>
public sealed record ChatUpdate(int Sample)
{
    /// <summary>More of the assistant's thoughts.</summary>
    public string? Reasoning { get; init; }

    /// <summary>More of what it says.</summary>
    public string? Content { get; init; }

    /// <summary>A complete call of a tool.</summary>
    public ToolCall? ToolCall { get; init; }

    /// <summary>The token that this piece comes from, where log-probabilities were asked for; with its alternatives.</summary>
    public GenerationEvent? Scored { get; init; }

    /// <summary>Whether <see cref="Scored"/> belongs to the thoughts.</summary>
    public bool IsScoredReasoning { get; init; }

    /// <summary>Set on the last update of a sample.</summary>
    public ChatFinish? Finish { get; init; }

    /// <summary>Set once, on the last update of all.</summary>
    public ChatUsage? Usage { get; init; }
}
