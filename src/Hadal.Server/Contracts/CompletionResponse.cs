using System.Text.Json.Serialization;

namespace Hadal.Server.Contracts;

/// <summary>An answer of POST /v1/completions: whole with usage, or a piece of one.</summary>
internal sealed record CompletionResponse(string Id, string Object, long Created, string Model, IReadOnlyList<CompletionChoice> Choices)
{
    public string SystemFingerprint { get; init; } = ServerVersion.Fingerprint;

    public UsageResponse? Usage { get; init; }
}

internal sealed record CompletionChoice(int Index, string Text)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public CompletionLogprobs? Logprobs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? FinishReason { get; init; }
}

/// <summary>Log-probabilities token by token, side by side.</summary>
internal sealed class CompletionLogprobs
{
    public List<string> Tokens { get; } = [];

    public List<float> TokenLogprobs { get; } = [];

    /// <summary>The most probable tokens in each place, by their text.</summary>
    public List<Dictionary<string, float>> TopLogprobs { get; } = [];

    /// <summary>Where each token begins in the choice's text, in UTF-16 units.</summary>
    public List<int> TextOffset { get; } = [];
}
