using System.Text.Json.Serialization;

namespace Hadal.Server.Contracts;

/// <summary>An answer of POST /v1/chat/completions, whole.</summary>
internal sealed record ChatCompletionResponse(string Id, string Object, long Created, string Model, IReadOnlyList<ChatChoice> Choices, UsageResponse Usage)
{
    public string SystemFingerprint { get; init; } = ServerVersion.Fingerprint;
}

internal sealed record ChatChoice(int Index, AnswerMessage Message, string FinishReason)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ChatLogprobs? Logprobs { get; init; }
}

internal sealed record AnswerMessage(string Role)
{
    /// <summary>Null where the assistant only called tools.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Content { get; init; }

    /// <summary>Always null: models of this kind refuse in words.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Refusal { get; init; }

    public string? ReasoningContent { get; init; }

    public IReadOnlyList<ToolCallResponse>? ToolCalls { get; init; }
}

/// <summary>A call of a tool; in a stream with its index among the calls of the answer.</summary>
internal sealed record ToolCallResponse(string Id, string Type, FunctionResponse Function)
{
    public int? Index { get; init; }
}

internal sealed record FunctionResponse(string Name, string Arguments);

/// <summary>A piece of a streamed answer.</summary>
internal record ChatChunk(string Id, string Object, long Created, string Model, IReadOnlyList<ChunkChoice> Choices)
{
    public string SystemFingerprint { get; init; } = ServerVersion.Fingerprint;
}

/// <summary>A piece of an answer whose client asked for usage: null but on the last one.</summary>
internal sealed record ChatChunkWithUsage(string Id, string Object, long Created, string Model, IReadOnlyList<ChunkChoice> Choices)
    : ChatChunk(Id, Object, Created, Model, Choices)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public UsageResponse? Usage { get; init; }
}

internal sealed record ChunkChoice(int Index, Delta Delta)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ChatLogprobs? Logprobs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? FinishReason { get; init; }
}

internal sealed record Delta
{
    public string? Role { get; init; }

    public string? Content { get; init; }

    public string? ReasoningContent { get; init; }

    public IReadOnlyList<ToolCallResponse>? ToolCalls { get; init; }
}

internal sealed record ChatLogprobs(IReadOnlyList<TokenLogprob> Content)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public IReadOnlyList<TokenLogprob>? Refusal { get; init; }
}

/// <summary>A token's text, its bytes (a character may take several tokens) and its log-probability in nats.</summary>
internal sealed record TokenLogprob(string Token, float Logprob, int[] Bytes)
{
    /// <summary>The most probable tokens in its place; not there on those themselves.</summary>
    public IReadOnlyList<TokenLogprob>? TopLogprobs { get; init; }
}
