using System.Text.Json;

namespace Hadal.Server.Contracts;

/// <summary>An answer of POST /v1/embeddings.</summary>
internal sealed record EmbeddingResponse(string Object, IReadOnlyList<EmbeddingData> Data, string Model, EmbeddingUsage Usage);

/// <summary>One input's embedding: an array of numbers, or the bytes of F32 numbers, lowest first, in base 64.</summary>
internal sealed record EmbeddingData(string Object, int Index, JsonElement Embedding);

internal sealed record EmbeddingUsage(int PromptTokens, int TotalTokens);
