using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hadal.Server.Contracts;

/// <summary>How bodies are read and written: snake case, no duplicate members, no comments, bounded depth, no reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false, MaxDepth = MaxDepth)]
[JsonSerializable(typeof(ChatCompletionRequest))]
[JsonSerializable(typeof(CompletionRequest))]
[JsonSerializable(typeof(EmbeddingRequest))]
[JsonSerializable(typeof(ChatCompletionResponse))]
[JsonSerializable(typeof(ChatChunk))]
[JsonSerializable(typeof(ChatChunkWithUsage))]
[JsonSerializable(typeof(CompletionResponse))]
[JsonSerializable(typeof(EmbeddingResponse))]
[JsonSerializable(typeof(ModelListResponse))]
[JsonSerializable(typeof(ErrorResponse))]
[JsonSerializable(typeof(HealthResponse))]
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
[JsonSerializable(typeof(float[]))]
internal sealed partial class ServerJson : JsonSerializerContext
{
    /// <summary>Deepest nesting of a body; schemas and tools are the deepest that make sense.</summary>
    public const int MaxDepth = 64;

    /// <summary>Text is written as it is: bodies are application/json in UTF-8 and never part of a page.</summary>
    public static ServerJson Relaxed => Holder.Context;

    // Apart, so that it is made after the generated Default.
    private static class Holder
    {
        public static readonly ServerJson Context = new(new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}
