using System.Text.Json;

namespace Hadal.Server.Contracts;

/// <summary>The body of POST /v1/completions.</summary>
internal sealed class CompletionRequest : SampledRequest
{
    /// <summary>A string, an array of strings, token ids, or an array of arrays of token ids.</summary>
    public JsonElement? Prompt { get; init; }

    public bool? Echo { get; init; }

    /// <summary>Alternatives told with each token.</summary>
    public int? Logprobs { get; init; }

    public string? Suffix { get; init; }

    public int? BestOf { get; init; }
}
