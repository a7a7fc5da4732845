namespace Hadal.Server.Contracts;

/// <summary>The answer of GET /v1/models.</summary>
internal sealed record ModelListResponse(string Object, IReadOnlyList<ModelResponse> Data);

/// <summary>A model that is served; what it can beyond OpenAI's members is for pages and people.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Object"><c>model</c>.</param>
/// <param name="Created">When it was loaded, in seconds since 1970.</param>
/// <param name="OwnedBy">Who serves it.</param>
/// <param name="ContextLength">Tokens of prompt and answer together.</param>
/// <param name="SupportsChat">Whether it has a chat template.</param>
internal sealed record ModelResponse(string Id, string Object, long Created, string OwnedBy, int ContextLength, bool SupportsChat);
