using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Hadal.Server.Http;

/// <summary>Reads a request's JSON as it comes in, within bounds.</summary>
internal static class JsonBody
{
    /// <summary>Reads the body.</summary>
    /// <exception cref="ApiException">413, 415, or 400 with the member that is wrong.</exception>
    public static async Task<T> ReadAsync<T>(HttpRequest request, JsonTypeInfo<T> type, long maxBytes, CancellationToken cancellation)
        where T : class
    {
        if (!request.HasJsonContentType()) throw new ApiException(415, "the content type must be application/json");
        if (request.Headers.ContentEncoding.Count > 0) throw new ApiException(415, "the body must not be compressed");
        if (request.ContentLength > maxBytes) throw BoundedStream.TooLarge(maxBytes);
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature) feature.MaxRequestBodySize = null; // counted below
        await using BoundedStream body = new(request.Body, maxBytes);
        try
        {
            return await JsonSerializer.DeserializeAsync(body, type, cancellation).ConfigureAwait(false)
                ?? throw new ApiException(400, "the body is null, expected a JSON object");
        }
        catch (JsonException e)
        {
            throw Explain(e);
        }
    }

    // The reader's own exceptions are of a type derived from JsonException: the text is no JSON. Others name a place that has the wrong type.
    private static ApiException Explain(JsonException e)
    {
        if (e.GetType() != typeof(JsonException) || e.InnerException is JsonException || Param(e.Path) is not { Length: > 0 } param)
        {
            string place = e.LineNumber is { } line ? $" (line {line + 1}, byte {e.BytePositionInLine + 1})" : "";
            return new ApiException(400, $"the body is not a JSON object, with unique members and nested at most {Contracts.ServerJson.MaxDepth} deep{place}");
        }

        return ApiException.BadValue(param, "has a value of the wrong type, or is there twice");
    }

    // "$.messages[0].role" becomes "messages[0].role". The path comes from the body, so it may be of any length.
    private static string Param(string? path) => path is { Length: > 2 and < 200 } && path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : "";
}
