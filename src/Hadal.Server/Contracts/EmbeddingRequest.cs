using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hadal.Server.Contracts;

/// <summary>The body of POST /v1/embeddings.</summary>
internal sealed class EmbeddingRequest
{
    public string? Model { get; init; }

    /// <summary>A string, an array of strings, token ids, or an array of arrays of token ids.</summary>
    public JsonElement? Input { get; init; }

    public string? EncodingFormat { get; init; }

    public int? Dimensions { get; init; }

    public JsonElement? User { get; init; }

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}
