using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Hadal.Server.Contracts;
using Microsoft.AspNetCore.Http;

namespace Hadal.Server.Http;

/// <summary>Writes JSON as the whole of a response.</summary>
internal static class JsonReply
{
    /// <summary>Answers with a value.</summary>
    public static async Task WriteAsync<T>(HttpResponse response, int status, T value, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        response.StatusCode = status;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(response.HttpContext.Request.Method)) await response.BodyWriter.WriteAsync(body, cancellation).ConfigureAwait(false);
    }

    /// <summary>Answers with an error.</summary>
    public static Task WriteAsync(HttpResponse response, ApiException error, CancellationToken cancellation)
    {
        if (error.RetryAfter is { } wait) response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        if (error.Allow is { } method) response.Headers.Allow = method;
        if (error.Status == StatusCodes.Status401Unauthorized) response.Headers.WWWAuthenticate = "Bearer";
        if (!error.MayRetry) response.Headers["x-should-retry"] = "false";
        return WriteAsync(response, error.Status, error.Body, ServerJson.Relaxed.ErrorResponse, cancellation);
    }
}
