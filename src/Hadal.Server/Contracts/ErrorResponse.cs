using System.Text.Json.Serialization;

namespace Hadal.Server.Contracts;

/// <summary>Any error, as OpenAI writes it.</summary>
internal sealed record ErrorResponse(ErrorBody Error);

internal sealed record ErrorBody(string Message, string Type)
{
    /// <summary>The member of the body that is wrong.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Param { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Code { get; init; }
}

/// <summary>The answer of GET /health.</summary>
/// <param name="Status"><c>ok</c>, <c>loading</c>, <c>failed</c> or <c>stopping</c>; all but the first with status 503.</param>
internal sealed record HealthResponse(string Status);
