using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hadal.Server.Contracts;

/// <summary>What requests for chat and for plain completions have in common. Null is what a client left out or set to null.</summary>
internal abstract class SampledRequest
{
    public string? Model { get; init; }

    public double? Temperature { get; init; }

    public double? TopP { get; init; }

    public double? PresencePenalty { get; init; }

    public double? FrequencyPenalty { get; init; }

    /// <summary>Token ids, as text, to what is added to their logits.</summary>
    public Dictionary<string, double>? LogitBias { get; init; }

    public long? Seed { get; init; }

    public int? N { get; init; }

    /// <summary>A string, or an array of strings.</summary>
    public JsonElement? Stop { get; init; }

    public bool? Stream { get; init; }

    public StreamOptions? StreamOptions { get; init; }

    public int? MaxTokens { get; init; }

    // Beyond OpenAI's, under the names that other servers gave them.
    public int? TopK { get; init; }

    public double? MinP { get; init; }

    public double? RepetitionPenalty { get; init; }

    // Read, so that clients may send them, and without effect: nothing is stored, billed or told to anyone.
    public JsonElement? User { get; init; }

    public JsonElement? Metadata { get; init; }

    public JsonElement? Store { get; init; }

    public JsonElement? ServiceTier { get; init; }

    public JsonElement? SafetyIdentifier { get; init; }

    public JsonElement? PromptCacheKey { get; init; }

    public JsonElement? PromptCacheRetention { get; init; }

    /// <summary>What isn't known here; such a request is refused, because it asks for something that it wouldn't get.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>How an answer is streamed.</summary>
internal sealed class StreamOptions
{
    public bool? IncludeUsage { get; init; }

    /// <summary>Padding against guessing from lengths, which this server does not add; clients send it as false to say so.</summary>
    public bool? IncludeObfuscation { get; init; }
}
